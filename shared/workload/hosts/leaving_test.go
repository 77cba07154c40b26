package hosts_test

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"davit/shared/ledger"
	"davit/shared/recovery"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
	"davit/shared/workload/eks"
	"davit/shared/workload/eks/cluster"
	"davit/shared/workload/hosts"
)

// account is what AWS says, where the local cloud ends hosts at once: of a host that runs, of its group, which wants two
// hosts, and of the host as a container instance of version 7.
type account struct {
	// lifecycle is the host's state in its group; empty where the group has it no more. others are in service beside it.
	lifecycle string
	others    int
	connected bool
	tasks     int
	// status is the container instance's, DRAINING where it is empty; statuses are those that it was set to.
	status   string
	statuses []string
	// state is the instance's, running where it is empty.
	state string
	// alone is true of a host that no group started, and refusal the code by which EC2 Auto Scaling does not end it.
	alone   bool
	refusal string
	// node is the host as a node of EKS, where it is one.
	node  *node
	calls []string
}

const leaver = "i-0123456789abcdef0"

func (a *account) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	if strings.HasPrefix(request.URL.Path, "/clusters/") {
		_, _ = fmt.Fprintf(answer, `{"cluster":{"arn":"arn:aws:eks:eu-west-1:123456789012:cluster/blue","endpoint":%q,"certificateAuthority":{"data":%q}}}`,
			a.node.endpoint, a.node.authority)
		return
	}
	body, _ := io.ReadAll(request.Body)
	form, _ := url.ParseQuery(string(body))
	_, action, found := strings.Cut(request.Header.Get("X-Amz-Target"), ".")
	if !found {
		action = form.Get("Action")
	}
	a.calls = append(a.calls, action)
	if action == "UpdateContainerInstancesState" {
		var asked struct{ Status string }
		_ = json.Unmarshal(body, &asked)
		a.status, a.statuses = asked.Status, append(a.statuses, asked.Status)
	}
	if action == "TerminateInstanceInAutoScalingGroup" && a.refusal != "" {
		answer.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(answer, "<ErrorResponse><Error><Code>%s</Code><Message>no.</Message></Error></ErrorResponse>", a.refusal)
		return
	}
	tags := "<item><key>aws:autoscaling:groupName</key><value>workers</value></item>"
	if a.alone {
		tags = ""
	}
	if a.node != nil {
		tags += "<item><key>eks:cluster-name</key><value>blue</value></item>"
	}
	_, _ = io.WriteString(answer, map[string]string{
		"DescribeInstances": "<DescribeInstancesResponse><reservationSet><item><ownerId>123456789012</ownerId><instancesSet><item><instanceId>" + leaver +
			"</instanceId><instanceState><name>" + cmp.Or(a.state, "running") + "</name></instanceState><tagSet>" + tags + "</tagSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>",
		"DescribeInstanceStatus": "<DescribeInstanceStatusResponse/>",
		"DescribeAutoScalingGroups": "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>" +
			"<AutoScalingGroupName>workers</AutoScalingGroupName><DesiredCapacity>2</DesiredCapacity><MaxSize>3</MaxSize><Instances>" + a.members() +
			"</Instances></member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>",
		"TerminateInstanceInAutoScalingGroup": "<TerminateInstanceInAutoScalingGroupResponse>" +
			"<TerminateInstanceInAutoScalingGroupResult/></TerminateInstanceInAutoScalingGroupResponse>",
		"ListClusters":           `{"clusterArns":["production"]}`,
		"ListContainerInstances": `{"containerInstanceArns":["production/1"]}`,
		"DescribeContainerInstances": fmt.Sprintf(`{"containerInstances":[{"containerInstanceArn":"production/1","status":%q,"version":7,`+
			`"agentConnected":%t,"runningTasksCount":%d}]}`, cmp.Or(a.status, "DRAINING"), a.connected, a.tasks),
		"UpdateContainerInstancesState": `{}`,
	}[action])
}

func (a *account) members() string {
	var text strings.Builder
	member := func(id, lifecycle string) {
		fmt.Fprintf(&text, "<member><InstanceId>%s</InstanceId><LifecycleState>%s</LifecycleState><HealthStatus>Healthy</HealthStatus></member>", id, lifecycle)
	}
	if a.lifecycle != "" {
		member(leaver, a.lifecycle)
	}
	for other := range a.others {
		member(fmt.Sprintf("i-%d", other), "InService")
	}
	return text.String()
}

func (a *account) driver(t *testing.T) (*hosts.Driver, workload.Reference) {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	configuration := aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	reference, err := workload.EC2Instance(leaver)
	if err != nil {
		t.Fatal(err)
	}
	if a.node != nil {
		api := httptest.NewTLSServer(a.node)
		t.Cleanup(api.Close)
		a.node.endpoint = api.URL
		a.node.authority = base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw}))
	}
	return hosts.New(hosts.Clients{EC2: hosts.NewEC2(configuration), Groups: autoscaling.NewFromConfig(configuration), ECS: ecs.NewFromConfig(configuration),
		Nodes: eks.NewNodes(eks.New(cluster.New(configuration), nil))}), reference
}

// node is an API server of one node, which davit alone cordons, with one pod that may leave or not.
type node struct {
	endpoint, authority string
	cordoned            bool
	// fails is the status with which all is answered, where it is not 0. keeps is true of one whose pod nobody may evict; patches
	// are what it was asked to be.
	fails   int
	keeps   bool
	patches []string
}

func (n *node) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	answer.Header().Set("Content-Type", "application/json")
	switch body, _ := io.ReadAll(request.Body); {
	case n.fails != 0:
		answer.WriteHeader(n.fails)
		_, _ = fmt.Fprintf(answer, `{"kind":"Status","code":%d,"message":"no"}`, n.fails)
		return
	case request.Method == http.MethodPatch:
		n.cordoned, n.patches = strings.Contains(string(body), "true"), append(n.patches, string(body))
	case request.Method == http.MethodPost && n.keeps:
		answer.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(answer, `{"kind":"Status","code":403,"reason":"Forbidden","message":"no"}`)
		return
	}
	node := fmt.Sprintf(`{"metadata":{"name":"worker-1","labels":{"davit/playbook":"default"},"managedFields":[{"manager":"davit",
		"fieldsV1":{"f:spec":{"f:unschedulable":{}}}}]},"spec":{"providerID":"aws:///eu-west-1a/%s","unschedulable":%t}}`, leaver, n.cordoned)
	switch {
	case strings.HasSuffix(request.URL.Path, "/nodes"):
		_, _ = io.WriteString(answer, `{"items":[`+node+`]}`)
	case strings.HasSuffix(request.URL.Path, "/pods"):
		_, _ = io.WriteString(answer, `{"items":[{"metadata":{"name":"web-1","namespace":"shop"}}]}`)
	default:
		_, _ = io.WriteString(answer, node)
	}
}

func TestANodeThatIsNotReplacedIsNotLeftCordoned(t *testing.T) {
	const cordon, uncordon = `{"spec":{"unschedulable":true}}`, `{"spec":{"unschedulable":false}}`
	for _, test := range []struct {
		name    string
		node    node
		refusal string
		want    []string
	}{
		{"one that is ended", node{}, "", []string{cordon}},
		{"one that its group does not end", node{}, "ValidationError", []string{cordon, uncordon}},
		{"nor lets its pods go", node{keeps: true}, "ValidationError", []string{cordon, uncordon}},
		{"one that was cordoned before", node{cordoned: true}, "ValidationError", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			have := &account{lifecycle: "InService", others: 1, refusal: test.refusal, node: &test.node}
			driver, host := have.driver(t)
			_, err := driver.Act(t.Context(), recovery.Observation{Observation: workload.Observation{Workload: host}},
				ledger.Act{ID: "act-1", Do: string(settings.ReplaceHosts), IntendedAt: time.Now(), Before: ledger.Before{Host: leaver}}, false)
			if _, refused := rollout.Refusal(err); refused != (test.refusal != "") || !slices.Equal(test.node.patches, test.want) {
				t.Errorf("it was asked for %v: %v", test.node.patches, err)
			}
		})
	}
}

func TestAHostThatItsGroupEndsIsReplacedOnceTheGroupIsWhole(t *testing.T) {
	type outcome struct {
		Leaves, Replaced, Healthy, Drained bool
		Disconnected                       int64
	}
	for _, test := range []struct {
		name string
		account
		want outcome
	}{
		{"one in service without its agent", account{lifecycle: "InService", others: 1}, outcome{Disconnected: 7, Drained: true}},
		{"one in service whose group has others enough", account{lifecycle: "InService", others: 2}, outcome{Disconnected: 7, Drained: true}},
		{"one in service with its agent", account{lifecycle: "InService", others: 1, connected: true}, outcome{Healthy: true, Drained: true}},
		{"one on standby", account{lifecycle: "Standby", others: 2, connected: true}, outcome{Healthy: true, Drained: true}},
		{"one that waits for a hook, before another is in service", account{lifecycle: "Terminating:Wait", others: 1, tasks: 1},
			outcome{Leaves: true, Disconnected: 7}},
		{"one that waits for a hook, and has been drained", account{lifecycle: "Terminating:Wait", others: 1, connected: true},
			outcome{Leaves: true, Healthy: true, Drained: true}},
		{"one that waits for a hook", account{lifecycle: "Terminating:Wait", others: 2, tasks: 1}, outcome{Leaves: true, Replaced: true, Healthy: true, Disconnected: 7}},
		{"one whose hook is done", account{lifecycle: "Terminating:Proceed", others: 2}, outcome{Leaves: true, Replaced: true, Healthy: true, Drained: true, Disconnected: 7}},
		{"one that the group has no more", account{others: 2}, outcome{Leaves: true, Replaced: true, Healthy: true, Drained: true, Disconnected: 7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			driver, host := test.driver(t)
			seen, err := driver.Observe(t.Context(), host)
			if err != nil {
				t.Fatal(err)
			}
			if have := (outcome{seen.Leaves, seen.Replaced, seen.Healthy, seen.Drained, seen.Disconnected}); have != test.want {
				t.Errorf("it is seen as %+v, want %+v: %s", have, test.want, seen.Why)
			}
			if seen.Cannot[settings.Drain] != "" || seen.Cannot[settings.ReplaceHosts] != "" {
				t.Errorf("it cannot be helped: %v", seen.Cannot)
			}
		})
	}
}

func TestAHostThatItsGroupEndsIsNotEndedAgain(t *testing.T) {
	for lifecycle, want := range map[string]int{"InService": 1, "Terminating": 0, "Terminating:Wait": 0, "": 0} {
		t.Run(lifecycle, func(t *testing.T) {
			have := &account{lifecycle: lifecycle, others: 1}
			driver, host := have.driver(t)
			done, err := driver.Act(t.Context(), recovery.Observation{Observation: workload.Observation{Workload: host}},
				ledger.Act{ID: "act-1", Do: string(settings.ReplaceHosts), IntendedAt: time.Now(), Before: ledger.Before{Host: leaver}}, true)
			ended := len(slices.DeleteFunc(have.calls, func(call string) bool { return call != "TerminateInstanceInAutoScalingGroup" }))
			if err != nil || ended != want || strings.Contains(done.Text, "already") != (want == 0) {
				t.Errorf("it was ended %d times: %q, %v", ended, done.Text, err)
			}
		})
	}
}

func TestAHostThatCannotBeReplacedIsNotLeftClosed(t *testing.T) {
	for _, test := range []struct {
		name string
		account
		refused string
		want    []string
	}{
		{"one that is ended", account{lifecycle: "InService", status: "ACTIVE"}, "", []string{"DRAINING"}},
		{"one of no group", account{alone: true, status: "ACTIVE"}, "belongs to no Auto Scaling group", nil},
		{"one that its group does not end", account{lifecycle: "InService", status: "ACTIVE", refusal: "ValidationError"}, "does not end", []string{"DRAINING", "ACTIVE"}},
		{"one that IAM keeps", account{lifecycle: "InService", status: "ACTIVE", refusal: "AccessDenied"}, "IAM forbids it", []string{"DRAINING", "ACTIVE"}},
		{"one that somebody else closed", account{lifecycle: "InService", refusal: "ValidationError"}, "does not end", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			driver, _ := test.driver(t)
			_, err := driver.Replace(t.Context(), leaver)
			reason, _ := rollout.Refusal(err)
			if (err != nil) != (test.refused != "") || !strings.Contains(reason, test.refused) {
				t.Errorf("it is answered with %v", err)
			}
			if !slices.Equal(test.statuses, test.want) {
				t.Errorf("it was set to %v, want %v", test.statuses, test.want)
			}
		})
	}
}

func TestAHostThatIsGoneIsNotTakenBack(t *testing.T) {
	for _, test := range []struct {
		name string
		account
		want string
	}{
		{"one that runs", account{lifecycle: "InService"}, "ACTIVE"},
		{"one that ECS knows no more", account{lifecycle: "InService", status: "INACTIVE"}, ""},
		{"one that ECS is about to forget", account{lifecycle: "InService", status: "DEREGISTERING"}, ""},
		{"one that has ended", account{state: "terminated"}, ""},
		{"one that ends", account{state: "shutting-down"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			driver, host := test.driver(t)
			_, err := driver.Act(t.Context(), recovery.Observation{Observation: workload.Observation{Workload: host}},
				ledger.Act{ID: "act-1", Do: string(settings.Drain), Undoes: &ledger.Undo{Do: string(settings.Drain), Target: leaver}}, false)
			if err != nil || strings.Join(test.statuses, " ") != test.want {
				t.Errorf("it was set to %v: %v", test.statuses, err)
			}
		})
	}
}

func TestAHostOfWhichItsClusterSaysNothingMayBeDrained(t *testing.T) {
	for status, want := range map[int]bool{0: true, http.StatusServiceUnavailable: true, http.StatusForbidden: false} {
		have := &account{lifecycle: "InService", others: 1, node: &node{fails: status}}
		driver, host := have.driver(t)
		seen, err := driver.Observe(t.Context(), host)
		if err != nil || seen.Evacuates != want || seen.Closed || seen.Admits != (status == 0) {
			t.Errorf("where its cluster answers %d it is seen as %+v: %v", status, seen, err)
		}
	}
}

func TestAHostThatMayHaveRegisteredAgainIsLookedFor(t *testing.T) {
	have := &account{lifecycle: "InService", others: 1, status: "ACTIVE", connected: true}
	driver, host := have.driver(t)
	for _, status := range []string{"ACTIVE", "INACTIVE", "ACTIVE"} {
		have.status = status
		if seen, err := driver.Observe(t.Context(), host); err != nil || seen.Admits != (status == "ACTIVE") {
			t.Errorf("%s: it is seen as %+v: %v", status, seen, err)
		}
	}
	listed := slices.DeleteFunc(have.calls, func(call string) bool { return call != "ListContainerInstances" })
	if len(listed) != 2 {
		t.Errorf("it was looked for %d times, want 2", len(listed))
	}
}
