package ecs_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"davit/shared/workload"
	"davit/shared/workload/ecs"
)

// rerouted sends every request to the wire, whatever host it is for, and keeps the credentials that came with it.
type rerouted struct {
	t     testing.TB
	to    string
	hosts []string
	bears map[string]string
}

func (r *rerouted) Do(request *http.Request) (*http.Response, error) {
	to, err := url.Parse(r.to)
	if err != nil {
		r.t.Fatal(err)
	}
	r.hosts = append(r.hosts, request.URL.Host)
	r.bears[request.URL.Path] = request.Header.Get("Authorization")
	request.URL.Scheme, request.URL.Host = to.Scheme, to.Host
	return http.DefaultClient.Do(request)
}

const galleryBase = "public.ecr.aws/a1b2c3d4/shop/web"

func TestVerifyAnImageOfThePublicGallery(t *testing.T) {
	manifestPath, blobPath := "GET /v2/a1b2c3d4/shop/web/manifests/"+digest, "GET /v2/a1b2c3d4/shop/web/blobs/"+blobDigest(amd64)
	single := fmt.Sprintf(`{"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q}}`, blobDigest(amd64))
	for _, test := range []struct {
		name     string
		token    answer
		manifest answer
		blob     answer
		reason   string // of the refusal; empty for none
		fault    string // part of the error that is no refusal
	}{
		{"an index tells a platform that fits", ok(object{"token": "T"}), ok(index("linux/amd64")), answer{}, "", ""},
		{"an index tells none that fits", ok(object{"token": "T"}), ok(index("linux/arm64")), answer{},
			"is for linux/arm64, and the task needs linux/amd64", ""},
		{"without an index the configuration tells", ok(object{"token": "T"}), ok(single), ok(amd64), "", ""},
		{"a configuration of something else is not believed", ok(object{"token": "T"}), ok(single), ok(`{}`), "", "not the one of digest"},
		{"a name that has no such image is refused", ok(object{"token": "T"}), answer{http.StatusNotFound, `{}`}, answer{},
			"its alias must be the account's own", ""},
		{"a gallery that is slow is a fault", ok(object{"token": "T"}), answer{http.StatusTooManyRequests, `{}`}, answer{}, "", "status 429"},
		{"no token is a fault", answer{http.StatusUnauthorized, `{}`}, answer{}, answer{}, "", "gave no token: status 401"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onAll()
			w.on("GET /token/", test.token)
			w.on(manifestPath, test.manifest)
			w.on(blobPath, test.blob)
			through := &rerouted{t: t, to: w.url, bears: map[string]string{}}
			made := clients(w.url)
			made.HTTP = through
			wanted := change("web")
			wanted.Base = galleryBase
			wanted.Repository = workload.Repository{Registry: account, Region: workload.PublicRegion, Name: "shop/web"}
			driver := ecs.New(made)
			driver.ReadAhead(t.Context(), wanted.Repository, digest)
			err := driver.Verify(t.Context(), observed(t), wanted)
			switch {
			case test.fault != "":
				wantError(t, err, test.fault)
				if isRefused(err) {
					t.Errorf("%v is a refusal", err)
				}
			default:
				wantVerdict(t, err, test.reason)
			}
			if w.count("BatchGetImage") != 0 {
				t.Error("a private registry was asked")
			}
			for path, bears := range through.bears {
				if strings.HasPrefix(path, "/v2/") != (bears == "Bearer T") {
					t.Errorf("%s was asked with %q", path, bears)
				}
			}
			for _, host := range through.hosts {
				if host != workload.PublicHost {
					t.Errorf("%s was asked", host)
				}
			}
		})
	}
}
