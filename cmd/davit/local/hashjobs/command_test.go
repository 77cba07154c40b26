package hashjobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"davit/cmd/davit/anchor"
	"davit/cmd/davit/job"
	"davit/events/hashjob"
	jobs "davit/shared/hashjob"
)

// davit runs the command line against the local cloud.
func (s *scene) davit(arguments ...string) (string, error) {
	s.t.Helper()
	root := &cobra.Command{Use: "davit", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(job.Command(), anchor.Command())
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetArgs(arguments)
	err := root.ExecuteContext(s.ctx)
	return out.String(), err
}

func (s *scene) mustDavit(arguments ...string) string {
	s.t.Helper()
	out, err := s.davit(arguments...)
	if err != nil {
		s.t.Fatalf("%q: %v", arguments, err)
	}
	return out
}

func (s *scene) file(name string, text []byte) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), name)
	s.must(os.WriteFile(path, text, 0o600))
	return path
}

func TestTheCommandLineSubmitsShowsAndVerifies(t *testing.T) {
	s := newScene(t)
	t.Setenv("AWS_ENDPOINT_URL", started)
	submitted := s.file("block.json", s.written(blockJob("by-command")))
	var result hashjob.Result
	s.must(json.Unmarshal([]byte(s.mustDavit("job", "submit", submitted, "--wait", "--json")), &result))
	if result.Root == nil || result.Root.Root != root100000 {
		t.Errorf("submit came to %+v", result)
	}
	if text := s.mustDavit("job", "submit", submitted, "--invoke"); !strings.Contains(text, root100000) {
		t.Errorf("invoke came to %s", text)
	}
	text := s.mustDavit("job", "show", "by-command")
	for _, want := range []string{"Job by-command (merkle-root): succeeded", "items       4", jobs.ResultKey("by-command"), root100000} {
		if !strings.Contains(text, want) {
			t.Errorf("show does not say %q:\n%s", want, text)
		}
	}
	var shown struct{ Job jobs.Record }
	s.must(json.Unmarshal([]byte(s.mustDavit("job", "show", "by-command", "--json")), &shown))
	if shown.Job.Status != jobs.Succeeded || shown.Job.Invocations != 1 {
		t.Errorf("as JSON it is %+v", shown.Job)
	}
	if _, err := s.davit("job", "show", "never-sent"); err == nil || !strings.Contains(err.Error(), "there is no job never-sent") {
		t.Errorf("of a job that was never sent: %v", err)
	}
	bad := blockJob("bad-by-command")
	bad.Input = &hashjob.Input{Hex: []string{"00"}}
	_, err := s.davit("job", "submit", s.file("bad.json", s.written(bad)), "--wait")
	if err == nil || !strings.Contains(err.Error(), "job bad-by-command failed: input.hex[0]: a hash has 32 bytes") {
		t.Errorf("of a bad job: %v", err)
	}
}

func TestAnAnchorIsVerifiedWithTheFileTheProofAndTheKeyAlone(t *testing.T) {
	s := newScene(t)
	t.Setenv("AWS_ENDPOINT_URL", started)
	contents := map[string][]byte{"papers/a": []byte("the deed"), "papers/b": bytes.Repeat([]byte("x"), 100_000), "papers/c": nil}
	for key, body := range contents {
		s.put(inputs, key, body)
	}
	s.mustDavit("job", "submit", "--wait", s.file("anchor.json", s.written(hashjob.Job{ID: "papers", Kind: hashjob.Anchor,
		Anchor: &hashjob.AnchorOptions{RetainDays: 1},
		Input:  &hashjob.Input{S3: &hashjob.S3Input{Bucket: inputs, Prefix: "papers/", Form: hashjob.FormObjects}}})))
	here := []string{"job", "run", "anchor", "--id", "papers-here", "--bucket", inputs, "--key", "papers/b", "--key", "papers/a", "--retain-days", "1"}
	if text := s.mustDavit(here...); !strings.Contains(text, "2 objects are anchored under the root ") {
		t.Errorf("in this process: %s", text)
	}
	if _, err := s.davit(here...); err == nil || !strings.Contains(err.Error(), "there is an anchor papers-here: choose another ID") {
		t.Errorf("in this process, again: %v", err)
	}
	key := s.file("davit.pem", []byte(s.mustDavit("anchor", "public-key")))
	proofs := map[string]string{}
	for name := range contents {
		proofs[name] = s.file("proof.json", []byte(s.mustDavit("anchor", "proof", "papers", name)))
	}
	proofHere := s.file("here.json", []byte(s.mustDavit("anchor", "proof", "papers-here", "papers/a")))
	if _, err := s.davit("anchor", "proof", "papers", "papers/d"); err == nil || !strings.Contains(err.Error(), "no object papers/d") {
		t.Errorf("of an object that is not among them: %v", err)
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	for name, body := range contents {
		text := s.mustDavit("anchor", "verify", s.file("paper", body), "--proof", proofs[name], "--public-key", key)
		if !strings.Contains(text, "was there when anchor papers was signed") || !strings.Contains(text, "one of 3") || !strings.Contains(text, "ECDSA P-256") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if text := s.mustDavit("anchor", "verify", s.file("paper", contents["papers/a"]), "--proof", proofHere, "--public-key", key); !strings.Contains(text, "one of 2") {
		t.Errorf("in this process: %s", text)
	}
	out, err := s.davit("anchor", "verify", s.file("paper", []byte("the deeds")), "--proof", proofs["papers/a"], "--public-key", key, "--json")
	var said struct {
		Valid  bool
		Reason string
	}
	s.must(errors.Join(json.Unmarshal([]byte(out), &said)))
	if err == nil || said.Valid || !strings.Contains(said.Reason, "but the proof is of") {
		t.Errorf("of another file: %s, %v", out, err)
	}
}
