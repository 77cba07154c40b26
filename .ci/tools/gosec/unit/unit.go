// Package unit is what the go command asks a vet tool about.
package unit

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Unit is a package and its tests, or its tests alone, as the go command describes it in a file:
// https://pkg.go.dev/golang.org/x/tools/go/analysis/unitchecker#Config
type Unit struct {
	ImportPath  string
	Compiler    string
	GoVersion   string // go1.26.0
	GoFiles     []string
	ImportMap   map[string]string // the package that an import is
	PackageFile map[string]string // where the types of a package are
	VetxOnly    bool              // only facts about it are asked for, for the sake of what imports it
	VetxOutput  string            // where the facts go
}

// Asked is the unit of the command line, if one is there.
var Asked *Unit

// init answers for dependencies, of which gosec knows no facts. That is done before gosec's packages read their dictionaries,
// a tenth of a second for each of a thousand dependencies: Go initialises the package first whose path is first.
func init() {
	path := os.Args[len(os.Args)-1]
	if !strings.HasSuffix(path, ".cfg") {
		return
	}
	Asked = &Unit{}
	content, err := os.ReadFile(path) // #nosec G304 G703 -- the go command wrote it for us
	if err == nil {
		err = json.Unmarshal(content, Asked)
	}
	if err == nil {
		err = os.WriteFile(Asked.VetxOutput, nil, 0o600)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "gosec: read what the go command asks: %v\n", err)
		os.Exit(1)
	}
	if Asked.VetxOnly {
		os.Exit(0)
	}
}
