// Command python makes a folder a virtual environment with the packages that a file pins:
//
//	go run ./cmd/python FOLDER REQUIREMENTS
package main

import (
	"context"
	"fmt"
	"os"

	"davit/cmd/python/environment"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: python FOLDER REQUIREMENTS")
		os.Exit(2)
	}
	if err := install(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func install(folder, list string) error {
	requirements, err := os.ReadFile(list) // #nosec G304 G703 -- the caller's own
	if err != nil {
		return err
	}
	err = environment.Make(context.Background(), folder, environment.Options{Requirements: requirements})
	if err != nil {
		return fmt.Errorf("install %s in %s: %w", list, folder, err)
	}
	return nil
}
