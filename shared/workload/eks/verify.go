package eks

import (
	"context"
	"fmt"
	"slices"

	"davit/shared/rollout"
	"davit/shared/workload"
)

// Labels of nodes that say what they run
// (kubernetes.io/docs/reference/labels-annotations-taints).
const (
	labelOS           = "kubernetes.io/os"
	labelArchitecture = "kubernetes.io/arch"
)

// Verify checks that the image exists and has a platform that the pods ask for by their node selector or required node
// affinity. Where they ask for none, any architecture of Linux will do: what nodes there will be, nobody knows.
func (d *Driver) Verify(ctx context.Context, observation workload.Observation, change rollout.Change) error {
	seen, err := d.get(ctx, observation.Workload)
	if err != nil {
		return fmt.Errorf("%s: verify %s: %w", observation.Workload, change.Digest, err)
	}
	os := seen.template.asks(labelOS)
	if os == "" {
		os = "linux"
	}
	if err := d.images.VerifyImage(ctx, change, os, seen.template.asks(labelArchitecture)); err != nil {
		return fmt.Errorf("%s: verify %s: %w", observation.Workload, change.Digest, err)
	}
	return nil
}

// asks is the one value of a node's label with which the pods can run; empty where several will do.
func (t template) asks(label string) string {
	if value := t.Spec.NodeSelector[label]; value != "" {
		return value
	}
	var only []string
	for _, term := range t.Spec.Affinity.NodeAffinity.Required.NodeSelectorTerms {
		values := term.allows(label)
		if len(values) == 0 {
			return ""
		}
		only = append(only, values...)
	}
	slices.Sort(only)
	if only = slices.Compact(only); len(only) != 1 {
		return ""
	}
	return only[0]
}

// allows are the values of a label that a term names; none where it does not speak of the label.
func (t nodeSelectorTerm) allows(label string) []string {
	for _, expression := range t.MatchExpressions {
		if expression.Key == label && expression.Operator == "In" {
			return expression.Values
		}
	}
	return nil
}
