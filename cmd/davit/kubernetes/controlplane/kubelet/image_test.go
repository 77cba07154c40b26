package kubelet

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/opencontainers/go-digest"
)

// newRegistry is a registry with the documents, by their paths below /v2/.
func newRegistry(t *testing.T, documents map[string]string) *Registry {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		text, found := documents[request.URL.Path]
		switch {
		case request.URL.Path == "/v2/web/manifests/broken":
			response.WriteHeader(http.StatusBadGateway)
		case !found:
			response.WriteHeader(http.StatusNotFound)
		default:
			_, _ = io.WriteString(response, text)
		}
	}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return NewRegistry(address)
}

func TestPull(t *testing.T) {
	const (
		manifest      = `{"config":{"digest":"sha256:c"}}`
		configuration = `{"config":{"Labels":{"davit.test.exit":"1"}}}`
	)
	list := fmt.Sprintf(`{"manifests":[{"digest":%q},{"digest":"sha256:other"}]}`, digest.FromString(manifest))
	of := func(text string) string { return digest.FromString(text).String() }
	registry := newRegistry(t, map[string]string{
		"/v2/web/manifests/1": manifest, "/v2/web/manifests/latest": manifest, "/v2/web/manifests/" + of(manifest): manifest,
		"/v2/web/manifests/list": list, "/v2/web/blobs/sha256:c": configuration,
	})
	const account = "000000000000.dkr.ecr.ap-northeast-2.amazonaws.com/web"
	labels := map[string]string{"davit.test.exit": "1"}
	for name, test := range map[string]struct {
		image, id string
		err       error
	}{
		"a tag of the account's registry":   {account + ":1", account + "@" + of(manifest), nil},
		"a digest":                          {account + "@" + of(manifest), account + "@" + of(manifest), nil},
		"a tag and a digest":                {account + ":9@" + of(manifest), account + "@" + of(manifest), nil},
		"no tag is the latest":              {account, account + "@" + of(manifest), nil},
		"an image of several platforms":     {account + ":list", account + "@" + of(list), nil},
		"the local registry":                {registry.cloud.Host + "/web:1", registry.cloud.Host + "/web@" + of(manifest), nil},
		"a tag that is not there":           {account + ":2", "", errNotFound},
		"a digest that is not there":        {account + "@" + of("other"), "", errNotFound},
		"a registry that cannot be reached": {"nginx:1", "", errNotFound},
		"a name that is none":               {"Web:1", "", errReference},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := registry.pull(t.Context(), test.image)
			if !errors.Is(err, test.err) || found.id != test.id {
				t.Fatalf("got %q %v, want %q %v", found.id, err, test.id, test.err)
			}
			if err == nil && !maps.Equal(found.labels, labels) {
				t.Errorf("got labels %v, want %v", found.labels, labels)
			}
		})
	}
	if _, err := registry.pull(t.Context(), account+":broken"); err == nil || errors.Is(err, errNotFound) {
		t.Errorf("a registry that fails: got %v, want another error than a missing image's", err)
	}
}
