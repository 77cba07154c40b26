package environment

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fakePython is an interpreter that has pip, unless the file "bare" is beside it, and whose pip installs a uv that writes down
// what it is asked for. The file "fail" makes that fail, "old" makes the interpreter old.
const fakePython = `#!/bin/sh
here="$DAVIT_TEST_DIRECTORY"
uv() { mkdir -p "$1/bin" && cp "$here/uv" "$1/bin/uv"; }
case "$*" in
*"version_info"*) [ ! -e "$here/old" ] ;;
"-c import pip") [ ! -e "$here/bare" ] ;;
*"ensurepip"*) [ ! -e "$here/barer" ] ;;
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip install "*"--target "*" uv=="*) echo "$*" >> "$here/pip"; for last; do [ "$before" = --target ] && uv "$last"; before="$last"; done; true ;;
"-m pip install "*" uv=="*) echo "$*" >> "$here/pip"; uv "${0%/bin/python}" ;;
"-m pip config list") echo "global.index-url='https://index.test/simple'" ;;
*) echo "not asked for: $*"; exit 1 ;;
esac
`

const fakeUV = `#!/bin/sh
echo "$UV_DEFAULT_INDEX $*" >> "$DAVIT_TEST_DIRECTORY/asked"
case "$*" in
"venv "*) mkdir -p "$5/bin" ;;
"pip sync "*) if [ -e "$DAVIT_TEST_DIRECTORY/fail" ]; then echo "no such package"; exit 1; fi ;;
esac
`

// fakeInterpreter makes the fake the only Python of the path and answers its directory.
func fakeInterpreter(t *testing.T, files ...string) string {
	t.Helper()
	directory := t.TempDir()
	for name, program := range map[string]string{"python3": fakePython, "uv": fakeUV} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(program), 0o700); err != nil { // #nosec G306
			t.Fatal(err)
		}
	}
	for _, name := range []string{"sh", "mkdir", "cp"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(directory, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", directory)
	t.Setenv("DAVIT_TEST_DIRECTORY", directory)
	return directory
}

// said counts the lines of a file beside the fake that have the text.
func said(t *testing.T, interpreter, file, text string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(interpreter, file))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(content), text)
}

func TestMakeWorksOnceForAllProcesses(t *testing.T) {
	interpreter, directory := fakeInterpreter(t), filepath.Join(t.TempDir(), "venv")
	options := Options{Requirements: []byte("a==1\n")}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := Make(t.Context(), directory, options); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := said(t, interpreter, "asked", "pip sync"); got != 1 {
		t.Errorf("four calls installed %d times", got)
	}
	options.Requirements = []byte("a==2\n")
	if err := Make(t.Context(), directory, options); err != nil {
		t.Error(err)
	}
	if got := said(t, interpreter, "asked", "pip sync"); got != 2 {
		t.Errorf("other requirements were installed %d times in all", got)
	}
	if got := said(t, interpreter, "pip", "uv=="); got != 1 {
		t.Errorf("pip installed uv %d times", got)
	}
}

func TestMakeAsksTheIndexOfPip(t *testing.T) {
	interpreter := fakeInterpreter(t)
	if err := Make(t.Context(), filepath.Join(t.TempDir(), "venv"), Options{Compile: true}); err != nil {
		t.Fatal(err)
	}
	if got := said(t, interpreter, "asked", "https://index.test/simple pip sync --quiet"); got != 1 {
		t.Error("uv does not have the index of pip's settings")
	}
	if got := said(t, interpreter, "asked", " --compile-bytecode "); got != 1 {
		t.Error("nothing is compiled")
	}
}

func TestMakeShowsWhatUVSaysAndTriesAgain(t *testing.T) {
	interpreter, directory := fakeInterpreter(t, "fail"), filepath.Join(t.TempDir(), "venv")
	err := Make(t.Context(), directory, Options{})
	if err == nil || !strings.Contains(err.Error(), "no such package") || !strings.Contains(err.Error(), directory) {
		t.Errorf("got %v, want what uv said and where", err)
	}
	if err := os.Remove(filepath.Join(interpreter, "fail")); err != nil {
		t.Fatal(err)
	}
	if err := Make(t.Context(), directory, Options{}); err != nil {
		t.Errorf("the second try: %v", err)
	}
	if got := said(t, interpreter, "asked", "pip sync"); got != 2 {
		t.Errorf("two tries installed %d times", got)
	}
}

func TestMakeNamesThePackageThatIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		files []string
		want  string
	}{
		"no interpreter":                    {want: "there is no python3; on Debian: apt install python3 python3-venv"},
		"an old interpreter":                {files: []string{"old"}, want: "is older; on Debian: apt install python3 python3-venv"},
		"neither pip nor environments":      {files: []string{"bare", "barer"}, want: "on Debian: apt install python3-venv"},
		"no pip, but virtual environments":  {files: []string{"bare"}},
		"an interpreter that has all of it": {files: []string{"new"}},
	} {
		t.Run(name, func(t *testing.T) {
			fakeInterpreter(t, test.files...)
			if len(test.files) == 0 {
				t.Setenv("PATH", t.TempDir())
			}
			err := Make(t.Context(), filepath.Join(t.TempDir(), "venv"), Options{})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestTranslateSaysWhatPipIsConfiguredTo(t *testing.T) {
	got, noIndex := translate(`:env:.cert='/etc/own.pem'
:env:.extra-index-url='https://a.test/simple\nhttps://b.test/simple'
global.cert='/etc/other.pem'
global.find-links='/one /two'
global.index-url='https://global.test/simple'
global.no-color='true'
global.proxy='http://proxy.test:3128'
install.index-url='https://install.test/simple?a=b'
install.trusted-host="a.test"
download.index-url='https://download.test/simple'
global.no-index='false'
`)
	want := []string{
		"UV_INDEX_STRATEGY=unsafe-best-match", "UV_SYSTEM_CERTS=true", "UV_PYTHON_DOWNLOADS=never",
		"SSL_CERT_FILE=/etc/other.pem", "UV_FIND_LINKS=/one,/two", "UV_DEFAULT_INDEX=https://global.test/simple",
		"HTTPS_PROXY=http://proxy.test:3128", "HTTP_PROXY=http://proxy.test:3128",
		"UV_DEFAULT_INDEX=https://install.test/simple?a=b", "UV_INSECURE_HOST=a.test",
		"SSL_CERT_FILE=/etc/own.pem", "UV_INDEX=https://a.test/simple https://b.test/simple",
	}
	if !slices.Equal(got, want) || noIndex {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestMakeInstallsFromWherePipLooks: really, without an index, and with a package that misses what it needs.
func TestMakeInstallsFromWherePipLooks(t *testing.T) {
	beside := t.TempDir()
	if err := Make(t.Context(), filepath.Join(beside, "first"), Options{}); err != nil { // with uv, from pip's own index
		t.Fatal(err)
	}
	links := t.TempDir()
	wheel(t, links, "crane", "")
	wheel(t, links, "boat", "Requires-Dist: oar\n")
	t.Setenv("PIP_NO_INDEX", "1")
	t.Setenv("PIP_FIND_LINKS", links)
	directory := filepath.Join(beside, "second")
	if err := Make(t.Context(), directory, Options{Requirements: []byte("crane==1.0\n")}); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), Python(directory), "-c", "import crane; print(crane.lifts)").CombinedOutput()
	if err != nil || strings.TrimSpace(string(output)) != "boats" {
		t.Errorf("got %s, %v", output, err)
	}
	err = Make(t.Context(), directory, Options{Requirements: []byte("crane==1.0\nboat==1.0\n")})
	if err == nil || !strings.Contains(err.Error(), "oar") {
		t.Errorf("got %v, want that a pin is missing", err)
	}
	err = Make(t.Context(), directory, Options{Requirements: []byte("six==1.17.0\n")})
	if err == nil || !strings.Contains(err.Error(), "six") {
		t.Errorf("got %v, want that no index may be asked", err)
	}
}

// wheel makes a package of one module, with more in its description.
func wheel(t *testing.T, folder, name, more string) {
	t.Helper()
	var content bytes.Buffer
	archive := zip.NewWriter(&content)
	for _, file := range [][2]string{
		{name + ".py", "lifts = 'boats'\n"},
		{name + "-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1.0\n" + more},
		{name + "-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{name + "-1.0.dist-info/RECORD", name + ".py,,\n"},
	} {
		entry, err := archive.Create(file[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write([]byte(file[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+"-1.0-py3-none-any.whl"), content.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
