package eks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"davit/shared/workload"
	"davit/shared/workload/eks/cluster"
)

// object is the part of a Deployment, StatefulSet or DaemonSet that matters here. The three differ in their status, and
// what one of them lacks is zero (kubernetes.io/docs/reference/kubernetes-api/workload-resources).
type object struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Replicas       *int            `json:"replicas"`
		Paused         bool            `json:"paused"`
		Selector       selector        `json:"selector"`
		Template       json.RawMessage `json:"template"`
		UpdateStrategy struct {
			Type          string `json:"type"`
			RollingUpdate struct {
				Partition int `json:"partition"`
			} `json:"rollingUpdate"`
		} `json:"updateStrategy"`
	} `json:"spec"`
	Status status `json:"status"`

	// template is what Spec.Template says.
	template template
}

type metadata struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	UID               string            `json:"uid"`
	ResourceVersion   string            `json:"resourceVersion"`
	Generation        int64             `json:"generation"`
	Annotations       map[string]string `json:"annotations"`
	Labels            map[string]string `json:"labels"`
	CreationTimestamp time.Time         `json:"creationTimestamp"`
	DeletionTimestamp *time.Time        `json:"deletionTimestamp"`
	ManagedFields     []managedFields   `json:"managedFields"`
	OwnerReferences   []struct {
		UID string `json:"uid"`
	} `json:"ownerReferences"`
}

type selector struct {
	MatchLabels      map[string]string `json:"matchLabels"`
	MatchExpressions []struct {
		Key      string   `json:"key"`
		Operator string   `json:"operator"`
		Values   []string `json:"values"`
	} `json:"matchExpressions"`
}

type status struct {
	ObservedGeneration int64 `json:"observedGeneration"`
	// Of Deployments and StatefulSets.
	Replicas          int    `json:"replicas"`
	UpdatedReplicas   int    `json:"updatedReplicas"`
	ReadyReplicas     int    `json:"readyReplicas"`
	AvailableReplicas int    `json:"availableReplicas"`
	CurrentRevision   string `json:"currentRevision"`
	UpdateRevision    string `json:"updateRevision"`
	// Of DaemonSets.
	DesiredNumberScheduled int         `json:"desiredNumberScheduled"`
	UpdatedNumberScheduled int         `json:"updatedNumberScheduled"`
	NumberAvailable        int         `json:"numberAvailable"`
	NumberReady            int         `json:"numberReady"`
	Conditions             []condition `json:"conditions"`
}

type condition struct {
	Type               string    `json:"type"`
	Status             string    `json:"status"`
	Reason             string    `json:"reason"`
	Message            string    `json:"message"`
	LastTransitionTime time.Time `json:"lastTransitionTime"`
}

type template struct {
	Spec struct {
		NodeSelector map[string]string `json:"nodeSelector"`
		Affinity     struct {
			NodeAffinity struct {
				Required struct {
					NodeSelectorTerms []nodeSelectorTerm `json:"nodeSelectorTerms"`
				} `json:"requiredDuringSchedulingIgnoredDuringExecution"`
			} `json:"nodeAffinity"`
		} `json:"affinity"`
		InitContainers []container `json:"initContainers"`
		Containers     []container `json:"containers"`
	} `json:"spec"`
}

type nodeSelectorTerm struct {
	MatchExpressions []struct {
		Key      string   `json:"key"`
		Operator string   `json:"operator"`
		Values   []string `json:"values"`
	} `json:"matchExpressions"`
}

type container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}

// resources are the names of the controllers' resources in the API.
var resources = map[workload.Controller]string{
	workload.ControllerDeployment:  "deployments",
	workload.ControllerStatefulSet: "statefulsets",
	workload.ControllerDaemonSet:   "daemonsets",
}

// path is that of a workload in the API.
func path(reference workload.Reference) string {
	return "/apis/apps/v1/namespaces/" + reference.Namespace() + "/" + resources[reference.Controller()] + "/" + reference.Name()
}

// get reads a workload.
func (d *Driver) get(ctx context.Context, reference workload.Reference) (*object, error) {
	read := &object{}
	if err := d.clusters.Do(ctx, reference.Cluster(), cluster.Request{Path: path(reference)}, read); err != nil {
		return nil, err
	}
	return read, read.complete()
}

// complete reads the template.
func (o *object) complete() error {
	if err := json.Unmarshal(o.Spec.Template, &o.template); err != nil {
		return fmt.Errorf("read the pod template of %s/%s: %w", o.Metadata.Namespace, o.Metadata.Name, err)
	}
	return nil
}

// condition is the one of the type; the zero value where there is none.
func (o *object) condition(kind string) condition {
	for _, one := range o.Status.Conditions {
		if one.Type == kind {
			return one
		}
	}
	return condition{}
}

// query is the selector as the API's listings take it
// (kubernetes.io/docs/concepts/overview/working-with-objects/labels, "API").
func (s selector) query() url.Values {
	var terms []string
	for key, value := range s.MatchLabels {
		terms = append(terms, key+"="+value)
	}
	for _, expression := range s.MatchExpressions {
		values := "(" + strings.Join(expression.Values, ",") + ")"
		switch expression.Operator {
		case "In":
			terms = append(terms, expression.Key+" in "+values)
		case "NotIn":
			terms = append(terms, expression.Key+" notin "+values)
		case "Exists":
			terms = append(terms, expression.Key)
		case "DoesNotExist":
			terms = append(terms, "!"+expression.Key)
		}
	}
	slices.Sort(terms)
	return url.Values{"labelSelector": {strings.Join(terms, ",")}}
}
