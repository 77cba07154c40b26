package kubernetes_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"davit/cmd/davit/kubernetes"
	"davit/cmd/davit/kubernetes/kubernetestest"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// cloud is the local cloud of these tests.
var cloud *kubernetestest.Cloud

func TestMain(m *testing.M) {
	os.Exit(kubernetestest.Run(m, func(started *kubernetestest.Cloud) { cloud = started }))
}

// web is a Deployment of the image with two pods; a rollout without progress has failed after three seconds.
func web(image string, more ...string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  progressDeadlineSeconds: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: %s
        %s
`, image, strings.Join(more, "\n        "))
}

// deployment is the part of a Deployment, and of its pods, that these tests look at.
type deployment struct {
	Status struct {
		UpdatedReplicas, AvailableReplicas int
		Conditions                         []struct{ Type, Status, Reason string }
	}
}

type pods struct {
	Items []struct {
		Status struct {
			Phase             string
			Conditions        []struct{ Type, Status, Reason, Message string }
			ContainerStatuses []struct {
				RestartCount int
				State        struct {
					Waiting *struct{ Reason, Message string }
				}
				LastState struct {
					Terminated *struct {
						Reason   string
						ExitCode int
					}
				}
			}
		}
	}
}

// get reads something of the namespace.
func get[T any](t *testing.T, namespace string, arguments ...string) T {
	t.Helper()
	var found T
	text := cloud.Cluster.Kubectl(t, append([]string{"--namespace", namespace, "get", "-o", "json"}, arguments...)...)
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// eventually waits for a condition, which is tried again and again.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("%s: not after %s", what, patience)
		}
	}
}

func (d deployment) progress() string {
	for _, condition := range d.Status.Conditions {
		if condition.Type == "Progressing" {
			return condition.Reason
		}
	}
	return ""
}

// waiting are the reasons why containers of the namespace wait.
func waiting(t *testing.T, namespace string) map[string]string {
	t.Helper()
	reasons := map[string]string{}
	for _, pod := range get[pods](t, namespace, "pods").Items {
		for _, container := range pod.Status.ContainerStatuses {
			if container.State.Waiting != nil {
				reasons[container.State.Waiting.Reason] = container.State.Waiting.Message
			}
		}
	}
	return reasons
}

// newImage is a repository of the test's own, by its name in pods and in the registry.
func newImage(t *testing.T) (image, repository string) {
	t.Helper()
	repository = strings.ToLower(t.Name())
	return cloud.NewRepository(t, repository), repository
}

func rollout(t *testing.T, namespace string, arguments ...string) {
	t.Helper()
	cloud.Cluster.Kubectl(t, append([]string{"--namespace", namespace, "rollout"}, arguments...)...)
}

func setImage(t *testing.T, namespace, image string) {
	t.Helper()
	cloud.Cluster.Kubectl(t, "--namespace", namespace, "set", "image", "deployment/web", "web="+image)
}

func TestDeploymentsAreRolledOutByDigestAndUndone(t *testing.T) {
	namespace := cloud.Cluster.Namespace(t)
	image, repository := newImage(t)
	first, second := cloud.Push(t, repository, "1", nil), cloud.Push(t, repository, "2", nil)
	cloud.Cluster.ApplyTo(t, namespace, web(image+"@"+first))
	rollout(t, namespace, "status", "deployment/web")
	setImage(t, namespace, image+"@"+second)
	rollout(t, namespace, "status", "deployment/web")
	if found := get[deployment](t, namespace, "deployment", "web"); found.Status.AvailableReplicas != 2 ||
		found.progress() != "NewReplicaSetAvailable" {
		t.Errorf("got %+v", found)
	}

	setImage(t, namespace, image+":missing")
	eventually(t, "the rollout of a missing image fails", func() bool {
		return get[deployment](t, namespace, "deployment", "web").progress() == "ProgressDeadlineExceeded"
	})
	eventually(t, "the pull backs off", func() bool {
		return strings.Contains(waiting(t, namespace)["ImagePullBackOff"], image+":missing: not found")
	})
	rollout(t, namespace, "undo", "deployment/web")
	rollout(t, namespace, "status", "deployment/web")
	found := get[struct {
		Spec struct {
			Template struct {
				Spec struct{ Containers []struct{ Image string } }
			}
		}
	}](t, namespace, "deployment", "web")
	if got := found.Spec.Template.Spec.Containers[0].Image; got != image+"@"+second {
		t.Errorf("undone to %s, want %s", got, second)
	}
}

func TestContainersThatEndAreStartedAgainAndAgain(t *testing.T) {
	for name, test := range map[string]struct {
		labels map[string]string
		reason string
		code   int
	}{
		"crash":  {map[string]string{kubernetes.LabelExit: "3"}, "Error", 3},
		"memory": {map[string]string{kubernetes.LabelOOM: "true"}, "OOMKilled", 137},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := cloud.Cluster.Namespace(t)
			repository := "ends-" + name
			image := cloud.NewRepository(t, repository)
			cloud.Cluster.ApplyTo(t, namespace, web(image+"@"+cloud.Push(t, repository, "1", test.labels)))
			eventually(t, "a container is started for the third time", func() bool {
				for _, pod := range get[pods](t, namespace, "pods").Items {
					for _, container := range pod.Status.ContainerStatuses {
						last := container.LastState.Terminated
						if container.RestartCount >= 2 && last.Reason == test.reason && last.ExitCode == test.code {
							return true
						}
					}
				}
				return false
			})
			if waiting(t, namespace)["CrashLoopBackOff"] == "" {
				t.Errorf("got %v, want CrashLoopBackOff", waiting(t, namespace))
			}
			if found := get[deployment](t, namespace, "deployment", "web"); found.Status.AvailableReplicas != 0 {
				t.Errorf("%d pods are available", found.Status.AvailableReplicas)
			}
		})
	}
}

func TestPodsWithoutAPlaceWaitForOne(t *testing.T) {
	namespace := cloud.Cluster.Namespace(t)
	image, repository := newImage(t)
	digest := image + "@" + cloud.Push(t, repository, "1", nil)
	cloud.Cluster.ApplyTo(t, namespace, web(digest, "resources: {requests: {cpu: 2500m}}"))
	eventually(t, "one of two pods is unschedulable", func() bool {
		unschedulable := 0
		for _, pod := range get[pods](t, namespace, "pods").Items {
			for _, condition := range pod.Status.Conditions {
				if condition.Reason == "Unschedulable" && condition.Message == "0/1 nodes are available: 1 Insufficient cpu." {
					unschedulable++
				}
			}
		}
		return unschedulable == 1
	})
	eventually(t, "the other one runs", func() bool {
		return cloud.Cluster.Kubectl(t, "--namespace", namespace, "get", "pods", "--field-selector", "status.phase=Running", "-o", "name") != ""
	})
	cloud.Cluster.Kubectl(t, "--namespace", namespace, "scale", "deployment/web", "--replicas", "1")
	eventually(t, "one pod runs", func() bool { return len(get[pods](t, namespace, "pods").Items) == 1 })
}

func TestStatefulSetsAndDaemonSetsRollOut(t *testing.T) {
	namespace := cloud.Cluster.Namespace(t)
	image, repository := newImage(t)
	digest := image + "@" + cloud.Push(t, repository, "1", nil)
	set := strings.NewReplacer("  progressDeadlineSeconds: 3\n", "", "kind: Deployment", "kind: StatefulSet").Replace(web(digest))
	daemon := strings.NewReplacer("  progressDeadlineSeconds: 3\n", "", "  replicas: 2\n", "", "kind: Deployment", "kind: DaemonSet",
		"{app: web}", "{app: agent}", "metadata: {name: web}", "metadata: {name: agent}").Replace(web(digest))
	cloud.Cluster.ApplyTo(t, namespace, set+"---"+daemon)
	rollout(t, namespace, "status", "statefulset/web")
	rollout(t, namespace, "status", "daemonset/agent")
	if found := get[pods](t, namespace, "pods").Items; len(found) != 3 {
		t.Errorf("%d pods, want two of the stateful set and one of the daemon set", len(found))
	}
}

func TestTheDeletionOfADeploymentDeletesItsPods(t *testing.T) {
	namespace := cloud.Cluster.Namespace(t)
	image, repository := newImage(t)
	cloud.Cluster.ApplyTo(t, namespace, web(image+"@"+cloud.Push(t, repository, "1", nil)))
	rollout(t, namespace, "status", "deployment/web")
	cloud.Cluster.Kubectl(t, "--namespace", namespace, "delete", "deployment", "web")
	eventually(t, "no pod is left", func() bool { return len(get[pods](t, namespace, "pods").Items) == 0 })
}

func TestAccessEntriesSayWhoIsLetIn(t *testing.T) {
	namespace := cloud.Cluster.Namespace(t)
	cloud.Cluster.ApplyTo(t, namespace, `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: viewers}]
`)
	admitted, viewer := cloud.NewRole(t, "viewer")
	cloud.Cluster.Admit(t, admitted, "viewers")
	_, stranger := cloud.NewRole(t, "stranger")
	forged := viewer
	forged.SecretAccessKey = "another"
	root := aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}
	const pods, secrets = "/pods", "/secrets"
	now := time.Now()
	for name, test := range map[string]struct {
		token string
		path  string
		want  int
	}{
		"a role with an entry is let in":             {kubernetestest.Token(t, "davit", viewer, now), pods, 200},
		"a token is good for almost 15 minutes":      {kubernetestest.Token(t, "davit", viewer, now.Add(-14*time.Minute)), pods, 200},
		"its groups may not do anything":             {kubernetestest.Token(t, "davit", viewer, now), secrets, 403},
		"who made the cluster is its administrator":  {kubernetestest.Token(t, "davit", root, now), secrets, 200},
		"a role without an entry is refused":         {kubernetestest.Token(t, "davit", stranger, now), pods, 401},
		"an expired token is refused":                {kubernetestest.Token(t, "davit", viewer, now.Add(-16*time.Minute)), pods, 401},
		"a token for another cluster is refused":     {kubernetestest.Token(t, "other", viewer, now), pods, 401},
		"a token with a forged signature is refused": {kubernetestest.Token(t, "davit", forged, now), pods, 401},
		"what is no token is refused":                {"k8s-aws-v1.x", pods, 401},
		"no token is refused":                        {"", pods, 403},
	} {
		t.Run(name, func(t *testing.T) {
			if got := call(t, test.token, "/api/v1/namespaces/"+namespace+test.path); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
	if got := call(t, "", "/readyz"); got != 200 {
		t.Errorf("/readyz answers %d", got)
	}
}

func TestClustersAreApartAndOneMayDie(t *testing.T) {
	other := cloud.NewCluster(t, "other")
	if other.Endpoint == cloud.Cluster.Endpoint || bytes.Equal(other.Authority, cloud.Cluster.Authority) {
		t.Errorf("both are at %s", other.Endpoint)
	}
	namespace := cloud.Cluster.Namespace(t)
	if output, err := other.TryKubectl(t, "", "get", "namespace", namespace); err == nil {
		t.Errorf("the other cluster has the namespace, too: %s", output)
	}
	other.Kill(t)
	if _, err := other.TryKubectl(t, "", "get", "namespaces"); err == nil {
		t.Error("a cluster without its control plane answers")
	}
	cloud.Cluster.Kubectl(t, "get", "namespace", namespace)
}

func TestADeletedClusterIsGone(t *testing.T) {
	var endpoint, kubeconfig string
	t.Run("as long as it is there", func(t *testing.T) {
		made := cloud.NewCluster(t, "brief")
		endpoint, kubeconfig = strings.TrimPrefix(made.Endpoint, "https://"), made.Kubeconfig
		made.Kubectl(t, "get", "namespaces")
	})
	if connection, err := net.Dial("tcp", endpoint); err == nil {
		_ = connection.Close()
		t.Error("something answers at its endpoint")
	}
	if _, err := os.Stat(kubeconfig); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its files: %v", err)
	}
}

// call asks the API with the token and answers the status.
func call(t *testing.T, token, path string) int {
	t.Helper()
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(cloud.Cluster.Authority)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, cloud.Cluster.Endpoint+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}
