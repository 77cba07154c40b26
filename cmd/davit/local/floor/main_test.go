package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheFunctionNotesEveryImageOfABatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "floor")
	batch := `{"Records":[{"body":"{\"detail\":{\"image-digest\":\"sha256:aa\"}}"},` +
		`{"body":"{\"detail\":{\"image-digest\":\"sha256:bb\"}}"}]}`
	answer, err := handler(path).Invoke(t.Context(), []byte(batch))
	if err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Fatalf("got %s, %v", answer, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "sha256:aa ") || !strings.HasPrefix(lines[1], "sha256:bb ") {
		t.Errorf("got %q, want a line for each image", lines)
	}
	if _, err := handler(path).Invoke(t.Context(), []byte("no batch")); err == nil {
		t.Error("got no error for what is not a batch")
	}
}
