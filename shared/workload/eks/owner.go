package eks

import (
	"encoding/json"
	"strings"
	"time"
)

// managedFields is who last set which fields of an object
// (kubernetes.io/docs/reference/using-api/server-side-apply, "Field management").
type managedFields struct {
	Manager     string          `json:"manager"`
	Subresource string          `json:"subresource"`
	Time        time.Time       `json:"time"`
	Fields      json.RawMessage `json:"fieldsV1"`
}

// gitOps are the field managers of those who bring a cluster to what a repository says, again and again, and their names
// for people (argo-cd.readthedocs.io, "Server-Side Apply"; fluxcd.io, "Kustomization" and "HelmRelease").
var gitOps = []struct{ prefix, name string }{
	{"argocd", "Argo CD"},
	{"kustomize-controller", "Flux"},
	{"helm-controller", "Flux"},
}

// owner is who of them has set the image of a container last; empty where nobody has.
func (o *object) owner(container string) string {
	for _, managed := range o.Metadata.ManagedFields {
		for _, known := range gitOps {
			if managed.Subresource == "" && strings.HasPrefix(managed.Manager, known.prefix) && setsImage(managed.Fields, container) {
				return known.name
			}
		}
	}
	return ""
}

// setsImage tells whether a set of fields holds the image of a container.
func setsImage(fields json.RawMessage, name string) bool {
	key, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		return false
	}
	for _, list := range []string{"f:containers", "f:initContainers"} {
		if holds(fields, "f:spec", "f:template", "f:spec", list, "k:"+string(key), "f:image") {
			return true
		}
	}
	return false
}

func holds(fields json.RawMessage, path ...string) bool {
	for _, step := range path {
		var level map[string]json.RawMessage
		if json.Unmarshal(fields, &level) != nil {
			return false
		}
		next, found := level[step]
		if !found {
			return false
		}
		fields = next
	}
	return true
}
