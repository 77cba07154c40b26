// Command generator writes the assembly of package lanes. It is a module of its own, so that what it is made with is no
// dependency of davit. `go generate` in package lanes runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	directory := flag.String("directory", "..", "where the files go")
	flag.Parse()
	if err := write(*directory); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(directory string) error {
	written, err := files()
	if err != nil {
		return err
	}
	for name, content := range written {
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
			return fmt.Errorf("write the assembly: %w", err)
		}
	}
	return nil
}
