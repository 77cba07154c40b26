package ecs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"davit/shared/rollout"
	"davit/shared/workload"
)

// gallery reads images of the ECR Public Gallery as whoever pulls them does: over the distribution protocol, with a token
// that anybody gets ("Registry authentication" in the ECR Public user guide). It so proves that the name which the tasks
// will pull by has the image.
type gallery struct {
	client HTTP
	// name is the repository with its alias.
	name, token string
}

// publicPlatforms says what an image of a public repository runs on. base is the repository's name with host and alias.
func (d *Driver) publicPlatforms(ctx context.Context, repository workload.Repository, base, digest string) ([]platform, error) {
	return d.images.Fetch(base+"@"+digest, func() ([]platform, error) {
		source, err := enterGallery(ctx, d.clients.HTTP, strings.TrimPrefix(base, workload.PublicHost+"/"))
		if err != nil {
			return nil, fmt.Errorf("read the image %s of %s: %w", digest, base, err)
		}
		text, err := source.manifest(ctx, digest)
		if err != nil {
			return nil, err
		}
		return offeredPlatforms(repository, digest, text, func(config string) ([]byte, error) {
			request, err := source.request(ctx, "blobs/"+config)
			if err != nil {
				return nil, err
			}
			return d.download(request, config)
		})
	})
}

// enterGallery gets a token for the repository.
func enterGallery(ctx context.Context, client HTTP, name string) (*gallery, error) {
	address := "https://" + workload.PublicHost + "/token/?service=" + workload.PublicHost + "&scope=repository:" + name + ":pull"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	status, body, err := read(client, request)
	if err != nil {
		return nil, err
	}
	var answer struct{ Token string }
	if err := json.Unmarshal(body, &answer); status != http.StatusOK || err != nil || answer.Token == "" {
		return nil, fmt.Errorf("%s gave no token: status %d", workload.PublicHost, status)
	}
	return &gallery{client: client, name: name, token: answer.Token}, nil
}

func (g *gallery) request(ctx context.Context, what string) (*http.Request, error) {
	address := "https://" + workload.PublicHost + "/v2/" + g.name + "/" + what
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+g.token)
	return request, nil
}

// manifest gets the text of the image's manifest.
func (g *gallery) manifest(ctx context.Context, digest string) ([]byte, error) {
	request, err := g.request(ctx, "manifests/"+digest)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", strings.Join(manifestTypes, ", "))
	status, body, err := read(g.client, request)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the manifest of %s in %s/%s: %w", digest, workload.PublicHost, g.name, err)
	case status == http.StatusNotFound:
		return nil, rollout.Refusef("the image %s is not in the repository %s/%s: its alias must be the account's own", digest,
			workload.PublicHost, g.name)
	case status != http.StatusOK:
		return nil, fmt.Errorf("read the manifest of %s in %s/%s: status %d", digest, workload.PublicHost, g.name, status)
	}
	return body, nil
}

// read does the request and reads the answer.
func read(client HTTP, request *http.Request) (int, []byte, error) {
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maximumConfiguration))
	return response.StatusCode, body, err
}
