package emulator

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed plugin/*.py
var plugin embed.FS

// writePlugin replaces the plugin in the directory by the embedded one.
func writePlugin(directory string) error {
	if err := os.RemoveAll(directory); err != nil {
		return fmt.Errorf("remove the old plugin: %w", err)
	}
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return fmt.Errorf("write the plugin: %w", err)
	}
	modules, err := fs.Glob(plugin, "plugin/*.py")
	if err != nil {
		return fmt.Errorf("write the plugin: %w", err)
	}
	for _, module := range modules {
		source, err := plugin.ReadFile(module)
		if err != nil {
			return fmt.Errorf("write the plugin: %w", err)
		}
		if err := os.WriteFile(filepath.Join(directory, filepath.Base(module)), source, 0o600); err != nil {
			return fmt.Errorf("write the plugin: %w", err)
		}
	}
	return nil
}
