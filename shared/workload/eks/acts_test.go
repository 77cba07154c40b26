package eks

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"davit/shared/ledger"
	"davit/shared/recovery"
	"davit/shared/scaling"
	"davit/shared/settings"
	"davit/shared/workload"
	"davit/shared/workload/eks/cluster"
)

type document = map[string]any

// peer answers as EKS and as the API server of its one cluster do, for one Deployment: it keeps what is patched, by the
// media types of the patches, and knows an autoscaler where there is one.
type peer struct {
	t          *testing.T
	mutex      sync.Mutex
	deployment document
	pods       []any
	scaler     document
	forbids    bool
	patched    []string
}

const deploymentPath = "/apis/apps/v1/namespaces/shop/deployments/web"

func newPeer(t *testing.T, replicas int, annotations document) (*peer, *Driver, workload.Reference) {
	t.Helper()
	p := &peer{t: t, deployment: document{
		"metadata": document{"name": "web", "namespace": "shop", "uid": "1", "generation": 1, "annotations": annotations},
		"spec": document{"replicas": replicas, "selector": document{"matchLabels": document{"app": "web"}}, "template": document{
			"metadata": document{"labels": document{"app": "web"}},
			"spec": document{"containers": []any{
				document{"name": "web", "image": "registry/web@sha256:1", "resources": document{
					"limits": document{"memory": "256Mi"}, "requests": document{"memory": "128Mi"}}},
				document{"name": "side", "image": "registry/side@sha256:1"}}}}},
		"status": document{"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas,
			"availableReplicas": replicas, "conditions": []any{document{"type": "Progressing", "status": "True", "reason": available}}},
	}}
	server := httptest.NewTLSServer(p)
	t.Cleanup(server.Close)
	authority := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	described := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
		p.answer(writer, document{"cluster": document{"name": "blue", "arn": "arn:aws:eks:eu-west-1:123456789012:cluster/blue", "status": "ACTIVE",
			"version": "1.36", "endpoint": server.URL, "certificateAuthority": document{"data": authority}}})
	}))
	t.Cleanup(described.Close)
	reference, err := workload.EKSDeployment("blue", "shop", "web")
	if err != nil {
		t.Fatal(err)
	}
	return p, New(cluster.New(aws.Config{Region: "eu-west-1", BaseEndpoint: &described.URL,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}), nil), reference
}

func (p *peer) answer(writer http.ResponseWriter, with any) {
	writer.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(writer).Encode(with); err != nil {
		p.t.Error(err)
	}
}

// ServeHTTP is the API server.
func (p *peer) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	scalers := autoscalersOf("shop")
	list := func(items ...any) { p.answer(writer, document{"metadata": document{}, "items": items}) }
	switch target := request.Method + " " + request.URL.Path; {
	case request.Method == http.MethodPatch && p.forbids:
		writer.WriteHeader(http.StatusForbidden)
		p.answer(writer, document{"reason": "Forbidden", "message": "this workload did not opt in to davit"})
	case target == "GET "+deploymentPath:
		p.answer(writer, p.deployment)
	case target == "PATCH "+deploymentPath && request.Header.Get("Content-Type") == cluster.StrategicMerge:
		p.deployment = p.merge(request, p.deployment)
		p.answer(writer, p.deployment)
	case target == "PATCH "+deploymentPath+"/scale" && request.Header.Get("Content-Type") == mergePatch:
		p.deployment = p.merge(request, p.deployment)
		p.answer(writer, document{"kind": "Scale"})
	case target == "GET /api/v1/namespaces/shop/pods" && request.URL.Query().Get("labelSelector") == "app=web":
		list(p.pods...)
	case target == "GET "+scalers && p.scaler == nil:
		list(document{"metadata": document{"name": "other"}, "spec": document{"maxReplicas": 9, "scaleTargetRef": document{"kind": "StatefulSet", "name": "web"}}})
	case target == "GET "+scalers:
		list(p.scaler)
	case target == "PATCH "+scalers+"/web" && request.Header.Get("Content-Type") == mergePatch:
		p.scaler = p.merge(request, p.scaler)
		p.answer(writer, p.scaler)
	default:
		p.t.Errorf("there came %s %s as %q", target, request.URL.RawQuery, request.Header.Get("Content-Type"))
		writer.WriteHeader(http.StatusNotFound)
	}
}

// merge applies a patch, in which the items of lists are known by their names.
func (p *peer) merge(request *http.Request, into document) document {
	var patch document
	if err := json.NewDecoder(request.Body).Decode(&patch); err != nil {
		p.t.Error(err)
	}
	p.patched = append(p.patched, request.URL.Path)
	return merged(into, patch).(document)
}

func merged(into, patch any) any {
	switch patch := patch.(type) {
	case document:
		target, _ := into.(document)
		result := document{}
		for key, value := range target {
			result[key] = value
		}
		for key, value := range patch {
			result[key] = merged(result[key], value)
		}
		return result
	case []any:
		result := append([]any{}, into.([]any)...)
		for _, item := range patch {
			for index, have := range result {
				if have.(document)["name"] == item.(document)["name"] {
					result[index] = merged(have, item)
				}
			}
		}
		return result
	}
	return patch
}

// at is what the Deployment has on a path.
func (p *peer) at(path ...string) any {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var value any = p.deployment
	for _, step := range path {
		if list, isList := value.([]any); isList {
			for _, item := range list {
				if item.(document)["name"] == step {
					value = item
				}
			}
			continue
		}
		value = value.(document)[step]
	}
	return value
}

func act(seen recovery.Observation, do settings.Do) ledger.Act {
	intent := seen.Intent(do)
	intent.ID, intent.IntendedAt = "act-1", time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	return intent
}

func observe(t *testing.T, driver *Driver, reference workload.Reference) recovery.Observation {
	t.Helper()
	seen, err := NewRemedies(driver).Observe(t.Context(), reference)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// twice does the step, and then again as whoever finishes an act that was interrupted: the second time changes nothing.
func twice(t *testing.T, p *peer, driver *Driver, seen recovery.Observation, with ledger.Act) recovery.Done {
	t.Helper()
	if why := seen.Cannot[settings.Do(with.Do)]; why != "" {
		t.Fatalf("it cannot %s: %s", with.Do, why)
	}
	done, err := NewRemedies(driver).Act(t.Context(), seen, with, false)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := json.Marshal(p.deployment)
	again, err := NewRemedies(driver).Act(t.Context(), seen, with, true)
	if err != nil {
		t.Fatal(err)
	}
	if after, _ := json.Marshal(p.deployment); string(after) != string(before) || again.Deployment != done.Deployment {
		t.Errorf("finishing it made\n%s of\n%s", after, before)
	}
	return done
}

func TestARestartIsThatOfKubectl(t *testing.T) {
	p, driver, reference := newPeer(t, 2, document{"davit/playbook": "default"})
	seen := observe(t, driver, reference)
	if !seen.Exists || !seen.OptedIn() || !seen.Healthy || seen.Memory != 256 || seen.NextMemory != 320 {
		t.Fatalf("it is seen as %+v", seen)
	}
	done := twice(t, p, driver, seen, act(seen, settings.Restart))
	if at := p.at("spec", "template", "metadata", "annotations", annotationRestarted); at != "2026-03-02T12:00:00Z" {
		t.Errorf("it was restarted at %v", at)
	}
	after := observe(t, driver, reference)
	if primary, _ := after.Primary(); primary.ID != done.Deployment || done.Deployment == seen.Deployments[0].ID {
		t.Errorf("the act started %s, and %s is seen", done.Deployment, primary.ID)
	}
}

func TestTheCountGoesByItsSubresourceAndBack(t *testing.T) {
	p, driver, reference := newPeer(t, 8, document{"davit/playbook": "default"})
	seen := observe(t, driver, reference)
	undo := act(seen, settings.ScaleOut)
	twice(t, p, driver, seen, undo)
	if replicas := p.at("spec", "replicas"); replicas != float64(10) || undo.Undo == nil || *undo.Undo != (ledger.Undo{Do: "scale-out", From: 8, To: 10}) {
		t.Errorf("there are %v replicas, and the undo is %+v", replicas, undo.Undo)
	}
	undo.Undoes = undo.Undo
	twice(t, p, driver, seen, undo)
	if replicas := p.at("spec", "replicas"); replicas != float64(8) {
		t.Errorf("there are %v replicas", replicas)
	}
	for _, path := range p.patched {
		if !strings.HasSuffix(path, "/scale") {
			t.Errorf("%s was patched", path)
		}
	}
}

func TestMemoryIsRaisedWithinTheLimitAndTheRequestKeepsItsShare(t *testing.T) {
	for limit, want := range map[string]string{"": "allows no more memory", "300": "its owner allows 300", "much": "no number of MiB"} {
		_, driver, reference := newPeer(t, 2, document{"davit/playbook": "default", "davit/memory-limit": limit})
		if why := observe(t, driver, reference).Cannot[settings.RaiseMemory]; !strings.Contains(why, want) {
			t.Errorf("with the limit %q the reason is %q", limit, why)
		}
	}
	p, driver, reference := newPeer(t, 2, document{"davit/playbook": "default", "davit/memory-limit": "320"})
	p.pods = []any{document{"status": document{"containerStatuses": []any{document{"name": "web", "restartCount": 1, "state": document{},
		"lastState": document{"terminated": document{"exitCode": 137, "reason": "OOMKilled"}}}}}}}
	seen := observe(t, driver, reference)
	twice(t, p, driver, seen, act(seen, settings.RaiseMemory))
	limit, request := p.at("spec", "template", "spec", "containers", "web", "resources", "limits", "memory"),
		p.at("spec", "template", "spec", "containers", "web", "resources", "requests", "memory")
	if limit != "320Mi" || request != "160Mi" {
		t.Errorf("the limit is %v, and the request %v", limit, request)
	}
	if image := p.at("spec", "template", "spec", "containers", "web", "image"); image != "registry/web@sha256:1" {
		t.Errorf("the image is %v", image)
	}
}

func TestWhatTheClusterForbidsIsRefused(t *testing.T) {
	p, driver, reference := newPeer(t, 2, document{"davit/playbook": "default"})
	seen := observe(t, driver, reference)
	p.forbids = true
	_, err := NewRemedies(driver).Act(t.Context(), seen, act(seen, settings.Restart), false)
	if err == nil || !strings.Contains(err.Error(), "did not opt in to davit") {
		t.Errorf("it answers %v", err)
	}
}

func TestAnAutoscalerOwnsTheCountAndItsBoundsAreMoved(t *testing.T) {
	p, driver, reference := newPeer(t, 2, document{"davit/playbook": "default", "davit/scaling": "min=1 max=10"})
	p.scaler = document{"metadata": document{"name": "web"}, "spec": document{"maxReplicas": 4, "scaleTargetRef": document{"kind": "Deployment", "name": "web"}}}
	counts := NewCounts(driver, quiet{})
	look := func() scaling.Observation {
		t.Helper()
		seen, err := counts.Observe(t.Context(), []scaling.Subject{{Workload: reference}})
		if err != nil {
			t.Fatal(err)
		}
		return seen[reference]
	}
	seen := look()
	if seen.Owner == nil || seen.Owner.Min != 1 || seen.Owner.Max != 4 || seen.Policy != "min=1 max=10" || seen.Desired != 2 || seen.Running != 2 || seen.Region != "eu-west-1" {
		t.Fatalf("it is seen as %+v", seen)
	}
	for range 2 {
		if err := counts.Set(t.Context(), seen, ledger.LeverBounds, "", ledger.Extent{Min: 3, Max: 6}); err != nil {
			t.Fatal(err)
		}
	}
	if owner := look().Owner; owner.Min != 3 || owner.Max != 6 {
		t.Errorf("the bounds are %+v", owner)
	}
	if replicas := p.at("spec", "replicas"); replicas != 2 {
		t.Errorf("the count was moved to %v", replicas)
	}
}

func TestTheCountIsMovedWhereNoAutoscalerOwnsIt(t *testing.T) {
	p, driver, reference := newPeer(t, 2, document{"davit/scaling": "min=0 max=10"})
	counts := NewCounts(driver, quiet{})
	seen, err := counts.Observe(t.Context(), []scaling.Subject{{Workload: reference}})
	if err != nil || seen[reference].Owner != nil {
		t.Fatalf("it is seen as %+v, %v", seen, err)
	}
	for _, count := range []int{0, 3} {
		if err := counts.Set(t.Context(), seen[reference], ledger.LeverCount, "", ledger.Extent{Count: &count}); err != nil {
			t.Fatal(err)
		}
		if replicas := p.at("spec", "replicas"); replicas != float64(count) {
			t.Errorf("there are %v replicas, want %d", replicas, count)
		}
	}
}

// quiet has no alarms.
type quiet struct{}

func (quiet) Alarms(context.Context, []ledger.ScalingAlarm) ([]scaling.Alarm, error) { return nil, nil }
