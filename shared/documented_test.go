package shared_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// Staticcheck holds the comments of exported names to their form, and does not miss one that is not there.
func TestExportedNamesAreDocumented(t *testing.T) {
	exported := 0
	for _, boundary := range boundaries {
		err := filepath.WalkDir(filepath.Join("..", boundary.folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for name, documented := range exportedNames(file) {
				exported++
				if !documented {
					t.Errorf("%s: %s has no comment", path, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if exported < 1000 {
		t.Errorf("only %d exported names were found: the folders are not where this test looks", exported)
	}
}

// exportedNames are the names that the file exports, and whether they have a comment: a constant or a variable may have that
// of its group.
func exportedNames(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, declaration := range file.Decls {
		switch declaration := declaration.(type) {
		case *ast.FuncDecl:
			receiver := receiverOf(declaration)
			if declaration.Name.IsExported() && (receiver == "" || ast.IsExported(receiver)) {
				names[strings.TrimPrefix(receiver+"."+declaration.Name.Name, ".")] = declaration.Doc != nil
			}
		case *ast.GenDecl:
			for _, spec := range declaration.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if spec.Name.IsExported() {
						names[spec.Name.Name] = spec.Doc != nil || !declaration.Lparen.IsValid() && declaration.Doc != nil
					}
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						if name.IsExported() {
							names[name.Name] = spec.Doc != nil || spec.Comment != nil || declaration.Doc != nil
						}
					}
				}
			}
		}
	}
	return names
}

// receiverOf is the name of a method's type, or empty.
func receiverOf(declaration *ast.FuncDecl) string {
	if declaration.Recv == nil {
		return ""
	}
	kind := declaration.Recv.List[0].Type
	for {
		switch of := kind.(type) {
		case *ast.StarExpr:
			kind = of.X
		case *ast.IndexExpr:
			kind = of.X
		case *ast.IndexListExpr:
			kind = of.X
		case *ast.Ident:
			return of.Name
		default:
			return ""
		}
	}
}
