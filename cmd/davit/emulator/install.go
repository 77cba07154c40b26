package emulator

import (
	"context"
	_ "embed"
	"fmt"
	"path/filepath"

	"davit/cmd/python/environment"
)

// requirements pins the emulator and every package that it needs.
//
//go:embed requirements.txt
var requirements []byte

// Install makes directory/venv with the emulator in it. It does nothing if that was done already for the same
// requirements, and is safe when several processes do it at once: one works, the others wait for it. It calls progress,
// which may be nil, before each step that takes long.
func Install(ctx context.Context, directory string, progress func(step string)) error {
	options := environment.Options{Requirements: requirements, Compile: true, Progress: progress}
	if err := environment.Make(ctx, filepath.Join(directory, "venv"), options); err != nil {
		return fmt.Errorf("install the emulator in %s: %w", directory, err)
	}
	return nil
}

// python is the interpreter of the directory's environment.
func python(directory string) string { return environment.Python(filepath.Join(directory, "venv")) }
