package cloud

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"davit/cmd/davit/local/endpoint"
)

func TestTheEndpointIsThatOfTheCloudThatIsUp(t *testing.T) {
	want := endpoint.Endpoint{Port: 4601, Region: "eu-north-1"}
	if got, err := (state{Endpoint: want.URL(), Region: want.Region}).endpoint(); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestACloudWithoutKubernetesIsNotTheOneThatIsAskedFor(t *testing.T) {
	for _, test := range []struct {
		has, wants, up bool
	}{{false, false, true}, {true, false, true}, {true, true, true}, {false, true, false}} {
		err := state{Endpoint: "http://localhost:4566", Kubernetes: test.has}.refusal(test.wants)
		if errors.Is(err, ErrUp) != test.up || !strings.Contains(err.Error(), "http://localhost:4566") {
			t.Errorf("with %t, wanted %t: %v", test.has, test.wants, err)
		}
		if !test.up && !strings.Contains(err.Error(), "davit local down") {
			t.Errorf("%v names no next step", err)
		}
	}
}

func TestTheImagesAreTakenAwayOfTheCloudThatIsUp(t *testing.T) {
	var listed string
	engine := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/images/json" {
			listed = request.URL.Query().Get("filters")
		}
		_, _ = io.WriteString(answer, "[]")
	}))
	t.Cleanup(engine.Close)
	site := Site{Directory: t.TempDir(), Endpoint: endpoint.Endpoint{Port: 4566, Region: "eu-north-1"}}
	started := state{DockerHost: "tcp://" + strings.TrimPrefix(engine.URL, "http://"), Endpoint: "http://localhost:4601", Region: "eu-north-1"}
	if err := site.writeState(started); err != nil {
		t.Fatal(err)
	}
	if err := site.removeImages(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := `{"reference":["localhost:4601/*","127.0.0.1:4601/*"]}`; listed != want {
		t.Errorf("the images that are removed are %s, want %s", listed, want)
	}
}
