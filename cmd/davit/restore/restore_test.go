package restore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"davit/cmd/davit/emulator/emulatortest"
	"davit/shared/restore"
)

var endpoint, program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the program and gives the tests a local cloud.
func run(m *testing.M) int {
	directory, err := os.MkdirTemp("", "davit-restore-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(directory) }()
	program = filepath.Join(directory, "davit")
	build := exec.Command("go", "build", "-o", program, "davit/cmd/davit")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %s\n", err, out)
		return 1
	}
	return emulatortest.Run(m, func(url string) { endpoint = url }, emulatortest.WithoutEngine)
}

// bucket is a bucket with versions of the test's own.
type bucket struct {
	t      *testing.T
	name   string
	client *s3.Client
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	client := s3.New(s3.Options{BaseEndpoint: &endpoint, UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")})
	b := &bucket{t: t, client: client, name: strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))}
	b.name = b.name[:min(60, len(b.name))]
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b.name}); err != nil {
		t.Fatal(err)
	}
	_, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &b.name,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put writes an object and answers its version.
func (b *bucket) put(key, text string, class types.StorageClass) string {
	b.t.Helper()
	put, err := b.client.PutObject(b.t.Context(), &s3.PutObjectInput{Bucket: &b.name, Key: &key, StorageClass: class,
		Body: strings.NewReader(text), Tagging: aws.String("owner=me"), ContentType: aws.String("text/plain"),
		Metadata: map[string]string{"origin": "test"}})
	if err != nil {
		b.t.Fatal(err)
	}
	return aws.ToString(put.VersionId)
}

func (b *bucket) remove(key string) {
	b.t.Helper()
	if _, err := b.client.DeleteObject(b.t.Context(), &s3.DeleteObjectInput{Bucket: &b.name, Key: &key}); err != nil {
		b.t.Fatal(err)
	}
}

// text is what the object holds now, or the code of the error.
func (b *bucket) text(key string) string {
	b.t.Helper()
	got, err := b.client.GetObject(b.t.Context(), &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	var answer interface{ ErrorCode() string }
	if errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// later waits until a second has passed, since S3 tells versions apart by seconds, and answers its beginning.
func (b *bucket) later() string {
	b.t.Helper()
	moment := time.Now().UTC().Truncate(time.Second).Add(time.Second)
	next := time.NewTimer(time.Until(moment.Add(time.Second)))
	defer next.Stop()
	select {
	case <-next.C:
	case <-b.t.Context().Done():
		b.t.Fatal(b.t.Context().Err())
	}
	return moment.Format(time.RFC3339)
}

// run runs the built program and answers its report, what it said, and its exit code.
func (b *bucket) run(path string, arguments ...string) (found report, said string, code int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	arguments = append([]string{"restore", "s3://" + b.name + "/" + path, "--json", "--poll", "1s"}, arguments...)
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+endpoint, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local",
		"AWS_SECRET_ACCESS_KEY=local")
	var out, progress bytes.Buffer
	command.Stdout, command.Stderr = &out, &progress
	err := command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		b.t.Fatal(err)
	}
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &found); err != nil {
			b.t.Fatalf("%s: %v", out.String(), err)
		}
	}
	return found, progress.String(), command.ProcessState.ExitCode()
}

// results are what became of each key.
func results(found report) map[string]restore.Result {
	have := map[string]restore.Result{}
	for _, outcome := range found.Outcomes {
		have[outcome.Wanted.Key] = outcome.Result
	}
	return have
}

func TestADeletedObjectIsBroughtBack(t *testing.T) {
	b := newBucket(t)
	b.put("cats/1.txt", "first", "")
	b.remove("cats/1.txt")
	if found, said, code := b.run("cats/1.txt"); code != 0 || results(found)["cats/1.txt"] != restore.Done {
		t.Fatalf("exit %d, %v: %s", code, found.Outcomes, said)
	}
	if have := b.text("cats/1.txt"); have != "first" {
		t.Errorf("it holds %q", have)
	}
	if _, said, code := b.run("cats/1.txt"); code != 0 || !strings.Contains(said, "the current one") {
		t.Errorf("again: exit %d: %s", code, said)
	}
}

func TestAnOverwrittenObjectGetsItsOlderVersionWithTagsAndMetadata(t *testing.T) {
	b := newBucket(t)
	first := b.put("a b+é.txt", "first", "")
	b.put("a b+é.txt", "second", "")
	if _, said, code := b.run("a b+é.txt", "--version", first); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	if have := b.text("a b+é.txt"); have != "first" {
		t.Errorf("it holds %q", have)
	}
	head, err := b.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.name, Key: aws.String("a b+é.txt")})
	if err != nil || head.Metadata["origin"] != "test" || aws.ToString(head.ContentType) != "text/plain" {
		t.Errorf("its metadata are %v, %v", head, err)
	}
	tagged, err := b.client.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &b.name, Key: aws.String("a b+é.txt")})
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{}
	for _, tag := range tagged.TagSet {
		tags[*tag.Key] = *tag.Value
	}
	if difference := cmp.Diff(map[string]string{"owner": "me", restore.TagFrom: first}, tags); difference != "" {
		t.Errorf("-want +have of the tags:\n%s", difference)
	}
}

func TestAWholePrefixGoesBackToAMomentAndASecondRunDoesNothing(t *testing.T) {
	b := newBucket(t)
	var want []string
	for i := range 30 {
		key := fmt.Sprintf("p/%02d", i)
		want = append(want, b.put(key, "before", ""))
	}
	b.put("other/1", "before", "")
	moment := b.later()
	for i := range 10 {
		b.put(fmt.Sprintf("p/%02d", i), "after", "")
	}
	for i := 10; i < 20; i++ {
		b.remove(fmt.Sprintf("p/%02d", i))
	}
	b.put("p/new", "after", "")
	b.put("other/1", "after", "")

	planned, said, code := b.run("p/", "--at", moment, "--dry-run")
	if code != 0 || len(planned.Steps) != 20 || planned.Nothing != 11 || len(planned.Outcomes) != 0 {
		t.Fatalf("dry run: exit %d, %d steps, %d nothing: %s", code, len(planned.Steps), planned.Nothing, said)
	}
	if have := b.text("p/00"); have != "after" {
		t.Fatalf("the dry run changed it to %q", have)
	}
	found, said, code := b.run("p/", "--at", moment, "--concurrency", "4")
	if code != 0 || len(found.Outcomes) != 20 {
		t.Fatalf("exit %d, %d outcomes: %s", code, len(found.Outcomes), said)
	}
	for i := range want {
		if have := b.text(fmt.Sprintf("p/%02d", i)); have != "before" {
			t.Errorf("p/%02d holds %q", i, have)
		}
	}
	if b.text("p/new") != "after" || b.text("other/1") != "after" {
		t.Error("what was not asked for changed")
	}
	again, _, code := b.run("p/", "--at", moment)
	for key, result := range results(again) {
		if result != restore.Already {
			t.Errorf("again, %s: %s", key, result)
		}
	}
	if code != 0 || len(again.Outcomes) != 10 {
		t.Errorf("again: exit %d, %d outcomes", code, len(again.Outcomes))
	}
}

func TestArchivesAreOpenedOnlyWhenTheirPriceIsAgreedTo(t *testing.T) {
	b := newBucket(t)
	b.put("archive/a", "cold", types.StorageClassGlacier)
	b.put("archive/b", "colder", types.StorageClassDeepArchive)
	b.put("archive/c", "warm", "")
	_, said, code := b.run("archive/")
	if code != 1 || !strings.Contains(said, "2 archived objects") || !strings.Contains(said, "about $") || !strings.Contains(said, "--yes") {
		t.Fatalf("exit %d: %s", code, said)
	}
	if have := b.text("archive/a"); have != "InvalidObjectState" {
		t.Fatalf("it was opened unasked: %q", have)
	}
	if _, said, code := b.run("archive/", "--tier", "expedited", "--yes"); code != 1 || !strings.Contains(said, "no tier Expedited") {
		t.Errorf("Deep Archive in minutes: exit %d: %s", code, said)
	}
	found, said, code := b.run("archive/", "--tier", "bulk", "--days", "3", "--yes")
	want := map[string]restore.Result{"archive/a": restore.Open, "archive/b": restore.Open}
	if difference := cmp.Diff(want, results(found)); code != 0 || difference != "" {
		t.Fatalf("exit %d: %s\n-want +have:\n%s", code, said, difference)
	}
	if b.text("archive/a") != "cold" || b.text("archive/b") != "colder" {
		t.Error("they cannot be read")
	}
}

func TestAnArchivedObjectIsTakenOutForGood(t *testing.T) {
	b := newBucket(t)
	first := b.put("a", "cold", types.StorageClassGlacier)
	if found, said, code := b.run("a", "--keep", "--yes"); code != 0 || results(found)["a"] != restore.Done {
		t.Fatalf("exit %d, %v: %s", code, found.Outcomes, said)
	}
	head, err := b.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.name, Key: aws.String("a")})
	if err != nil || head.StorageClass == types.StorageClassGlacier || aws.ToString(head.VersionId) == first || b.text("a") != "cold" {
		t.Errorf("it is %v, %v", head, err)
	}
}

func TestWhatIsNotWaitedForIsCompletedLater(t *testing.T) {
	b := newBucket(t)
	first := b.put("a", "cold", types.StorageClassGlacier)
	found, said, code := b.run("a", "--keep", "--yes", "--no-wait")
	if code != 0 || results(found)["a"] != restore.Opening {
		t.Fatalf("exit %d, %v: %s", code, found.Outcomes, said)
	}
	whole := &restore.Bucket{Name: b.name, Client: b.client}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for b.text("a") == "InvalidObjectState" {
		select {
		case <-ctx.Done():
			t.Fatal("the archive does not open")
		case <-ticker.C:
		}
	}
	for _, want := range []string{"the copy is done", "nothing waits for it"} {
		if said, err := whole.Complete(t.Context(), "a", first); err != nil || said != want {
			t.Errorf("have %q, %v, want %q", said, err, want)
		}
	}
	head, err := b.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.name, Key: aws.String("a")})
	if err != nil || head.StorageClass == types.StorageClassGlacier || b.text("a") != "cold" {
		t.Errorf("it is %v, %v", head, err)
	}
}

func TestALargeObjectIsCopiedInParts(t *testing.T) {
	b := newBucket(t)
	large := strings.Repeat("0123456789abcdef", 1<<20)
	first := b.put("large", large, "")
	b.put("large", "small", "")
	whole := &restore.Bucket{Name: b.name, Client: b.client, PartSize: 3 << 20}
	steps := []restore.Step{{Kind: restore.Copy, Wanted: restore.Version{Key: "large", ID: first, Size: int64(len(large))}}}
	failed, err := whole.Run(t.Context(), steps, restore.Options{Concurrency: 1}, func(outcome restore.Outcome) {
		if outcome.Result != restore.Done {
			t.Errorf("it is %+v", outcome)
		}
	})
	if failed != 0 || err != nil || b.text("large") != large {
		t.Errorf("%d failed, %v; it is %d bytes", failed, err, len(b.text("large")))
	}
}

func TestWrongUsageIsToldFromFailure(t *testing.T) {
	b := newBucket(t)
	b.put("a", "text", "")
	for _, test := range []struct {
		path      string
		arguments []string
		code      int
		said      string
	}{
		{"a", []string{"--tier", "soon"}, 2, "--tier"},
		{"a", []string{"--days", "0"}, 2, "--days"},
		{"a", []string{"--at", "yesterday"}, 2, "--at"},
		{"p/", []string{"--version", "x"}, 2, "--version"},
		{"a", []string{"--keep", "--leave-archived"}, 2, "--leave-archived"},
		{"absent", nil, 1, "no such object"},
		{"a", []string{"--version", "x"}, 0, "no version x"},
	} {
		if _, said, code := b.run(test.path, test.arguments...); code != test.code || !strings.Contains(said, test.said) {
			t.Errorf("%s %v: exit %d: %s", test.path, test.arguments, code, said)
		}
	}
	gone := &bucket{t: t, name: "nobody-has-this"}
	if _, said, code := gone.run("a"); code != 1 || !strings.Contains(said, "s3://nobody-has-this/a: there is no such bucket") {
		t.Errorf("exit %d: %s", code, said)
	}
}
