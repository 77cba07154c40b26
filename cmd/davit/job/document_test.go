package job_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"davit/events/hashjob"
)

func TestADocumentRunsAsItsKindDoes(t *testing.T) {
	for name, want := range map[string]func(hashjob.Result) bool{
		"merkle_root.json":   func(r hashjob.Result) bool { return r.Root != nil && r.Root.Root == root100000 && r.Items == 4 },
		"merkle_proof.json":  func(r hashjob.Result) bool { return r.Proof != nil && *r.Proof.FirstLeaves == 2 && r.Proof.Leaves == 3 },
		"merkle_verify.json": func(r hashjob.Result) bool { return r.Verify != nil && r.Verify.Valid },
		"proof_of_work.json": func(r hashjob.Result) bool { return r.Work != nil && r.Work.Found && *r.Work.Nonce == 2083236893 },
	} {
		path := filepath.Join("..", "..", "..", "events", "hashjob", "examples", name)
		if result := decode[hashjob.Result](t, mustRun(t, "", "document", path, "--json")); !want(result) || result.Outcome != hashjob.Succeeded {
			t.Errorf("%s: %+v", name, result)
		}
	}
}

func TestADocumentAndItsFlagsComeToTheSame(t *testing.T) {
	document, err := json.Marshal(hashjob.Job{Version: "1", ID: "proof", Kind: hashjob.MerkleProof, Input: &hashjob.Input{Hex: block100000},
		Tree: &hashjob.TreeOptions{Shape: "bitcoin", Leaves: hashjob.LeafHashes}, Prove: &hashjob.ProveOptions{Index: new(uint64)}})
	if err != nil {
		t.Fatal(err)
	}
	byDocument := decode[hashjob.Result](t, mustRun(t, string(document), "document", "-", "--json"))
	byFlags := mustRun(t, strings.Join(block100000, "\n"), "merkle-proof", "--tree", "bitcoin", "--leaves", "-", "--index", "0")
	written, err := json.MarshalIndent(byDocument.Proof, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if string(written)+"\n" != byFlags {
		t.Errorf("the document comes to %s\nthe flags to %s", written, byFlags)
	}
}

func TestADocumentThatIsWrongNamesFileAndField(t *testing.T) {
	path := write(t, "job.json", `{"version":"1","id":"a","kind":"digest","digest":{"algorithm":"md5"},"input":{"hex":[]}}`)
	_, err := run(t.Context(), os.Stdin, "document", path)
	if err == nil || !strings.Contains(err.Error(), path+": digest.algorithm: ") {
		t.Errorf("%v", err)
	}
}
