// Package tag has the event of a resource's tags that change. AWS sends it on a best-effort basis
// (docs.aws.amazon.com/tag-editor/latest/userguide/tag-monitor.html).
package tag

import (
	"errors"
	"slices"
	"strings"

	"davit/events/envelope"
)

// What tells the event apart.
const (
	Source     = "aws.tag"
	DetailType = "Tag Change on Resource"
)

// Change is the detail of "Tag Change on Resource".
type Change struct {
	// ChangedTagKeys are the keys that were added, changed or removed.
	ChangedTagKeys []string `json:"changed-tag-keys"`
	// Service and ResourceType are those of the ARN, such as ecs and service.
	Service      string `json:"service"`
	ResourceType string `json:"resource-type"`
	// Version counts the changes of the resource's tags.
	Version int64 `json:"version,omitempty"`
	// Tags are all of the resource's tags after the change.
	Tags map[string]string `json:"tags,omitempty"`
	// Resource is the ARN of what is tagged, from the event's resources.
	Resource string `json:"-"`
}

// Complete implements the reading of details: it takes the resource over and checks the required fields.
func (c *Change) Complete(around envelope.Envelope) error {
	switch {
	case len(around.Resources) == 0 || around.Resources[0] == "":
		return errors.New("resources: has no ARN of what is tagged")
	case len(c.ChangedTagKeys) == 0:
		return envelope.Missing("detail.changed-tag-keys")
	}
	c.Resource = around.Resources[0]
	return envelope.Required("detail.service", c.Service, "detail.resource-type", c.ResourceType)
}

// Changed tells whether a tag was added, changed or removed whose key begins with the prefix.
func (c *Change) Changed(prefix string) bool {
	return slices.ContainsFunc(c.ChangedTagKeys, func(key string) bool { return strings.HasPrefix(key, prefix) })
}
