package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// RemoveImages removes the images by every name that matches a pattern such as "localhost:4566/*", and answers how many
// names there were. An image that somebody else uses stays, without the name.
func (e *Engine) RemoveImages(ctx context.Context, patterns ...string) (int, error) {
	filters, err := json.Marshal(map[string][]string{"reference": patterns})
	if err != nil {
		return 0, fmt.Errorf("list images: %w", err)
	}
	var found []struct{ RepoTags, RepoDigests []string }
	if err := e.get(ctx, "/images/json?filters="+url.QueryEscape(string(filters)), &found); err != nil {
		return 0, fmt.Errorf("list the images named %v: %w", patterns, err)
	}
	// The engine shows of each image only the names that match.
	removed := 0
	for _, image := range found {
		for _, name := range append(image.RepoTags, image.RepoDigests...) {
			if err := e.removeImage(ctx, name); err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, nil
}

// removeImage takes a name from an image, and the image away with its last name. One that is gone is no error: a name by
// digest goes with the last tag of its repository.
func (e *Engine) removeImage(ctx context.Context, name string) error {
	_, err := e.call(ctx, http.MethodDelete, "/images/"+url.PathEscape(name), nil, "")
	var status *StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove image %s: %w", name, err)
	}
	return nil
}
