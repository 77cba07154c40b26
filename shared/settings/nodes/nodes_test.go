package nodes_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/shared/settings/nodes"
)

const document = `{"version":"1","nodes":[{"name":"mainnet","kind":"execution","parameter":"/davit/chain/own","chainId":1,` +
	`"references":[{"url":"https://reference.example/v3/key"},{"parameter":"/davit/chain/other"}],` +
	`"disk":{"url":"http://10.0.0.1:9100/metrics","mount":"/data"}}]}`

func TestADocumentIsReadAsItIsWritten(t *testing.T) {
	read, err := nodes.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	written, err := read.Encode()
	if err != nil || string(written) != document {
		t.Errorf("%s, %v", written, err)
	}
	if difference := cmp.Diff([]string{"/davit/chain/other", "/davit/chain/own"}, read.Parameters()); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
	if shown := read.Nodes[0].References[0].String(); shown != "https://reference.example" {
		t.Errorf("it is shown as %s", shown)
	}
}

func TestWhatIsWrongIsNamedByItsField(t *testing.T) {
	for name, test := range map[string]struct{ old, replacement, want string }{
		"another version":         {`"1"`, `"2"`, "version"},
		"no nodes":                {document[strings.Index(document, "[{") : len(document)-1], "[]", "nodes: "},
		"a name with capitals":    {`"mainnet"`, `"Mainnet"`, "nodes[0].name"},
		"another kind":            {`"execution"`, `"light"`, "nodes[0].kind"},
		"no chain":                {`"chainId":1`, `"chainId":0`, "nodes[0].chainId"},
		"both addresses":          {`"parameter":"/davit/chain/own"`, `"parameter":"/davit/chain/own","url":"http://a"`, "nodes[0]: "},
		"a parameter elsewhere":   {`/davit/chain/own`, `/secrets/own`, "nodes[0].parameter"},
		"another scheme":          {`https://reference.example`, `ftp://reference.example`, "nodes[0].references[0].url"},
		"itself as its reference": {`/davit/chain/other`, `/davit/chain/own`, "nodes[0].references[1]"},
		"a mount that is no path": {`"/data"`, `"data"`, "nodes[0].disk.mount"},
		"an unknown field":        {`"chainId"`, `"chain"`, "chain"},
		"something behind":        {`]}`, `]}{}`, "follows"},
	} {
		changed := strings.Replace(document, test.old, test.replacement, 1)
		if name == "something behind" {
			changed = document + "{}"
		}
		if _, err := nodes.Parse([]byte(changed)); !errors.Is(err, nodes.ErrInvalid) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	twice := nodes.Document{Nodes: make([]nodes.Node, 51)}
	if _, err := twice.Encode(); !errors.Is(err, nodes.ErrInvalid) {
		t.Errorf("51 nodes: %v", err)
	}
}
