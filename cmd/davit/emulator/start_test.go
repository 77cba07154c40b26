package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/emulator/emulatortest"
)

// installation is where the tests' emulators are installed.
func installation(t *testing.T) string {
	t.Helper()
	directory, err := emulatortest.Installation()
	if err != nil {
		t.Fatal(err)
	}
	return directory
}

// startIn starts an emulator in the directory and stops it when the test ends.
func startIn(t *testing.T, options emulator.Options) *emulator.Emulator {
	t.Helper()
	options.Installation = installation(t)
	started, err := emulator.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := emulator.Stop(context.Background(), options.Directory); err != nil {
			t.Error(err)
		}
	})
	return started
}

func pidIn(t *testing.T, directory string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(directory, "emulator.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// processesOf are the processes that inherited the environment of the directory's emulator.
func processesOf(t *testing.T, directory string) []string {
	t.Helper()
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range environments {
		environment, err := os.ReadFile(path) // #nosec G304 -- of /proc
		if err == nil && strings.Contains(string(environment), "HOME="+directory) {
			found = append(found, path)
		}
	}
	return found
}

// containersOf are the containers that the emulator of the instance owns.
func containersOf(t *testing.T, instance string) []string {
	t.Helper()
	filter := url.QueryEscape(`{"label":["ministack.instance=` + instance + `"]}`)
	var found []struct{ ID string }
	if err := json.Unmarshal(engineCall(t, http.MethodGet, "/containers/json?all=1&filters="+filter, nil), &found); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, container := range found {
		ids = append(ids, container.ID)
	}
	return ids
}

// instanceOf is the label's value by which the directory's emulator owns its containers.
func instanceOf(t *testing.T, directory string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(directory, "emulator.json"))
	if err != nil {
		t.Fatal(err)
	}
	var record struct {
		Instance string `json:"instance"`
	}
	if err := json.Unmarshal(text, &record); err != nil || record.Instance == "" {
		t.Fatalf("%s names no instance: %v", text, err)
	}
	return record.Instance
}

func TestStartRefusesATakenPortAndNamesItsHolder(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	_, err = emulator.Start(t.Context(), emulator.Options{
		Directory: t.TempDir(), Installation: installation(t), Port: port,
	})
	if !errors.Is(err, syscall.EADDRINUSE) ||
		!strings.Contains(err.Error(), "port "+strconv.Itoa(port)+" is taken by process "+strconv.Itoa(os.Getpid())) {
		t.Errorf("got %v, want the port %d and this process", err, port)
	}
}

func TestStartSaysThatTheEmulatorIsUpAlready(t *testing.T) {
	directory := t.TempDir()
	started := startIn(t, emulator.Options{Directory: directory})
	if found, running := emulator.Running(directory); !running || found != started.Endpoint() {
		t.Errorf("the emulator at %s is said to be at %q, running: %t", started.Endpoint(), found, running)
	}
	_, err := emulator.Start(t.Context(), emulator.Options{Directory: directory, Installation: installation(t)})
	if !errors.Is(err, emulator.ErrRunning) || !strings.Contains(err.Error(), started.Endpoint()) {
		t.Errorf("got %v, want ErrRunning at %s", err, started.Endpoint())
	}
}

func TestStartShowsTheLogOfAnEmulatorThatDies(t *testing.T) {
	directory := t.TempDir()
	bin := filepath.Join(directory, "venv", "bin")
	if err := os.MkdirAll(bin, 0o750); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho the emulator is broken\nexit 3\n"
	if err := os.WriteFile(filepath.Join(bin, "python"), []byte(script), 0o700); err != nil { // #nosec G306 -- a program
		t.Fatal(err)
	}
	_, err := emulator.Start(t.Context(), emulator.Options{Directory: directory})
	if err == nil || !strings.Contains(err.Error(), "the emulator is broken") {
		t.Errorf("got %v, want what the process said", err)
	}
	if _, running := emulator.Running(directory); running {
		t.Error("the dead emulator is said to run")
	}
}

func TestStopLeavesNeitherProcessNorContainer(t *testing.T) {
	needEngine(t)
	shared := endpoint
	t.Cleanup(func() { endpoint = shared })
	directory := t.TempDir()
	endpoint = startIn(t, emulator.Options{Directory: directory, DockerHost: emulatortest.DockerHost()}).Endpoint()
	_, repositoryName := repository(t)
	pushContainer(t, repositoryName, "1.0.0")
	web := newService(t, ecs.NewFromConfig(cloud(t)), registryImage(repositoryName, ":1.0.0"))
	eventually(t, "the container runs", func() bool { return web.describe().RunningCount == 1 })
	function := newFunction(t)
	invoke(t, function, nil)
	pid, instance := pidIn(t, directory), instanceOf(t, directory)
	web.forget()
	if found := containersOf(t, instance); len(found) != 1 {
		t.Errorf("the service of one task has the containers %v", found)
	}

	// As if it could not clean up by itself.
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := emulator.Stop(t.Context(), directory); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process is gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	if left := containersOf(t, instance); len(left) != 0 {
		t.Errorf("containers are left: %v", left)
	}
	if left := processesOf(t, directory); len(left) != 0 {
		t.Errorf("processes are left: %v", left)
	}
	if err := emulator.Stop(t.Context(), directory); err != nil {
		t.Errorf("stopping what does not run: %v", err)
	}
}

func TestEmulatorListensOnTheLoopbackInterfaceAlone(t *testing.T) {
	_, port, err := net.SplitHostPort(strings.TrimPrefix(endpoint, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		network, ok := address.(*net.IPNet)
		if !ok || network.IP.IsLoopback() || network.IP.To4() == nil {
			continue
		}
		connection, err := net.Dial("tcp4", net.JoinHostPort(network.IP.String(), port))
		if err == nil {
			_ = connection.Close()
			t.Errorf("the emulator listens on %s", network.IP)
		}
	}
	if answer := get(t, endpoint+"/_ministack/health"); answer == "" {
		t.Error("the emulator does not answer on the loopback interface")
	}
	http.DefaultClient.CloseIdleConnections()
}
