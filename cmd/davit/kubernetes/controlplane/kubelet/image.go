package kubelet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// accepted are the media types of manifests and of lists of them, OCI's and Docker's, and of configurations.
const accepted = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " +
	"application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, */*"

const (
	pullDeadline  = 10 * time.Second
	documentLimit = 4 << 20
)

var (
	// errNotFound says that the registry does not have the image.
	errNotFound = errors.New("not found")
	// errReference says that what a pod names is no image.
	errReference = errors.New("invalid reference format")
	// ecrHost is the registry of an account on AWS, which leads to the local one.
	ecrHost = regexp.MustCompile(`^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com$`)
)

// Registry is the local cloud's registry of images.
type Registry struct{ cloud *url.URL }

// NewRegistry is the registry at the address of the local cloud.
func NewRegistry(cloud *url.URL) *Registry { return &Registry{cloud: cloud} }

// pulled is what the kubelet has to know of an image.
type pulled struct {
	// id is "NAME@DIGEST", as container engines have it.
	id string
	// labels are those of the image's configuration.
	labels map[string]string
}

// pull looks an image up: its manifest, that of its first platform if it has several, and its configuration. Layers are
// not fetched. It fails with errReference, with errNotFound, also for a registry that is neither ECR nor the local one,
// or with what went wrong.
func (r *Registry) pull(ctx context.Context, name string) (pulled, error) {
	ctx, cancel := context.WithTimeout(ctx, pullDeadline)
	defer cancel()
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return pulled{}, fmt.Errorf("%w: %w", errReference, err)
	}
	named = reference.TagNameOnly(named)
	host := reference.Domain(named)
	if !ecrHost.MatchString(host) && host != r.cloud.Host && host != "localhost:"+r.cloud.Port() {
		return pulled{}, errNotFound
	}
	version := ""
	switch named := named.(type) {
	case reference.Digested:
		version = named.Digest().String()
	case reference.Tagged:
		version = named.Tag()
	}
	text, err := r.manifest(ctx, reference.Path(named), version)
	if err != nil {
		return pulled{}, err
	}
	found := pulled{id: named.Name() + "@" + digest.FromBytes(text).String()}
	found.labels, err = r.labels(ctx, reference.Path(named), text)
	return found, err
}

// descriptor names a document of a registry.
type descriptor struct {
	Digest string `json:"digest"`
}

// labels are those of the configuration that the manifest names.
func (r *Registry) labels(ctx context.Context, repository string, manifest []byte) (map[string]string, error) {
	var document struct {
		Manifests []descriptor `json:"manifests"`
		Config    descriptor   `json:"config"`
	}
	if err := json.Unmarshal(manifest, &document); err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	if len(document.Manifests) > 0 {
		text, err := r.manifest(ctx, repository, document.Manifests[0].Digest)
		if err != nil {
			return nil, err
		}
		document.Manifests = nil
		if err := json.Unmarshal(text, &document); err != nil {
			return nil, fmt.Errorf("read the manifest: %w", err)
		}
	}
	text, err := r.get(ctx, repository, "blobs", document.Config.Digest)
	if err != nil {
		return nil, err
	}
	var configuration struct {
		Config struct {
			Labels map[string]string
		} `json:"config"`
	}
	if err := json.Unmarshal(text, &configuration); err != nil {
		return nil, fmt.Errorf("read the configuration of the image: %w", err)
	}
	return configuration.Config.Labels, nil
}

func (r *Registry) manifest(ctx context.Context, repository, version string) ([]byte, error) {
	return r.get(ctx, repository, "manifests", version)
}

func (r *Registry) get(ctx context.Context, repository, kind, name string) ([]byte, error) {
	address := r.cloud.JoinPath("v2", repository, kind, name)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", accepted)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return io.ReadAll(io.LimitReader(response.Body, documentLimit))
	case http.StatusNotFound:
		return nil, errNotFound
	}
	return nil, fmt.Errorf("unexpected status from GET request to %s: %s", address, response.Status)
}
