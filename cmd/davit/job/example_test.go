package job_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command"
	"davit/cmd/davit/job"
	"davit/events/hashjob"
)

// asDavit makes this test binary the program davit.
const asDavit = "DAVIT_JOB_TEST_IS_DAVIT"

func TestMain(m *testing.M) {
	if os.Getenv(asDavit) != "" {
		os.Exit(command.Execute(os.Args[1:], job.Command()))
	}
	os.Exit(m.Run())
}

// beyond is what some examples need and a test has not; with it they fail, but not for how they are written.
var beyond = map[string]string{
	"davit job run anchor": "AWS", "davit job run sign": "AWS", "davit job submit": "AWS", "davit job show": "AWS",
	".era1": "no such file",
}

// TestEachExampleWorksAsItStands gives each line of the examples to a shell, in a folder with the files that they name.
func TestEachExampleWorksAsItStands(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	put := func(name string, content []byte, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(folder, name), content, mode); err != nil {
			t.Fatal(err)
		}
	}
	put("davit", []byte("#!/bin/sh\nexec '"+binary+"' \"$@\"\n"), 0o700)
	for name, content := range exampleFiles(t) {
		put(name, content, 0o600)
	}
	ran := 0
	var walk func(*cobra.Command)
	walk = func(each *cobra.Command) {
		for line := range strings.Lines(each.Example) {
			line = strings.TrimSpace(line)
			runExample(t, folder, line)
			ran++
		}
		for _, child := range each.Commands() { // by name, so that what is proved comes before what is verified
			walk(child)
		}
	}
	walk(job.Command())
	if ran < 25 {
		t.Errorf("only %d examples ran", ran)
	}
}

func runExample(t *testing.T, folder, line string) {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "sh", "-c", line) // #nosec G204 -- an example of ours
	shell.Dir = folder
	shell.Env = []string{asDavit + "=1", "PATH=" + folder + ":" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true", "HOME=" + folder}
	output, err := shell.CombinedOutput()
	for part, want := range beyond {
		if !strings.Contains(line, part) {
			continue
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != command.ExitFailed || !strings.Contains(string(output), want) {
			t.Errorf("%s\n%v, want %q in\n%s", line, err, want, output)
		}
		return
	}
	if err != nil || len(output) == 0 && !strings.Contains(line, ">") {
		t.Errorf("%s\n%v\n%s", line, err, output)
	}
}

// exampleFiles are the files that the examples name.
func exampleFiles(t *testing.T) map[string][]byte {
	t.Helper()
	read := func(path ...string) []byte {
		content, err := os.ReadFile(filepath.Join(path...))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	example := func(name string) []byte { return read("..", "..", "..", "events", "hashjob", "examples", name) }
	signed := func(name string) hashjob.SignOptions {
		var document hashjob.Job
		if err := json.Unmarshal(example(name), &document); err != nil {
			t.Fatal(err)
		}
		return *document.Sign
	}
	payout, err := json.Marshal(signed("sign_transaction.json").Transaction)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := hex.DecodeString(strings.NewReplacer("0x", "", "\n", "").
		Replace(string(read("..", "..", "..", "shared", "hashjob", "testdata", "ethereum-mainnet-0-1.hex"))))
	if err != nil {
		t.Fatal(err)
	}
	lines := []byte("616263\n\n00\n")
	return map[string][]byte{
		"transactions.hex": []byte(strings.Join(block100000, "\n")), "entries.hex": lines, "calls.hex": lines, "public-keys.hex": lines,
		"backup.tar": lines, "headers.hex": []byte(hexLines(mainnet(t))), "headers.bin": mainnet(t)[1000*80:], "blocks.rlp": blocks,
		"block.json": example("merkle_root.json"), "calls.json": []byte(`{"version":"1","id":"calls","kind":"digest",` +
			`"digest":{"algorithm":"keccak256"},"input":{"hex":["616263",""]}}`),
		"payout.json": payout, "mail.json": []byte(signed("sign_typed_data.json").TypedData),
	}
}
