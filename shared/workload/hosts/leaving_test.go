package hosts_test

import (
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
	"davit/shared/settings"
	"davit/shared/workload"
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
	calls     []string
}

const leaver = "i-0123456789abcdef0"

func (a *account) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	form, _ := url.ParseQuery(string(body))
	_, action, found := strings.Cut(request.Header.Get("X-Amz-Target"), ".")
	if !found {
		action = form.Get("Action")
	}
	a.calls = append(a.calls, action)
	_, _ = io.WriteString(answer, map[string]string{
		"DescribeInstances": "<DescribeInstancesResponse><reservationSet><item><ownerId>123456789012</ownerId><instancesSet><item><instanceId>" + leaver +
			"</instanceId><instanceState><name>running</name></instanceState><tagSet><item><key>aws:autoscaling:groupName</key><value>workers</value></item>" +
			"</tagSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>",
		"DescribeInstanceStatus": "<DescribeInstanceStatusResponse/>",
		"DescribeAutoScalingGroups": "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>" +
			"<AutoScalingGroupName>workers</AutoScalingGroupName><DesiredCapacity>2</DesiredCapacity><MaxSize>3</MaxSize><Instances>" + a.members() +
			"</Instances></member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>",
		"TerminateInstanceInAutoScalingGroup": "<TerminateInstanceInAutoScalingGroupResponse>" +
			"<TerminateInstanceInAutoScalingGroupResult/></TerminateInstanceInAutoScalingGroupResponse>",
		"ListClusters":           `{"clusterArns":["production"]}`,
		"ListContainerInstances": `{"containerInstanceArns":["production/1"]}`,
		"DescribeContainerInstances": fmt.Sprintf(`{"containerInstances":[{"containerInstanceArn":"production/1","status":"DRAINING","version":7,`+
			`"agentConnected":%t,"runningTasksCount":%d}]}`, a.connected, a.tasks),
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
	return hosts.New(hosts.Clients{EC2: hosts.NewEC2(configuration), Groups: autoscaling.NewFromConfig(configuration), ECS: ecs.NewFromConfig(configuration)}), reference
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
