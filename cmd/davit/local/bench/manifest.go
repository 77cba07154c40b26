package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// pushTimed pushes an image and answers when its last step began. That step is the manifest: with it the image is in the
// registry, and the event follows. What was uploaded before does not count.
func pushTimed(ctx context.Context, registry, repository, tag string, image v1.Image) (
	digest string, begun time.Time, err error) {
	target, err := name.NewRepository(registry + "/" + repository)
	if err != nil {
		return "", time.Time{}, err
	}
	layers, err := image.Layers()
	if err != nil {
		return "", time.Time{}, err
	}
	configuration, err := partial.ConfigLayer(image)
	if err != nil {
		return "", time.Time{}, err
	}
	for _, layer := range append(layers, configuration) {
		if err := remote.WriteLayer(target, layer, remote.WithContext(ctx)); err != nil {
			return "", time.Time{}, fmt.Errorf("push %s:%s: %w", repository, tag, err)
		}
	}
	manifest, err := image.RawManifest()
	if err != nil {
		return "", time.Time{}, err
	}
	kind, err := image.MediaType()
	if err != nil {
		return "", time.Time{}, err
	}
	hash, err := image.Digest()
	if err != nil {
		return "", time.Time{}, err
	}
	address := fmt.Sprintf("http://%s/v2/%s/manifests/%s", registry, repository, tag)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, address, bytes.NewReader(manifest))
	if err != nil {
		return "", time.Time{}, err
	}
	request.Header.Set("Content-Type", string(kind))
	begun = time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("push %s:%s: %w", repository, tag, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // Only for the error below.
	if response.StatusCode != http.StatusCreated {
		return "", time.Time{}, fmt.Errorf("push %s:%s: %s: %s", repository, tag, response.Status, answer)
	}
	return hash.String(), begun, nil
}
