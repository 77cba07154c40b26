package shared_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// boundaries say which of the module's own packages the code of a folder may import. Imports go one way: functions to
// shared to events; infra and shared meet only in the packages that both must agree on, which are pure.
var boundaries = []struct {
	folder  string
	allowed []string
}{
	{"events", []string{"davit/events"}},
	{"shared", []string{"davit/shared", "davit/events"}},
	{"functions", []string{"davit/shared", "davit/events"}},
	{"infra", []string{"davit/infra", "davit/shared/names", "davit/shared/settings", "davit/shared/imagepolicy",
		"davit/shared/advice"}},
	{"cmd", []string{"davit/cmd", "davit/shared", "davit/events", "davit/infra/config"}},
}

func TestImportsGoOneWay(t *testing.T) {
	read := 0
	for _, boundary := range boundaries {
		err := filepath.WalkDir(filepath.Join("..", boundary.folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			read++
			return checkImports(t, path, boundary.allowed)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 50 {
		t.Errorf("only %d files were read: the folders are not where this test looks", read)
	}
}

func checkImports(t *testing.T, path string, allowed []string) error {
	source, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ImportsOnly)
	if err != nil {
		return err
	}
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, "davit/") && !permitted(name, allowed) {
			t.Errorf("%s imports %s", path, name)
		}
	}
	return nil
}

func permitted(name string, allowed []string) bool {
	for _, prefix := range allowed {
		if name == prefix || strings.HasPrefix(name, prefix+"/") {
			return true
		}
	}
	return false
}
