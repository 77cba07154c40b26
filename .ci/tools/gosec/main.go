// Command gosec runs every rule and analyser of gosec on the packages that go vet gives it:
//
//	go vet -vettool=$(go tool -n gosec) ./...
//
// The go command keeps what came of a package, so that it asks again only where the code has changed. Tests and generated
// files are left out.
//
// It is gosec's library without gosec's own command, which can ask language models for remedies: their clients took longer to
// compile than all the rest of the tools.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"davit/ci/tools/gosec/unit"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/rules"
	"golang.org/x/tools/go/packages"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gosec: ")
	if unit.Asked != nil {
		found, err := scan(unit.Asked)
		if err != nil {
			log.Fatalf("%s: %v", unit.Asked.ImportPath, err)
		}
		for _, line := range found {
			fmt.Fprintln(os.Stderr, line)
		}
		os.Exit(min(len(found), 1))
	}
	switch strings.Join(os.Args[1:], " ") {
	case "-flags":
		fmt.Println("[]")
	case "-V=full":
		if err := identify(); err != nil {
			log.Fatal(err)
		}
	default:
		log.Fatal("the go command runs this: go vet -vettool=$(go tool -n gosec)")
	}
}

// identify says by a hash which program this is: what another one came to does not count.
func identify() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(program) // #nosec G304 -- ourselves
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s version devel buildID=%x\n", filepath.Base(program), sha256.Sum256(content))
	return err
}

// scan answers what is found, a line each, in order.
func scan(asked *unit.Unit) ([]string, error) {
	checked, err := load(asked)
	if err != nil || len(checked.Syntax) == 0 {
		return nil, err
	}
	if err := os.Setenv("GOSECGOVERSION", asked.GoVersion); err != nil { // else it starts a go command to learn it
		return nil, err
	}
	const tests, generated, suppressions = false, true, false
	var said bytes.Buffer
	analyzer := gosec.NewAnalyzer(gosec.NewConfig(), tests, generated, suppressions, 1, log.New(&said, "", 0))
	analyzer.LoadRules(rules.Generate(suppressions).RulesInfo())
	analyzer.LoadAnalyzers(analyzers.Generate(suppressions).AnalyzersInfo())
	analyzer.CheckRules(checked)
	analyzer.CheckAnalyzers(checked)
	issues, _, unreadable := analyzer.Report()
	if len(unreadable) > 0 {
		return nil, fmt.Errorf("analyse: %v", unreadable)
	}
	var lines []string
	for line := range strings.Lines(said.String()) { // an analyser that fails or panics is only written down
		if strings.HasPrefix(line, "Error") || strings.HasPrefix(line, "Panic") {
			return nil, errors.New(said.String())
		}
	}
	for _, issue := range issues {
		lines = append(lines, fmt.Sprintf("%s: %s: %s", issue.FileLocation(), issue.RuleID, issue.What))
	}
	slices.Sort(lines)
	return slices.Compact(lines), nil
}

// load reads the unit's package without its tests. It takes the types of dependencies from what is compiled: unitchecker, which
// does the same for other vet tools, takes them from the source, which took longer than all else here.
func load(asked *unit.Unit) (*packages.Package, error) {
	files := token.NewFileSet()
	var syntax []*ast.File
	for _, name := range asked.GoFiles {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		syntax = append(syntax, file)
	}
	if len(syntax) == 0 {
		return &packages.Package{}, nil
	}
	info := &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{},
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Implicits: map[ast.Node]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Scopes: map[ast.Node]*types.Scope{},
		FileVersions: map[*ast.File]string{},
	}
	compiled := importer.ForCompiler(files, asked.Compiler, func(path string) (io.ReadCloser, error) {
		file, known := asked.PackageFile[path]
		if !known {
			return nil, fmt.Errorf("the go command does not say where the types of %s are", path)
		}
		return os.Open(file) // #nosec G304 -- where the go command keeps them
	})
	sizes := types.SizesFor(asked.Compiler, build.Default.GOARCH)
	configuration := types.Config{Importer: imports{asked.ImportMap, compiled}, Sizes: sizes, GoVersion: asked.GoVersion}
	checked, err := configuration.Check(asked.ImportPath, files, syntax, info)
	if err != nil {
		return nil, err
	}
	return &packages.Package{
		Name: checked.Name(), PkgPath: checked.Path(), Fset: files, Syntax: syntax, Types: checked, TypesInfo: info, TypesSizes: sizes,
	}, nil
}

// imports finds what an import names in a package, which may be another path: a package recompiled for a test.
type imports struct {
	paths    map[string]string
	compiled types.Importer
}

func (i imports) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	named, known := i.paths[path]
	if !known {
		return nil, fmt.Errorf("the go command does not say which package %s is", path)
	}
	return i.compiled.Import(named)
}
