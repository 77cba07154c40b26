package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bench is a folder with a linter that writes down what it is given, and finds the word "fault".
type bench struct {
	t      *testing.T
	folder string
	linter Linter
	memory Memory
}

func newBench(t *testing.T) *bench {
	t.Helper()
	made := &bench{t: t, folder: t.TempDir(), memory: Memory{folder: filepath.Join(t.TempDir(), "passed")}}
	made.linter = Linter{Program: filepath.Join(made.folder, "bin", "linter"), Arguments: []string{"--file"}, Settings: []string{".linterrc"}}
	made.write("bin/linter", "#!/bin/sh\nshift\necho \"given $*\"\n! grep -l fault \"$@\"\n")
	made.write("lib/python3/site-packages/linter-1.0.dist-info/METADATA", "")
	if err := os.Chmod(made.linter.Program, 0o700); err != nil { // #nosec G302 -- it is run
		t.Fatal(err)
	}
	t.Setenv("HOME", filepath.Join(made.folder, "home"))
	t.Chdir(made.folder)
	return made
}

func (b *bench) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// read has the linter read the templates, and tells which of them it was given.
func (b *bench) read(names ...string) (given string, err error) {
	var output strings.Builder
	err = b.linter.Read(names, b.memory, &output)
	for line := range strings.Lines(output.String()) {
		if rest, found := strings.CutPrefix(line, "given "); found {
			given = strings.TrimSpace(rest)
		}
	}
	return given, err
}

// must is read where nothing is found.
func (b *bench) must(wanted string, names ...string) {
	b.t.Helper()
	given, err := b.read(names...)
	if err != nil || given != wanted {
		b.t.Errorf("of %v it was given %q, want %q: %v", names, given, wanted, err)
	}
}

func TestATemplateThatPassedIsNotReadAgain(t *testing.T) {
	b := newBench(t)
	b.write("one", "1")
	b.write("two", "2")
	b.write("same", "2")
	b.must("one two", "one", "two", "same")
	b.must("", "one", "two", "same")
	b.write("two", "2 again")
	b.must("two", "one", "two", "same")
}

func TestAFailureIsNotRemembered(t *testing.T) {
	b := newBench(t)
	b.write("good", "1")
	b.write("bad", "fault")
	for range 2 {
		if given, err := b.read("good", "bad"); err == nil || given != "good bad" {
			t.Errorf("it was given %q: %v", given, err)
		}
	}
	b.must("good", "good")
}

func TestWhateverALinterDependsOnHasItReadAgain(t *testing.T) {
	for name, change := range map[string]func(*bench){
		"its version": func(b *bench) {
			b.rename("lib/python3/site-packages/linter-1.0.dist-info", "lib/python3/site-packages/linter-1.1.dist-info")
		},
		"a package of its":             func(b *bench) { b.write("lib/python3/site-packages/rules-2.0.dist-info/METADATA", "") },
		"Python":                       func(b *bench) { b.rename("lib/python3", "lib/python3.14") },
		"its arguments":                func(b *bench) { b.linter.Arguments = []string{"--files"} },
		"its settings beside cdk.json": func(b *bench) { b.write(".linterrc", "ignore: everything") },
		"the user's settings":          func(b *bench) { b.write("home/.linterrc", "ignore: everything") },
		"which linter it is":           func(b *bench) { b.rename("bin/linter", "bin/other"); b.linter.Program = "bin/other" },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.write("one", "1")
			b.must("one", "one")
			b.must("", "one")
			change(b)
			b.must("one", "one")
		})
	}
}

func (b *bench) rename(from, to string) {
	b.t.Helper()
	if err := os.Rename(from, to); err != nil {
		b.t.Fatal(err)
	}
}

func TestALinterOfUnknownVersionReadsNothing(t *testing.T) {
	b := newBench(t)
	b.write("one", "1")
	if err := os.RemoveAll("lib"); err != nil {
		t.Fatal(err)
	}
	if given, err := b.read("one"); err == nil || given != "" {
		t.Errorf("it was given %q: %v", given, err)
	}
}

func TestWithoutAMemoryEverythingIsRead(t *testing.T) {
	b := newBench(t)
	b.memory = Memory{}
	b.write("one", "1")
	b.must("one", "one")
	b.must("one", "one")
}

func TestAMemoryIsBoundedAndForgetsWhatWasUsedTheLongestAgo(t *testing.T) {
	memory := Memory{folder: t.TempDir()}
	before := time.Now().Add(-time.Hour)
	for i := range mostRemembered {
		path := filepath.Join(memory.folder, fmt.Sprint(i))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, before, before.Add(time.Duration(i)*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	if !memory.Passed("0") {
		t.Error("the first one is forgotten already")
	}
	if err := memory.Remember("new", "newer"); err != nil {
		t.Fatal(err)
	}
	for sum, wanted := range map[string]bool{"0": true, "1": false, "2": false, "3": true, "new": true, "newer": true} {
		if have := memory.Passed(sum); have != wanted {
			t.Errorf("%s passed: %t", sum, have)
		}
	}
}

func TestASumTellsItsPartsApart(t *testing.T) {
	if Sum([]byte("ab"), []byte("c")) == Sum([]byte("a"), []byte("bc")) {
		t.Error("it does not")
	}
}
