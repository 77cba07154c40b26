package engine

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serve answers as an engine would on a socket, and gives the socket's path.
func serve(t *testing.T, routes map[string]http.HandlerFunc) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "engine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	socket := filepath.Join(directory, "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	handler := http.NewServeMux()
	handler.HandleFunc("GET /_ping", func(answer http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(answer, "OK") })
	for pattern, route := range routes {
		handler.HandleFunc(pattern, route)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return socket
}

func write(text string) http.HandlerFunc {
	return func(answer http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(answer, text) }
}

func connect(t *testing.T, routes map[string]http.HandlerFunc) *Engine {
	t.Helper()
	engine, err := Connect(t.Context(), "unix://"+serve(t, routes))
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

func TestFind(t *testing.T) {
	home := t.TempDir()
	tests := map[string]struct {
		environment map[string]string
		wantHost    string
		wantError   error
	}{
		"DOCKER_HOST wins": {
			environment: map[string]string{"DOCKER_HOST": "unix://" + serve(t, nil), "XDG_RUNTIME_DIR": filepath.Dir(serve(t, nil))},
		},
		"a rootless engine is found in XDG_RUNTIME_DIR": {
			environment: map[string]string{"XDG_RUNTIME_DIR": filepath.Dir(serve(t, nil)), "HOME": home},
		},
		"a DOCKER_HOST over ssh is refused": {
			environment: map[string]string{"DOCKER_HOST": "ssh://host"}, wantError: ErrHost,
		},
		"a DOCKER_HOST without path is refused": {
			environment: map[string]string{"DOCKER_HOST": "unix://"}, wantError: ErrHost,
		},
		"a DOCKER_HOST with TLS is refused": {
			environment: map[string]string{"DOCKER_HOST": "tcp://host:2376", "DOCKER_TLS_VERIFY": "1"}, wantError: ErrHost,
		},
		"a DOCKER_HOST that does not answer is an error of its own": {
			environment: map[string]string{"DOCKER_HOST": "unix:///nowhere.sock"}, wantError: os.ErrNotExist,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			engine, err := Find(t.Context(), func(key string) string { return test.environment[key] })
			if test.wantError != nil {
				if !errors.Is(err, test.wantError) || errors.Is(err, ErrNone) {
					t.Errorf("got %v, want %v and not ErrNone", err, test.wantError)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := test.environment["DOCKER_HOST"]
			if want == "" {
				// A system's engine, where the machine has one, comes before a rootless one.
				usual := slices.IndexFunc(usualSockets(func(key string) string { return test.environment[key] }),
					func(socket string) bool { return "unix://"+socket == engine.Host() })
				if usual < 0 {
					t.Errorf("got %s, want a usual socket", engine.Host())
				}
				return
			}
			if engine.Host() != want {
				t.Errorf("got %s, want %s", engine.Host(), want)
			}
		})
	}
}

func TestLoadTellsAFailureInTheStream(t *testing.T) {
	engine := connect(t, map[string]http.HandlerFunc{
		"POST /images/load": write(`{"stream":"Loading"}` + "\n" + `{"errorDetail":{},"error":"no space left"}`),
	})
	err := engine.Load(t.Context(), strings.NewReader("archive"))
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v, want the engine's error", err)
	}
}

func TestContainersAreChosenByLabelAndRemoved(t *testing.T) {
	var filters, removed []string
	engine := connect(t, map[string]http.HandlerFunc{
		"GET /containers/json": func(answer http.ResponseWriter, request *http.Request) {
			filters = append(filters, request.URL.Query().Get("filters"))
			_, _ = io.WriteString(answer, `[{"Id":"one"},{"Id":"gone"}]`)
		},
		"DELETE /containers/{id}": func(answer http.ResponseWriter, request *http.Request) {
			removed = append(removed, request.PathValue("id")+"?"+request.URL.RawQuery)
			if request.PathValue("id") == "gone" {
				http.Error(answer, `{"message":"No such container"}`, http.StatusNotFound)
			}
		},
	})
	count, err := engine.RemoveLabelled(t.Context(), "owner=us")
	if err != nil || count != 2 {
		t.Errorf("got %d, %v, want 2 removed", count, err)
	}
	if difference := cmp.Diff([]string{`{"label":["owner=us"]}`}, filters); difference != "" {
		t.Error(difference)
	}
	if difference := cmp.Diff([]string{"one?force=1&v=1", "gone?force=1&v=1"}, removed); difference != "" {
		t.Error(difference)
	}
}

func TestImagesAreRemovedByEachOfTheirNames(t *testing.T) {
	var filters string
	var removed []string
	engine := connect(t, map[string]http.HandlerFunc{
		"GET /images/json": func(answer http.ResponseWriter, request *http.Request) {
			filters = request.URL.Query().Get("filters")
			_, _ = io.WriteString(answer, `[{"RepoTags":["localhost:1/web:1","localhost:1/web:2"],"RepoDigests":["localhost:1/web@sha256:aa"]}]`)
		},
		"DELETE /images/{name}": func(answer http.ResponseWriter, request *http.Request) {
			removed = append(removed, request.PathValue("name"))
			if strings.Contains(request.PathValue("name"), "@") {
				http.Error(answer, `{"message":"No such image"}`, http.StatusNotFound)
			}
		},
	})
	if _, err := engine.RemoveImages(t.Context(), "localhost:1/*"); err != nil {
		t.Fatal(err)
	}
	if filters != `{"reference":["localhost:1/*"]}` {
		t.Errorf("filters: %s", filters)
	}
	want := []string{"localhost:1/web:1", "localhost:1/web:2", "localhost:1/web@sha256:aa"}
	if difference := cmp.Diff(want, removed); difference != "" {
		t.Error(difference)
	}
}

func TestExecuteAnswersExitCodeAndOutput(t *testing.T) {
	frame := func(stream byte, text string) string {
		header := []byte{stream, 0, 0, 0, 0, 0, 0, 0}
		binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
		return string(header) + text
	}
	engine := connect(t, map[string]http.HandlerFunc{
		"POST /containers/{id}/exec": write(`{"Id":"x1"}`),
		"POST /exec/{id}/start":      write(frame(1, "out ") + frame(2, "err")),
		"GET /exec/{id}/json":        write(`{"ExitCode":3}`),
	})
	exit, output, err := engine.Execute(t.Context(), "c1", "/web", "-check")
	if err != nil || exit != 3 || output != "out err" {
		t.Errorf("got %d %q %v, want 3 and both outputs", exit, output, err)
	}
}

func TestARefusalKeepsTheEnginesMessage(t *testing.T) {
	engine := connect(t, map[string]http.HandlerFunc{
		"POST /containers/{id}/exec": func(answer http.ResponseWriter, _ *http.Request) {
			http.Error(answer, `{"message":"container is not running"}`, http.StatusConflict)
		},
	})
	_, _, err := engine.Execute(t.Context(), "c1", "/web")
	var status *StatusError
	if !errors.As(err, &status) || status.Status != http.StatusConflict || status.Message != "container is not running" {
		t.Errorf("got %v, want the status and the message", err)
	}
}

func TestMountPointsAreThoseBelowTheDirectory(t *testing.T) {
	const mountinfo = `42 27 254:0 /a /tmp/engine/data rw - ext4 /dev/vda rw
43 42 0:5 / /tmp/engine/data/overlay\040two rw - overlay overlay rw
44 27 0:5 / /tmp/engine2 rw - tmpfs tmpfs rw
broken
`
	want := []string{"/tmp/engine/data", "/tmp/engine/data/overlay two"}
	if difference := cmp.Diff(want, mountPoints(mountinfo, "/tmp/engine")); difference != "" {
		t.Error(difference)
	}
}
