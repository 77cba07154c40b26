package scenarios

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"davit/shared/ledger"
	"davit/shared/rollout"
)

func TestARollbackByHandSticksUntilItIsForgiven(t *testing.T) {
	t.Parallel()
	s := newService(t, "undone")
	s.create(breaker())
	former := s.digestOf("1.0.0")
	s.adopt(former)
	newer := s.push("1.1.0", s.program.Working)
	s.awaitProved(newer)

	answer := s.davit("rollback", s.workload.String(), "--why", "checkout is slow", "--who", "oncall", "--timeout", "1m30s")
	var asked struct {
		Outcome string
		Image   ledger.Image
	}
	if err := json.Unmarshal(answer, &asked); err != nil || asked.Outcome != "done" || asked.Image.Digest != former {
		t.Errorf("davit rollback answers %s (%v), want 1.0.0, done", answer, err)
	}
	after := s.awaitProved(former)
	s.awaitAnswers("1.0.0", 1)

	s.sweep(rollout.BadDigest)
	if swept := s.look(); !swept.same(after) {
		t.Errorf("the sweep undid the rollback: before %s, after %s", after, swept)
	}

	s.davit("forgive", s.workload.String(), "1.1.0", "--who", "oncall")
	s.awaitProved(newer)
	s.awaitAnswers("1.1.0", 1)
}

// davit runs the program that make build leaves, and answers what it writes as JSON.
func (s *service) davit(arguments ...string) []byte {
	s.t.Helper()
	// #nosec G204 -- the program is davit itself.
	command := exec.CommandContext(s.ctx, filepath.Join(s.site.Root, "bin", "davit"), append(arguments, "--json")...)
	command.Env = s.site.Endpoint.Environment(s.site.Home())
	var output, progress bytes.Buffer
	command.Stdout, command.Stderr = &output, &progress
	if err := command.Run(); err != nil {
		s.t.Fatalf("davit %v: %v\n%s%s", arguments, err, progress.String(), output.String())
	}
	return output.Bytes()
}
