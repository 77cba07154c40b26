package hashjob_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/events/hashjob"
)

func examples(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("examples/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no examples: %v", err)
	}
	found := map[string][]byte{}
	for _, path := range paths {
		if found[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func TestExamplesAreReadAndSayAllThatTheyMean(t *testing.T) {
	seen := map[hashjob.Kind]bool{}
	for name, document := range examples(t) {
		job, err := hashjob.Parse(document)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		seen[job.Kind] = true
		written, err := json.Marshal(job)
		if err != nil {
			t.Fatal(err)
		}
		var have, want any
		if err := errors.Join(json.Unmarshal(written, &have), json.Unmarshal(document, &want)); err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff(want, have); difference != "" {
			t.Errorf("%s is written otherwise (-read +written):\n%s", name, difference)
		}
	}
	for _, kind := range hashjob.Kinds() {
		if !seen[kind] {
			t.Errorf("there is no example of %s", kind)
		}
	}
}

func TestAnEmptyListIsAnInput(t *testing.T) {
	for _, list := range []string{"hex", "base64"} {
		document := []byte(`{"version":"1","id":"a","kind":"digest","input":{"` + list + `":[]},"digest":{"algorithm":"sha256"}}`)
		job, err := hashjob.Parse(document)
		if err != nil {
			t.Errorf("%s: %v", list, err)
			continue
		}
		if written, err := json.Marshal(job); err != nil || string(written) != string(document) {
			t.Errorf("%s is written as %s, %v", document, written, err)
		}
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	const tree = `"kind":"merkle-root","tree":{"shape":"bitcoin","leaves":"hashes"}`
	const objects = `"input":{"s3":{"bucket":"media","prefix":"a/","form":"objects"}}`
	for name, test := range map[string]struct{ document, field, reason string }{
		"no JSON":                  {`{`, "", "no JSON"},
		"a list":                   {`[]`, "", "want a JSON object, not array"},
		"two documents":            {`{"version":"1","id":"a","kind":"digest"} {}`, "", "something follows"},
		"a field that is unknown":  {`{"version":"1","id":"a","kind":"digest","colour":1}`, "colour", "no such field"},
		"an ID that is a number":   {`{"version":"1","id":1,"kind":"digest"}`, "id", "number does not belong there"},
		"another version":          {`{"version":"2","id":"a","kind":"digest"}`, "version", `want "1"`},
		"no ID":                    {`{"version":"1","kind":"digest"}`, "id", "1 to 128"},
		"an ID that is a path":     {`{"version":"1","id":"../a","kind":"digest"}`, "id", "1 to 128"},
		"another kind":             {`{"version":"1","id":"a","kind":"mine"}`, "kind", "anchor, digest"},
		"no options":               {`{"version":"1","id":"a","kind":"digest","input":{"hex":[]}}`, "digest", "missing"},
		"options of another kind":  {`{"version":"1","id":"a",` + tree + `,"work":{"header":""},"input":{"hex":[]}}`, "work", "does not have it"},
		"no input":                 {`{"version":"1","id":"a",` + tree + `}`, "input", "missing"},
		"an input for none":        {`{"version":"1","id":"a","kind":"proof-of-work","work":{"header":""},"input":{"hex":[]}}`, "input", "does not have it"},
		"two inputs":               {`{"version":"1","id":"a",` + tree + `,"input":{"hex":[],"base64":[]}}`, "input", "not 2"},
		"no object":                {`{"version":"1","id":"a",` + tree + `,"input":{"s3":{"bucket":"media","form":"hex-lines"}}}`, "input.s3", "not 0"},
		"no bucket":                {`{"version":"1","id":"a",` + tree + `,"input":{"s3":{"bucket":"","key":"a","form":"hex-lines"}}}`, "input.s3.bucket", "no name"},
		"another form":             {`{"version":"1","id":"a",` + tree + `,"input":{"s3":{"bucket":"media","key":"a","form":"xml"}}}`, "input.s3.form", "hex-lines"},
		"hashes of 31 bytes":       {`{"version":"1","id":"a",` + tree + `,"input":{"s3":{"bucket":"media","key":"a","form":"records","record_bytes":31}}}`, "input.s3.record_bytes", "32 bytes"},
		"an empty key":             {`{"version":"1","id":"a",` + tree + `,"input":{"s3":{"bucket":"media","keys":["a",""],"form":"hex-lines"}}}`, "input.s3.keys", "0 bytes"},
		"a long prefix":            {`{"version":"1","id":"a",` + tree + `,"input":{"s3":{"bucket":"media","prefix":"` + strings.Repeat("a", 1025) + `","form":"hex-lines"}}}`, "input.s3.prefix", "1025 bytes"},
		"objects as hashes":        {`{"version":"1","id":"a",` + tree + `,` + objects + `}`, "input.s3.form", "entries"},
		"entries of bitcoin":       {`{"version":"1","id":"a","kind":"merkle-root","tree":{"shape":"bitcoin","leaves":"entries"},"input":{"hex":[]}}`, "tree.leaves", "transaction IDs"},
		"nothing to prove":         {`{"version":"1","id":"a","kind":"merkle-proof","tree":{"shape":"bitcoin","leaves":"hashes"},"prove":{},"input":{"hex":[]}}`, "prove", "either"},
		"growth of bitcoin's tree": {`{"version":"1","id":"a","kind":"merkle-proof","tree":{"shape":"bitcoin","leaves":"hashes"},"prove":{"first_leaves":1},"input":{"hex":[]}}`, "prove.first_leaves", "no consistency"},
		"a proof without a kind":   {`{"version":"1","id":"a","kind":"merkle-verify","verify":{"root":"","proof":{"proof":"","tree":"","leaves":1,"root":"","path":[]}}}`, "verify.proof.proof", "neither"},
		"headers of another chain": {`{"version":"1","id":"a","kind":"verify-headers","headers":{"chain":"dogecoin","network":"mainnet"},"input":{"hex":[]}}`, "headers.chain", "neither bitcoin"},
		"a height of ethereum":     {`{"version":"1","id":"a","kind":"verify-headers","headers":{"chain":"ethereum","network":"mainnet","height":1},"input":{"hex":[]}}`, "headers.height", "themselves"},
		"a network of the other":   {`{"version":"1","id":"a","kind":"verify-headers","headers":{"chain":"ethereum","network":"signet"},"input":{"hex":[]}}`, "headers.network", "sepolia"},
		"a genesis of a known one": {`{"version":"1","id":"a","kind":"verify-headers","headers":{"chain":"ethereum","network":"hoodi","genesis":{}},"input":{"hex":[]}}`, "headers.genesis", "unknown"},
		"a genesis that is a list": {`{"version":"1","id":"a","kind":"verify-headers","headers":{"chain":"ethereum","network":"unknown","genesis":[]},"input":{"hex":[]}}`, "", "JSON objects"},
		"an archive of bitcoin":    {`{"version":"1","id":"a","kind":"verify-headers","headers":{"chain":"bitcoin","network":"mainnet"},"input":{"s3":{"bucket":"media","key":"a","form":"archive"}}}`, "input.s3.form", "ethereum"},
		"nothing to sign":          {`{"version":"1","id":"a","kind":"sign","sign":{"key":"alias/a"}}`, "sign", "not 0"},
		"two to sign":              {`{"version":"1","id":"a","kind":"sign","sign":{"key":"alias/a","text":"","data":"0x"}}`, "sign", "not 2"},
		"no key":                   {`{"version":"1","id":"a","kind":"sign","sign":{"key":"","text":"a"}}`, "sign.key", "0 characters"},
		"a header cut off":         {`{"version":"1","id":"a","kind":"proof-of-work","work":{"header":"00"}}`, "work.header", "160"},
		"an anchor of lines":       {`{"version":"1","id":"a","kind":"anchor","anchor":{"retain_days":1},"input":{"hex":["00"]}}`, "input", "whole objects"},
		"an anchor for no time":    {`{"version":"1","id":"a","kind":"anchor","anchor":{"retain_days":0},` + objects + `}`, "anchor.retain_days", "1 to 36500"},
		"an anchor of another mode": {`{"version":"1","id":"a","kind":"anchor","anchor":{"retain_days":1,"mode":"NONE"},` + objects + `}`,
			"anchor.mode", "GOVERNANCE"},
		"pieces of another length": {`{"version":"1","id":"a",` + tree + `,"input":{"s3":{"bucket":"media","key":"a","form":"hex-lines"}},"split":5000}`, "split", "power of two"},
		"pieces of a document":     {`{"version":"1","id":"a",` + tree + `,"input":{"hex":[]},"split":4096}`, "split", "only what lies in S3"},
		"pieces of digests":        {`{"version":"1","id":"a","kind":"digest","digest":{"algorithm":"sha256"},"input":{"s3":{"bucket":"media","key":"a","form":"hex-lines"}},"split":4096}`, "split", "is not split"},
	} {
		t.Run(name, func(t *testing.T) {
			job, err := hashjob.Parse([]byte(test.document))
			var wrong *hashjob.FieldError
			if !errors.As(err, &wrong) {
				t.Fatalf("it is read as %+v, %v", job, err)
			}
			if wrong.Field != test.field || !strings.Contains(wrong.Reason, test.reason) {
				t.Errorf("%s: %q, want %s: %q", wrong.Field, wrong.Reason, test.field, test.reason)
			}
			if strings.Contains(test.document, `"id":"a"`) && strings.HasSuffix(test.document, `}`) && test.reason != "something follows" && job.ID != "a" {
				t.Errorf("its ID is told as %q", job.ID)
			}
		})
	}
}

func TestADocumentThatIsTooLongIsNotRead(t *testing.T) {
	if _, err := hashjob.Parse(make([]byte, hashjob.MaximumDocument+1)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%v", err)
	}
}

// schema is the part of JSON Schema that says which fields there are.
type schema struct {
	Additional  *bool              `json:"additionalProperties"`
	Description string             `json:"description"`
	Required    []string           `json:"required"`
	Properties  map[string]*schema `json:"properties"`
	Items       *schema            `json:"items"`
	Enum        []string           `json:"enum"`
}

func TestTheSchemaHasTheFieldsOfTheDocument(t *testing.T) {
	var read schema
	if err := json.Unmarshal(hashjob.Schema, &read); err != nil {
		t.Fatal(err)
	}
	compare(t, "job", reflect.TypeFor[hashjob.Job](), &read)
	kinds := slices.Sorted(slices.Values(read.Properties["kind"].Enum))
	var want []string
	for _, kind := range hashjob.Kinds() {
		want = append(want, string(kind))
	}
	if difference := cmp.Diff(want, kinds); difference != "" {
		t.Errorf("the kinds differ:\n%s", difference)
	}
}

func compare(t *testing.T, at string, goType reflect.Type, read *schema) {
	t.Helper()
	for goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	switch goType.Kind() {
	case reflect.Slice:
		if read.Items == nil {
			t.Errorf("%s is no list", at)
		}
	case reflect.Struct:
		compareObject(t, at, goType, read)
	}
}

func compareObject(t *testing.T, at string, goType reflect.Type, read *schema) {
	t.Helper()
	var fields, required []string
	for field := range goType.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		fields = append(fields, name)
		if options == "" {
			required = append(required, name)
		}
		property := read.Properties[name]
		if property == nil || property.Description == "" {
			t.Errorf("%s.%s is not described", at, name)
			continue
		}
		compare(t, at+"."+name, field.Type, property)
	}
	slices.Sort(fields)
	if difference := cmp.Diff(fields, slices.Sorted(maps.Keys(read.Properties))); difference != "" {
		t.Errorf("%s: the fields differ (-struct +schema):\n%s", at, difference)
	}
	if difference := cmp.Diff(required, read.Required); difference != "" {
		t.Errorf("%s: what is required differs (-struct +schema):\n%s", at, difference)
	}
	if read.Additional == nil || *read.Additional {
		t.Errorf("%s may have other fields", at)
	}
}

func TestAStatementHasOneForm(t *testing.T) {
	text := "davit anchor v1\nid: records-2026-11-22\nleaves: 3\nroot: " + strings.Repeat("ab", 32) + "\ntime: 2026-11-22T12:00:00Z\n"
	statement, err := hashjob.ParseStatement(text)
	if err != nil || statement.String() != text || statement.Leaves != 3 || statement.Root[31] != 0xab {
		t.Fatalf("it is read as %+v, %v", statement, err)
	}
	for _, wrong := range []string{"", text + "\n", text[:len(text)-1], " " + text, strings.ToUpper(text), strings.Replace(text, ": 3", ": 03", 1),
		strings.Replace(text, "v1", "v2", 1), strings.Replace(text, "12:00:00Z", "12:00:00+00:00", 1), strings.Replace(text, "11-22T", "13-22T", 1),
		strings.Replace(text, "\n", "\r\n", 1), strings.Replace(text, "leaves", "id: b\nleaves", 1)} {
		if read, err := hashjob.ParseStatement(wrong); err == nil {
			t.Errorf("%q is read as %+v", wrong, read)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, document := range examples(f) {
		f.Add(document)
	}
	f.Add([]byte(`{"version":"1","id":"0","kind":"merkle-root","input":{"hex":[]},"tree":{"shape":"bitcoin","leaves":"hashes"}}`))
	f.Add([]byte(`{"version":"1","id":"0","kind":"sign","sign":{"key":"k","typed_data":{"a" : "<\u2028>"}}}`))
	f.Add([]byte(`{"version":"1","id":"0","kind":"sign","sign":{"key":"k","text":"","typed_data":null}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		job, err := hashjob.Parse(document)
		var wrong *hashjob.FieldError
		if err != nil && !errors.As(err, &wrong) {
			t.Fatalf("%v is no FieldError", err)
		}
		if err != nil {
			return
		}
		written, err := json.Marshal(job)
		if err != nil {
			t.Fatal(err)
		}
		again, err := hashjob.Parse(written)
		if err != nil {
			t.Fatalf("%s is not read again: %v", written, err)
		}
		if difference := cmp.Diff(job, again); difference != "" {
			t.Fatalf("it is read otherwise:\n%s", difference)
		}
	})
}

func FuzzParseAnchorProof(f *testing.F) {
	f.Add([]byte(`{"version":"1","object":{"bucket":"b","key":"k"},"bytes":1,"sha256":"` + strings.Repeat("0", 64) + `","index":0,"path":[],` +
		`"signed":{"version":"1","statement":"","signature":"AA==","algorithm":"","key":""}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		proof, err := hashjob.ParseAnchorProof(document)
		if err == nil && (len(proof.SHA256) != 64 || len(proof.Path) > hashjob.MaximumPath) {
			t.Fatalf("%+v is read", proof)
		}
	})
}
