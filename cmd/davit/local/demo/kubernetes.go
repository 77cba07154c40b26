package demo

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/endpoint"
	"davit/shared/ledger"
	"davit/shared/workload"
)

// The Deployment of the demo, as in its manifest.
const (
	namespace  = "default"
	deployment = "web"
	// firstVersion is what it runs before the first push that its policy takes.
	firstVersion = "0.9.0"
)

// manifest is the Deployment, with the word IMAGE for its image.
//
//go:embed deployment.yaml
var manifest string

// onKubernetes is what one sees of the Deployment with kubectl.
type onKubernetes struct {
	Metadata struct {
		Generation int64 `json:"generation"`
	} `json:"metadata"`
	Spec struct {
		Replicas int32 `json:"replicas"`
		Template struct {
			Spec struct {
				Containers []struct {
					Image string `json:"image"`
				} `json:"containers"`
			} `json:"spec"`
		} `json:"template"`
	} `json:"spec"`
	Status struct {
		ObservedGeneration int64 `json:"observedGeneration"`
		Replicas           int32 `json:"replicas"`
		UpdatedReplicas    int32 `json:"updatedReplicas"`
		AvailableReplicas  int32 `json:"availableReplicas"`
	} `json:"status"`
}

func (o onKubernetes) String() string {
	return fmt.Sprintf("%d of %d pods are available with %s, %d with others", min(o.Status.UpdatedReplicas, o.Status.AvailableReplicas),
		o.Spec.Replicas, shortImage(o.image()), o.Status.Replicas-o.Status.UpdatedReplicas)
}

func (o onKubernetes) image() string {
	if len(o.Spec.Template.Spec.Containers) == 0 {
		return ""
	}
	return o.Spec.Template.Spec.Containers[0].Image
}

// on tells whether all pods of the Deployment run the digest and are available.
func (o onKubernetes) on(digest string) bool {
	settled := o.Status.ObservedGeneration == o.Metadata.Generation && o.Status.Replicas == o.Spec.Replicas &&
		o.Status.UpdatedReplicas == o.Spec.Replicas && o.Status.AvailableReplicas == o.Spec.Replicas
	return settled && strings.HasSuffix(o.image(), "@"+digest)
}

// optsIn applies the Deployment with an image that its policy does not take, and lets davit find it.
func (s *stage) optsIn(ctx context.Context) error {
	digest, err := s.pushes(ctx, firstVersion, s.program.Working)
	if err != nil {
		return err
	}
	image := fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s@%s", endpoint.Account, s.Site.Endpoint.Region, repository, digest)
	if _, err := s.Site.Kubectl(ctx, []byte(strings.Replace(manifest, "IMAGE", image, 1)), "apply", "-f", "-"); err != nil {
		return err
	}
	if err := s.awaitOnKubernetes(ctx, firstVersion, digest); err != nil {
		return err
	}
	if _, err := s.Site.Sweep(ctx); err != nil {
		return err
	}
	return s.Site.AwaitQuiet(ctx, s.Console)
}

// rollsOutOnKubernetes sees a version that was pushed run on the Deployment, too, and counted among its good ones.
func (s *stage) rollsOutOnKubernetes(ctx context.Context, version, digest string) error {
	if !s.Site.Kubernetes {
		return nil
	}
	if err := s.awaitOnKubernetes(ctx, version, digest); err != nil {
		return err
	}
	return s.awaitLedgerOnKubernetes(ctx, version+" to be good", func(record ledger.Record) bool {
		return len(record.Good) > 0 && record.Good[0].Digest == digest
	})
}

// putsBackOnKubernetes sees davit put back what the Deployment ran before a version that does not start.
func (s *stage) putsBackOnKubernetes(ctx context.Context, broken, bad, runs, good string) error {
	if !s.Site.Kubernetes {
		return nil
	}
	err := s.awaitLedgerOnKubernetes(ctx, broken+" to be set aside", func(record ledger.Record) bool {
		for _, aside := range record.SetAside {
			if aside.Digest == bad {
				s.Console.Good("%s: %s is set aside: %s", s.deployment, broken, aside.Reason)
				return true
			}
		}
		return false
	})
	if err != nil {
		return err
	}
	return s.awaitOnKubernetes(ctx, runs, good)
}

// awaitOnKubernetes waits until the Deployment runs the digest.
func (s *stage) awaitOnKubernetes(ctx context.Context, version, digest string) error {
	wait := console.Wait{
		For: fmt.Sprintf("%s to run %s@%s", s.deployment, version, workload.ShortDigest(digest)), Limit: rolloutLimit,
	}
	err := s.Console.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		text, err := s.Site.Kubectl(ctx, nil, "--namespace", namespace, "get", "deployment", deployment, "--output", "json")
		if err != nil {
			return "", false, err
		}
		var seen onKubernetes
		if err := json.Unmarshal(text, &seen); err != nil {
			return "", false, fmt.Errorf("look at %s: %w", s.deployment, err)
		}
		return seen.String(), seen.on(digest), nil
	})
	if err != nil {
		return err
	}
	s.Console.Good("%s runs %s", s.deployment, version)
	return nil
}

// awaitLedgerOnKubernetes waits until the ledger says something of the Deployment, whose rollout is over.
func (s *stage) awaitLedgerOnKubernetes(ctx context.Context, what string, says func(ledger.Record) bool) error {
	wait := console.Wait{For: "the ledger of " + s.deployment.String() + " to say of " + what, Limit: rolloutLimit}
	return s.Console.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		records, err := s.view.ledger.Read(ctx, []workload.Reference{s.deployment})
		if err != nil {
			return "", false, err
		}
		record := records[s.deployment]
		if record.Rollout != nil {
			return "the rollout has no outcome yet", false, nil
		}
		return "there is no rollout", says(record), nil
	})
}
