package environment

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tool is uv in a directory of its own.
type tool struct {
	directory string
	settings  []string // pip's, as variables of uv's
	noIndex   bool     // as pip's no-index, for which uv has no variable
}

// install has pip install uv, once, and reads pip's settings. pip is the interpreter's; where it has none, as on Debian without
// python3-pip, the one that a virtual environment comes with.
func (t *tool) install(ctx context.Context, interpreter string, progress func(string)) error {
	pip := interpreter
	if _, err := run(ctx, nil, interpreter, "-c", "import pip"); err != nil {
		pip = Python(t.directory)
	}
	if _, err := os.Stat(t.program()); err != nil {
		progress("installing uv, which installs packages")
		if err := t.fetch(ctx, interpreter, pip != interpreter); err != nil {
			return err
		}
	}
	settings, err := run(ctx, nil, pip, "-m", "pip", "config", "list")
	if err != nil {
		return err
	}
	t.settings, t.noIndex = translate(settings)
	return nil
}

// fetch installs uv completely or not at all.
func (t *tool) fetch(ctx context.Context, interpreter string, bare bool) error {
	part := t.directory + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	install := []string{"-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--no-compile", "--disable-pip-version-check"}
	if bare {
		if _, err := run(ctx, nil, interpreter, "-c", "import venv, ensurepip"); err != nil {
			return fmt.Errorf("%s cannot make virtual environments; on Debian: apt install python3-venv: %w", interpreter, err)
		}
		if _, err := run(ctx, nil, interpreter, "-m", "venv", part); err != nil {
			return err
		}
		interpreter = Python(part)
	} else {
		install = append(install, "--target", part)
	}
	if _, err := run(ctx, nil, interpreter, append(install, "uv=="+uvVersion)...); err != nil {
		return err
	}
	if err := os.RemoveAll(t.directory); err != nil {
		return err
	}
	return os.Rename(part, t.directory)
}

func (t *tool) program() string { return filepath.Join(t.directory, "bin", "uv") }

// sync installs exactly what the list pins.
func (t *tool) sync(ctx context.Context, directory, list string, compile bool) error {
	arguments := []string{"pip", "sync", "--quiet", "--python", Python(directory)}
	if compile {
		arguments = append(arguments, "--compile-bytecode")
	}
	if t.noIndex {
		arguments = append(arguments, "--no-index")
	}
	return t.run(ctx, append(arguments, list)...)
}

func (t *tool) run(ctx context.Context, arguments ...string) error {
	_, err := run(ctx, t.settings, t.program(), arguments...)
	return err
}

// named are uv's variables for pip's settings, with what uv has between several values.
var named = map[string]struct{ variables, between string }{
	"index-url":       {variables: "UV_DEFAULT_INDEX"},
	"extra-index-url": {variables: "UV_INDEX", between: " "},
	"find-links":      {variables: "UV_FIND_LINKS", between: ","},
	"trusted-host":    {variables: "UV_INSECURE_HOST", between: " "},
	"cert":            {variables: "SSL_CERT_FILE"},
	"client-cert":     {variables: "SSL_CLIENT_CERT"},
	"proxy":           {variables: "HTTPS_PROXY HTTP_PROXY"},
	"timeout":         {variables: "UV_HTTP_TIMEOUT"},
	"default-timeout": {variables: "UV_HTTP_TIMEOUT"},
}

// translate answers the variables that have uv do as pip's settings say, which are lines such as global.index-url='https://…', and
// whether no index is to be asked. Of the same setting pip believes the environment before the command's own section before the
// global one; of the same variable the last counts.
func translate(settings string) (variables []string, noIndex bool) {
	// As pip does: the best version of all indexes, and the system's certificates, too. No other Python than the one that is here.
	variables = []string{"UV_INDEX_STRATEGY=unsafe-best-match", "UV_SYSTEM_CERTS=true", "UV_PYTHON_DOWNLOADS=never"}
	for _, section := range []string{"global", "install", ":env:"} {
		for line := range strings.Lines(settings) {
			setting, found := strings.CutPrefix(strings.TrimSpace(line), section+".")
			name, value, _ := strings.Cut(setting, "=")
			name, value = strings.TrimPrefix(name, "."), strings.Trim(strings.ReplaceAll(value, `\n`, " "), `'"`)
			if !found {
				continue
			}
			if name == "no-index" {
				noIndex = slices.Contains([]string{"1", "true", "yes", "on", "y", "t"}, strings.ToLower(value))
			}
			if between := named[name].between; between != "" {
				value = strings.Join(strings.Fields(value), between)
			}
			for variable := range strings.FieldsSeq(named[name].variables) {
				variables = append(variables, variable+"="+value)
			}
		}
	}
	return variables, noIndex
}
