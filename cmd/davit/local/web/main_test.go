package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTheServerSaysItsVersionAndItsHealth(t *testing.T) {
	server := handler("1.1.0")
	for path, want := range map[string]string{"/": "web 1.1.0\n", "/healthz": "ok\n"} {
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != http.StatusOK || answer.Body.String() != want {
			t.Errorf("GET %s: got %d %q, want 200 %q", path, answer.Code, answer.Body, want)
		}
	}
}

func TestTheCheckPassesOnlyOnAPage(t *testing.T) {
	tests := map[string]struct {
		status int
		passes bool
	}{
		"a page":            {http.StatusOK, true},
		"a server in error": {http.StatusInternalServerError, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
				answer.WriteHeader(test.status)
			}))
			defer server.Close()
			err := ask(server.Listener.Addr().String())
			if (err == nil) != test.passes {
				t.Errorf("got %v, want it to pass: %v", err, test.passes)
			}
		})
	}
}

func TestABrokenBuildExitsWithAnError(t *testing.T) {
	if err := run(false, true); err == nil {
		t.Error("got no error, want the server to refuse to start")
	}
}
