package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plant writes a file that can be executed.
func plant(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestDebianIsKnownByItsRelease(t *testing.T) {
	tests := map[string]struct {
		release string
		want    bool
	}{
		"Debian":           {"PRETTY_NAME=\"Debian 12\"\nID=debian\n", true},
		"Ubuntu":           {"ID=ubuntu\nID_LIKE=debian\n", true},
		"a child of them":  {"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", true},
		"another":          {"ID=\"fedora\"\nID_LIKE=\"rhel\"\n", false},
		"a name like them": {"ID=debianesque\n", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "os-release")
			plant(t, path, test.release)
			if got := (Machine{Release: path}).debian(); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestWithoutRootTheErrorTellsWhatToDo(t *testing.T) {
	err := Machine{Root: false}.canHavePrivate(ErrNone)
	if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "DOCKER_HOST") || !strings.Contains(err.Error(), "root") {
		t.Errorf("got %v, want ErrNone with a remedy", err)
	}
}

// TestInstallGetsDockerAndStartsNoService puts an apt-get of its own first on the path, which notes what it was asked
// and whether services were forbidden meanwhile.
func TestInstallGetsDockerAndStartsNoService(t *testing.T) {
	directory := t.TempDir()
	policy := filepath.Join(directory, "policy-rc.d")
	notes := filepath.Join(directory, "notes")
	plant(t, filepath.Join(directory, "apt-get"), `#!/bin/sh
"`+policy+`"; echo "$* policy=$? $DEBIAN_FRONTEND" >> "`+notes+`"
: > "`+directory+`/dockerd"
`)
	t.Setenv("PATH", directory+":/usr/bin:/bin")
	var told []string
	err := Machine{PolicyPath: policy}.install(t.Context(), func(text string) { told = append(told, text) })
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	want := "-qq -o DPkg::Lock::Timeout=300 update policy=101 noninteractive\n" +
		"-qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends docker.io policy=101 noninteractive\n"
	if string(text) != want {
		t.Errorf("apt-get was asked:\n%s\nwant:\n%s", text, want)
	}
	if len(told) != 2 {
		t.Errorf("told %q, want a line for each step", told)
	}
	if _, err := os.Stat(policy); !os.IsNotExist(err) {
		t.Errorf("the policy is left: %v", err)
	}
}

func TestInstallKeepsAPolicyOfTheMachine(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy-rc.d")
	plant(t, policy, "#!/bin/sh\nexit 104\n")
	restore, err := Machine{PolicyPath: policy}.forbidServices()
	if err != nil {
		t.Fatal(err)
	}
	restore()
	text, err := os.ReadFile(policy)
	if err != nil || !strings.Contains(string(text), "104") {
		t.Errorf("got %q, %v, want the machine's own policy", text, err)
	}
}

func TestAFailedInstallShowsWhatAptSaid(t *testing.T) {
	directory := t.TempDir()
	plant(t, filepath.Join(directory, "apt-get"), "#!/bin/sh\necho 'E: no network'\nexit 100\n")
	t.Setenv("PATH", directory+":/usr/bin:/bin")
	err := Machine{PolicyPath: filepath.Join(directory, "policy-rc.d")}.install(t.Context(), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "E: no network") {
		t.Errorf("got %v, want apt's own words", err)
	}
}

func TestAPrivateEngineThatWasExportedIsNoOtherEngine(t *testing.T) {
	private := Private{Directory: t.TempDir()}
	for host, want := range map[string]string{private.Host(): "", "unix:///other.sock": "unix:///other.sock"} {
		machine := Machine{Environment: func(string) string { return host }}
		if got := machine.Without(private).Environment("DOCKER_HOST"); got != want {
			t.Errorf("of DOCKER_HOST=%s got %q, want %q", host, got, want)
		}
	}
}

func TestAnEngineThatDoesNotAnswerIsToldWithARemedy(t *testing.T) {
	_, err := Find(t.Context(), func(name string) string { return map[string]string{"DOCKER_HOST": "unix:///nowhere.sock"}[name] })
	if err == nil || !strings.Contains(err.Error(), "start that engine, or unset DOCKER_HOST") {
		t.Errorf("got %v, want what to do", err)
	}
}

func TestADockerHostThatIsNoneIsToldWithTheFormOfOne(t *testing.T) {
	for _, host := range []string{"foo", "/var/run/docker.sock", "unix:/x", "unix://", "unix://x", "unix://x/y", "unix:///", "tcp://",
		"tcp://host", "tcp://host:port", "ssh://host", "localhost:2375"} {
		_, err := Find(t.Context(), func(name string) string { return map[string]string{"DOCKER_HOST": host}[name] })
		want := `DOCKER_HOST is not a Docker host that can be used: "` + host +
			`": want unix:///PATH or tcp://HOST:PORT without TLS; set it so, or unset it`
		if !errors.Is(err, ErrHost) || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}
