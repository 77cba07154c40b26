package events_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"davit/events"
	"davit/events/autoscaling"
	"davit/events/cloudwatch"
	"davit/events/davit"
	"davit/events/ec2"
	"davit/events/ecr"
	"davit/events/ecs"
	"davit/events/envelope"
	"davit/events/health"
	"davit/events/s3"
	"davit/events/schedule"
	"davit/events/tag"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func golden(t testing.TB, path string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func goldenPaths(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("*/testdata/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("found no golden files: %v", err)
	}
	return paths
}

func at(t testing.TB, text string) envelope.Timestamp {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return envelope.Timestamp{Time: parsed}
}

func TestParseReadsWhatAWSDocuments(t *testing.T) {
	const shortDigest = "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234"
	const service = "arn:aws:ecs:us-west-2:111122223333:service/default/servicetest"
	one, seventeen := 1, uint64(17)
	instance := map[string]string{"InstanceId": "i-12345678901234567"}
	statistic := func(name, stat string) *cloudwatch.MetricStat {
		read := &cloudwatch.MetricStat{Period: 300, Stat: stat}
		read.Metric.Namespace, read.Metric.Name, read.Metric.Dimensions = "AWS/EC2", name, instance
		return read
	}
	for path, want := range map[string]any{
		"s3/testdata/restore_completed.json": &s3.RestoreCompleted{Bucket: s3.Bucket{Name: "amzn-s3-demo-bucket1"},
			Object:            s3.Object{Key: "example-key", Size: 5, VersionID: "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"},
			RestoreExpiryTime: "2021-11-13T00:00:00Z", SourceStorageClass: "GLACIER"},
		"ecr/testdata/push.json": &ecr.ImageAction{ActionType: "PUSH", Result: "SUCCESS", ImageTag: "latest",
			RepositoryName: "my-repository-name", ImageDigest: shortDigest, Registry: "123456789012"},
		"ecr/testdata/delete.json": &ecr.ImageAction{ActionType: "DELETE", Result: "SUCCESS", ImageTag: "latest",
			RepositoryName: "my-repository-name", ImageDigest: shortDigest, Registry: "123456789012"},
		"ecr/testdata/pull_through.json": &ecr.PullThroughAction{SyncStatus: "SUCCESS", ImageTag: "3.17.2",
			RepositoryName: "docker-hub/alpine", Registry: "123456789012",
			ImageDigest: "sha256:4aa08ef415aecc80814cb42fa41b658480779d80c77ab15EXAMPLE"},
		"ecr/testdata/public_push.json": &ecr.PublicCall{EventName: "PutImage", ResponseElements: ecr.PublicResponse{
			Image: ecr.PublicImage{RegistryID: "123456789012", RepositoryName: "testrepo", ImageID: ecr.PublicImageID{
				ImageDigest: "sha256:98c8b060c21d9adbb6b8c41b916e95e6307102786973ab93a41e8b86d1fc6d3e", ImageTag: "latest"}}}},
		"ecr/testdata/archive.json": &ecr.ImageAction{ActionType: "UPDATE_STORAGE_CLASS", Result: "SUCCESS",
			RepositoryName: "ubuntu", TargetStorageClass: "ARCHIVE", Registry: "123456789012",
			ImageDigest:       "sha256:f98d67af8e53a536502bfc600de3266556b06ed635a32d60aa7a5fe6d7e609d7",
			ManifestMediaType: "application/vnd.oci.image.manifest.v1+json",
			ArtifactMediaType: "application/vnd.oci.image.config.v1+json"},
		"ecr/testdata/restore.json": &ecr.ImageAction{ActionType: "UPDATE_STORAGE_CLASS", Result: "SUCCESS",
			RepositoryName: "ubuntu", TargetStorageClass: "STANDARD", Registry: "123456789012",
			ImageDigest:       "sha256:f98d67af8e53a536502bfc600de3266556b06ed635a32d60aa7a5fe6d7e609d7",
			ManifestMediaType: "application/vnd.oci.image.manifest.v1+json",
			ArtifactMediaType: "application/vnd.oci.image.config.v1+json"},
		"ecr/testdata/replicate.json": &ecr.ImageAction{ActionType: "REPLICATE", Result: "SUCCESS", ImageTag: "3.17.2",
			RepositoryName: "docker-hub/alpine", ImageDigest: shortDigest, SourceAccount: "123456789012",
			SourceRegion: "us-west-2", Registry: "123456789012"},
		"ecr/testdata/replicate_failed.json": &ecr.ImageAction{ActionType: "REPLICATE", Result: "FAILED", ImageTag: "latest",
			RepositoryName: "my-app", SourceAccount: "123456789012", SourceRegion: "us-west-2", Registry: "123456789012",
			ImageDigest: "sha256:8g6c3751gf7gc5g47603ege4511d5a80ead5g90f5893543f1489bde2345"},
		"ecs/testdata/deployment_in_progress.json": &ecs.DeploymentStateChange{EventType: "INFO",
			EventName: ecs.DeploymentInProgress, DeploymentID: "ecs-svc/123", UpdatedAt: at(t, "2020-05-23T11:11:11Z"),
			Reason: "ECS deployment deploymentId in progress.", Service: service},
		"ecs/testdata/deployment_rolling_back.json": &ecs.DeploymentStateChange{EventType: "INFO",
			EventName: ecs.DeploymentInProgress, DeploymentID: "ecs-svc/123", UpdatedAt: at(t, "2020-05-23T11:11:11Z"),
			Reason: "ECS deployment circuit breaker: rolling back to deploymentId deploymentID.", Service: service},
		"ecs/testdata/deployment_completed.json": &ecs.DeploymentStateChange{EventType: "INFO",
			EventName: ecs.DeploymentCompleted, DeploymentID: "ecs-svc/123", UpdatedAt: at(t, "2020-05-23T11:11:11Z"),
			Reason: "ECS deployment deploymentID completed.", Service: service},
		"ecs/testdata/deployment_failed.json": &ecs.DeploymentStateChange{EventType: "ERROR",
			EventName: ecs.DeploymentFailed, DeploymentID: "ecs-svc/123", UpdatedAt: at(t, "2020-05-23T11:11:11Z"),
			Reason: "ECS deployment circuit breaker: task failed to start.", Service: service},
		"ecs/testdata/service_steady_state.json": &ecs.ServiceAction{EventType: "INFO", EventName: ecs.SteadyState,
			ClusterARN: "arn:aws:ecs:us-west-2:111122223333:cluster/default", Service: service,
			CreatedAt: at(t, "2019-11-19T19:27:22.695Z")},
		"ecs/testdata/service_task_start_impaired.json": &ecs.ServiceAction{EventType: "WARN", Service: service,
			EventName: ecs.TaskStartImpaired, ClusterARN: "arn:aws:ecs:us-west-2:111122223333:cluster/default",
			CreatedAt: at(t, "2019-11-19T19:55:38.725Z")},
		"ecs/testdata/service_task_placement_failure.json": &ecs.ServiceAction{EventType: "ERROR", Service: service,
			EventName: ecs.TaskPlacementFailure, ClusterARN: "arn:aws:ecs:us-west-2:111122223333:cluster/default",
			CreatedAt: at(t, "2019-11-06T19:09:33.087Z"), Reason: "RESOURCE:FARGATE",
			CapacityProviderARNs: []string{"arn:aws:ecs:us-west-2:111122223333:capacity-provider/FARGATE_SPOT"}},
		"ecs/testdata/task_running.json": &ecs.TaskStateChange{
			TaskARN:           "arn:aws:ecs:us-west-2:111122223333:task/FargateCluster/c13b4cb40f1f4fe4a2971f76ae5a47ad",
			TaskDefinitionARN: "arn:aws:ecs:us-west-2:111122223333:task-definition/sample-fargate:1",
			ClusterARN:        "arn:aws:ecs:us-west-2:111122223333:cluster/FargateCluster",
			Group:             "family:sample-fargate", LastStatus: "RUNNING", DesiredStatus: "RUNNING", LaunchType: "FARGATE",
			Containers: []ecs.Container{{Name: "FargateApp", LastStatus: "RUNNING",
				Image:       "111122223333.dkr.ecr.us-west-2.amazonaws.com/hello-repository:latest",
				ImageDigest: "sha256:74b2c688c700ec95a93e478cdb959737c148df3fbf5ea706abe0318726e885e6"}},
			CreatedAt: at(t, "2020-01-23T17:57:34.402Z"), StartedAt: at(t, "2020-01-23T17:57:58.103Z"),
			UpdatedAt: at(t, "2020-01-23T17:57:58.103Z"), Version: 4},
		"ecs/testdata/task_stopped.json": &ecs.TaskStateChange{
			TaskARN:           "arn:aws:ecs:us-west-2:111122223333:task/FargateCluster/5e1ac7d02b7d4d7c8b1f0f6b8f1b5c11",
			TaskDefinitionARN: "arn:aws:ecs:us-west-2:111122223333:task-definition/sample-fargate:2",
			ClusterARN:        "arn:aws:ecs:us-west-2:111122223333:cluster/FargateCluster",
			Group:             "service:sample-service", StartedBy: "ecs-svc/1234567890123456789",
			LastStatus: "STOPPED", DesiredStatus: "STOPPED", LaunchType: "FARGATE",
			StopCode: "EssentialContainerExited", StoppedReason: "Essential container in task exited",
			Containers: []ecs.Container{{Name: "FargateApp", LastStatus: "STOPPED", ExitCode: &one,
				Image:  "111122223333.dkr.ecr.us-west-2.amazonaws.com/hello-repository:latest",
				Reason: "OutOfMemoryError: Container killed due to memory usage"}},
			CreatedAt: at(t, "2020-01-23T18:03:34.402Z"), StartedAt: at(t, "2020-01-23T18:03:58.103Z"),
			StoppedAt: at(t, "2020-01-23T18:04:02.511Z"), UpdatedAt: at(t, "2020-01-23T18:04:02.511Z"), Version: 6,
			Service: "arn:aws:ecs:us-west-2:111122223333:service/FargateCluster/sample-service"},
		"cloudwatch/testdata/metric.json": &cloudwatch.AlarmStateChange{
			AlarmName: "ServerCpuTooHigh",
			ARN:       "arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh",
			State:     cloudwatch.State{Value: "ALARM", Timestamp: at(t, "2019-10-02T17:04:40.989Z")},
			PreviousState: cloudwatch.State{Value: "OK",
				Timestamp: at(t, "2019-10-01T13:56:40.987Z")},
			Configuration: cloudwatch.Configuration{
				Description: "Goes into alarm when server CPU utilization is too high!",
				Metrics: []cloudwatch.Metric{{ID: "30b6c6b2-a864-43a2-4877-c09a1afc3b87", ReturnData: true,
					MetricStat: statistic("CPUUtilization", "Average")}}}},
		"cloudwatch/testdata/metric_math.json": &cloudwatch.AlarmStateChange{
			AlarmName:     "TotalNetworkTrafficTooHigh",
			ARN:           "arn:aws:cloudwatch:us-east-1:123456789012:alarm:TotalNetworkTrafficTooHigh",
			State:         cloudwatch.State{Value: "ALARM", Timestamp: at(t, "2019-10-02T17:20:48.554Z")},
			PreviousState: cloudwatch.State{Value: "INSUFFICIENT_DATA", Timestamp: at(t, "2019-10-02T17:20:03.642Z")},
			Configuration: cloudwatch.Configuration{
				Description: "Goes into alarm if total network traffic exceeds 10Kb",
				Metrics: []cloudwatch.Metric{
					{ID: "e1", Expression: "SUM(METRICS())", Label: "Total Network Traffic", ReturnData: true},
					{ID: "m1", MetricStat: statistic("NetworkIn", "Maximum")},
					{ID: "m2", MetricStat: statistic("NetworkOut", "Maximum")}}}},
		"cloudwatch/testdata/composite.json": &cloudwatch.AlarmStateChange{
			AlarmName: "ServiceAggregatedAlarm",
			ARN:       "arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServiceAggregatedAlarm",
			State: cloudwatch.State{Value: "ALARM", Timestamp: at(t, "2022-07-22T15:57:45.394Z"),
				ActionsSuppressedBy: "WaitPeriod", ActionsSuppressedReason: "Actions suppressed by WaitPeriod"},
			PreviousState: cloudwatch.State{Value: "OK", Timestamp: at(t, "2022-07-22T15:56:14.552Z")},
			Configuration: cloudwatch.Configuration{ActionsSuppressor: "ServiceMaintenanceAlarm",
				AlarmRule: "ALARM(ServerCpuTooHigh) OR ALARM(TotalNetworkTrafficTooHigh)"}},
		"cloudwatch/testdata/metrics_insights.json": &cloudwatch.AlarmStateChange{
			AlarmName:     "DynamoDBInsightsAlarm",
			ARN:           "arn:aws:cloudwatch:us-east-1:123456789012:alarm:DynamoDBInsightsAlarm",
			State:         cloudwatch.State{Value: "ALARM", Timestamp: at(t, "2025-12-01T13:42:04.919Z")},
			PreviousState: cloudwatch.State{Value: "INSUFFICIENT_DATA", Timestamp: at(t, "2025-12-01T13:40:50.600Z")},
			Configuration: cloudwatch.Configuration{
				Description: "Metrics Insights alarm for DynamoDB ConsumedWriteCapacity per TableName",
				Metrics: []cloudwatch.Metric{{ID: "m1", ReturnData: true, Expression: "SELECT " +
					`AVG(ConsumedWriteCapacityUnits) FROM "AWS/DynamoDB" GROUP BY TableName ORDER BY MAX() DESC`}}}},
		"cloudwatch/testdata/anomaly.json": &cloudwatch.AlarmStateChange{
			AlarmName:     "WebLatencyAnomaly",
			ARN:           "arn:aws:cloudwatch:us-east-1:123456789012:alarm:WebLatencyAnomaly",
			State:         cloudwatch.State{Value: "ALARM", Timestamp: at(t, "2026-02-03T14:05:06.789Z")},
			PreviousState: cloudwatch.State{Value: "OK", Timestamp: at(t, "2026-02-03T13:05:06.789Z")},
			Configuration: cloudwatch.Configuration{Metrics: []cloudwatch.Metric{
				{ID: "m1", ReturnData: true, MetricStat: statistic("CPUUtilization", "Average")},
				{ID: "ad1", Expression: "ANOMALY_DETECTION_BAND(m1, 2)", Label: "CPUUtilization (expected)", ReturnData: true}}}},
		"ecs/testdata/container_instance.json": &ecs.ContainerInstanceStateChange{
			ARN:        "arn:aws:ecs:us-east-1:111122223333:container-instance/b54a2a04-046f-4331-9d74-3f6d7f6ca315",
			ClusterARN: "arn:aws:ecs:us-east-1:111122223333:cluster/default", InstanceID: "i-f3a8506b", Status: "ACTIVE",
			AgentConnected: true, Version: 14801, UpdatedAt: at(t, "2016-12-06T16:41:06.991Z")},
		"ec2/testdata/spot_interruption.json": &ec2.SpotInterruption{InstanceID: "i-1234567890abcdef0", InstanceAction: "terminate"},
		"ec2/testdata/rebalance.json":         &ec2.Rebalance{InstanceID: "i-1234567890abcdef0"},
		"autoscaling/testdata/terminate.json": &autoscaling.LifecycleAction{Token: "87654321-4321-4321-4321-210987654321",
			GroupName: "my-asg", HookName: "my-lifecycle-hook", InstanceID: "i-1234567890abcdef0",
			Transition: autoscaling.Terminating, Metadata: "additional-info", Origin: "AutoScalingGroup", Destination: "EC2"},
		"health/testdata/instance.json": &health.Event{
			ARN: "arn:aws:health:us-west-2::event/EC2/AWS_EC2_INSTANCE_STORE_DRIVE_PERFORMANCE_DEGRADED/" +
				"AWS_EC2_INSTANCE_STORE_DRIVE_PERFORMANCE_DEGRADED_90353408594353980",
			Service: "EC2", TypeCode: "AWS_EC2_INSTANCE_STORE_DRIVE_PERFORMANCE_DEGRADED", TypeCategory: "issue", Status: "open",
			Region: "us-west-2", Descriptions: []health.Description{{Language: "en_US",
				Latest: "An instance store drive of one of your instances is degraded."}},
			Entities: []health.Entity{{Value: "i-abcd1111", Status: "IMPAIRED"}}},
		"davit/testdata/incident_paged.json": &davit.Incident{Version: "1", Incident: "inc-20261122-095000-0a1b2c3d",
			Workload: "ecs:davit/web", Playbook: "service-unhealthy", Action: "page", Code: "ladder-ended",
			Reason: "every step was tried and the workload is not healthy", Cause: "alarm web-5xx went off",
			OpenedAt: "2026-11-22T09:50:00Z", Tried: []string{"restart at 09:50:01: did not help"},
			Evidence: []string{"alarm web-5xx: Threshold Crossed"}, Links: []string{"https://console.aws.amazon.com/"},
			Command: "davit explain inc-20261122-095000-0a1b2c3d"},
		"tag/testdata/change.json": &tag.Change{ChangedTagKeys: []string{"a-new-key", "an-updated-key", "a-deleted-key"},
			Service: "ec2", ResourceType: "instance", Version: 3,
			Resource: "arn:aws:ec2:us-east-1:123456789012:instance/i-0000000aaaaaaaaaa",
			Tags: map[string]string{"a-new-key": "tag-value-on-new-key-just-added",
				"an-updated-key": "tag-value-was-just-changed", "an-unchanged-key": "tag-value-still-the-same"}},
		"schedule/testdata/rule.json": &schedule.Tick{
			Rule: "arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule"},
		"schedule/testdata/scheduler.json": &schedule.Tick{
			Rule: "arn:aws:scheduler:us-east-1:123456789012:schedule/default/my-schedule"},
		"davit/testdata/reconcile.json": &davit.Reconcile{Version: "1", Cause: "the sweep",
			Workloads: []string{"ecs:davit/web", "ecs:davit/worker"}},
		"davit/testdata/rollout_failed.json": &davit.Rollout{Version: "1", Workload: "ecs:davit/web",
			Action: "set-aside", Code: "deployment-failed", Reason: "tasks failed to start", Rollout: "01K9Z6T3V7",
			Image: &davit.Image{Repository: "000000000000/ap-northeast-2/web", Tag: "1.2.0",
				Digest: "sha256:" + strings.Repeat("b", 64)},
			Previous:   &davit.Previous{Digest: "sha256:" + strings.Repeat("a", 64), Tag: "1.1.0"},
			Deployment: "ecs-svc/4242424242424242424", Cause: "push of web:1.2.0 (success)",
			Evidence: []string{"container web exited with 1: Essential container in task exited"},
			Command:  "davit forgive ecs:davit/web"},
		"davit/testdata/hash_job_completed.json": &davit.HashJob{Version: "1", Job: "block-100000", Kind: "merkle-root",
			Outcome: "succeeded", Items: 4, Command: "davit job show block-100000",
			Result: &davit.HashJobResult{Bucket: "davit-hash-jobs-000000000000-ap-northeast-2", Key: "results/block-100000/result.json"}},
		"davit/testdata/hash_job_failed.json": &davit.HashJob{Version: "1", Job: "calls-2026-11-22", Kind: "digest",
			Outcome: "failed", Field: "input.hex", Index: &seventeen, Reason: "character 2 is 'x', which is no hexadecimal digit",
			Command: "davit job show calls-2026-11-22",
			Result:  &davit.HashJobResult{Bucket: "davit-hash-jobs-000000000000-ap-northeast-2", Key: "results/calls-2026-11-22/result.json"}},
		"s3/testdata/object_created.json": &s3.ObjectCreated{Bucket: s3.Bucket{Name: "amzn-s3-demo-bucket1"}, Reason: "PutObject",
			Object: s3.Object{Key: "example-key", Size: 5,
				VersionID: "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"}},
		"davit/testdata/rollout_held.json": &davit.Rollout{Version: "1", Workload: "ecs:davit/web", Action: "hold", Who: "oncall", Code: "requested",
			Reason: "load test, until 2026-11-22T20:00:00Z", Cause: "davit hold by oncall", Command: "davit resume ecs:davit/web"},
		"davit/testdata/scaling_done.json": &davit.Scaling{Version: "1", Workload: "ecs:davit/web", Action: "scale", Code: "alarm",
			Reason: "alarm web-load is on", Direction: "out", Lever: "count", From: "1 tasks", To: "2 tasks",
			Price: "+$10.36 a month (prices of 2026-10-05)", Cause: "alarm web-load went off", Command: "davit history ecs:davit/web"},
		"davit/testdata/rollout_refused.json": &davit.Rollout{Version: "1", Workload: "ecs:davit/web", Action: "refuse",
			Code: "older", Reason: "1.0.5 is older than 1.1.0", Cause: "push of web:1.0.5 (success)"},
	} {
		t.Run(path, func(t *testing.T) {
			event, err := events.Parse(golden(t, path))
			if err != nil {
				t.Fatal(err)
			}
			got := event.Detail
			if alarm, is := got.(*cloudwatch.AlarmStateChange); is {
				// The reasons are long and are compared in a test of their own.
				shortened := *alarm
				shortened.State.Reason, shortened.State.ReasonData = "", ""
				shortened.PreviousState.Reason, shortened.PreviousState.ReasonData = "", ""
				got = &shortened
			}
			if difference := cmp.Diff(want, got); difference != "" {
				t.Errorf("detail differs (-want +got):\n%s", difference)
			}
		})
	}
}

func TestEveryGoldenFileIsAKnownEventAndKeepsItsEnvelope(t *testing.T) {
	for _, path := range goldenPaths(t) {
		event, err := events.Parse(golden(t, path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !event.Known() {
			t.Errorf("%s is not known", path)
		}
		var plain struct {
			ID, Source, Account, Region string
			DetailType                  string `json:"detail-type"`
			Time                        time.Time
			Resources                   []string
		}
		if err := json.Unmarshal(golden(t, path), &plain); err != nil {
			t.Fatal(err)
		}
		event.Detail = nil
		want := events.Event{ID: plain.ID, Source: plain.Source, DetailType: plain.DetailType, Account: plain.Account,
			Region: plain.Region, Time: plain.Time, Resources: plain.Resources}
		if difference := cmp.Diff(want, event); difference != "" {
			t.Errorf("%s: envelope differs (-want +got):\n%s", path, difference)
		}
	}
}

func TestParseTakesAnUnknownKindAsAValue(t *testing.T) {
	for name, replace := range map[string][2]string{
		"unknown source":                          {`"aws.ecr"`, `"aws.health"`},
		"unknown detail type":                     {`"ECR Image Action"`, `"ECR Image Scan"`},
		"our own detail type from another source": {`"ECR Image Action"`, `"Reconcile Workloads"`},
	} {
		body := strings.Replace(string(golden(t, "ecr/testdata/push.json")), replace[0], replace[1], 1)
		event, err := events.Parse([]byte(body))
		if err != nil || event.Known() || event.ID == "" {
			t.Errorf("%s: got %+v, %v; want an unknown event", name, event, err)
		}
	}
}

// edited is a golden file with one field set, or removed by nil. The path's parts are joined by "|".
func edited(t testing.TB, file, path string, value any) []byte {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(golden(t, file), &document); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(path, "|")
	inside := document
	for _, part := range parts[:len(parts)-1] {
		next, is := inside[part].(map[string]any)
		if !is {
			t.Fatalf("%s has no object %s", file, path)
		}
		inside = next
	}
	last := parts[len(parts)-1]
	if value == nil {
		if _, there := inside[last]; !there {
			t.Fatalf("%s has no field %s", file, path)
		}
		delete(inside, last)
	} else {
		inside[last] = value
	}
	body, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestParseNamesTheFieldThatIsWrong(t *testing.T) {
	eleven := make([]string, davit.MaximumWorkloads+1)
	for i := range eleven {
		eleven[i] = "ecs:davit/web"
	}
	for _, test := range []struct {
		name, file, path string
		value            any
		want             string
	}{
		{"no id", "ecr/testdata/push.json", "id", nil, "id: "},
		{"empty source", "ecr/testdata/push.json", "source", "", "source: "},
		{"no detail type", "ecr/testdata/push.json", "detail-type", nil, "detail-type: "},
		{"account of eleven digits", "ecr/testdata/push.json", "account", "12345678901", "account: "},
		{"account of letters", "ecr/testdata/push.json", "account", "abcdefghijkl", "account: "},
		{"no region", "ecr/testdata/push.json", "region", nil, "region: "},
		{"no time", "ecr/testdata/push.json", "time", nil, "time: "},
		{"time that is none", "ecr/testdata/push.json", "time", "yesterday", "time: "},
		{"time that is a number", "ecr/testdata/push.json", "time", 12, "time: "},
		{"resources that are no list", "ecr/testdata/push.json", "resources", "x", "resources: "},
		{"no detail", "ecr/testdata/push.json", "detail", nil, "detail: "},
		{"detail that is text", "ecr/testdata/push.json", "detail", "{}", "detail: "},
		{"no repository", "ecr/testdata/push.json", "detail|repository-name", nil, "detail.repository-name: "},
		{"repository that is a number", "ecr/testdata/push.json", "detail|repository-name", 4, "detail.repository-name: "},
		{"no action", "ecr/testdata/push.json", "detail|action-type", nil, "detail.action-type: "},
		{"no result", "ecr/testdata/push.json", "detail|result", nil, "detail.result: "},
		{"push without digest", "ecr/testdata/push.json", "detail|image-digest", nil, "detail.image-digest: "},
		{"replication without digest", "ecr/testdata/replicate.json", "detail|image-digest", "md5:12", "detail.image-digest: "},
		{"deployment without ID", "ecs/testdata/deployment_failed.json", "detail|deploymentId", nil, "detail.deploymentId: "},
		{"deployment without name", "ecs/testdata/deployment_failed.json", "detail|eventName", nil, "detail.eventName: "},
		{"deployment without type", "ecs/testdata/deployment_failed.json", "detail|eventType", nil, "detail.eventType: "},
		{"deployment of no service", "ecs/testdata/deployment_failed.json", "resources", []string{}, "resources: "},
		{"deployment at a wrong time", "ecs/testdata/deployment_failed.json", "detail|updatedAt", "x", "detail.updatedAt: "},
		{"service action without cluster", "ecs/testdata/service_steady_state.json", "detail|clusterArn", nil,
			"detail.clusterArn: "},
		{"service action without name", "ecs/testdata/service_steady_state.json", "detail|eventName", nil,
			"detail.eventName: "},
		{"service action of no service", "ecs/testdata/service_steady_state.json", "resources",
			[]string{"arn:aws:ecs:us-west-2:111122223333:cluster/default"}, "resources: "},
		{"container instance without status", "ecs/testdata/container_instance.json", "detail|status", nil, "detail.status: "},
		{"container instance without version", "ecs/testdata/container_instance.json", "detail|version", nil, "detail.version: "},
		{"interruption of no instance", "ec2/testdata/spot_interruption.json", "detail|instance-id", nil, "detail.instance-id: "},
		{"interruption of what is no instance", "ec2/testdata/spot_interruption.json", "detail|instance-id", "vol-1",
			"detail.instance-id: "},
		{"interruption without action", "ec2/testdata/spot_interruption.json", "detail|instance-action", nil,
			"detail.instance-action: "},
		{"recommendation for no instance", "ec2/testdata/rebalance.json", "detail|instance-id", nil, "detail.instance-id: "},
		{"lifecycle of no instance", "autoscaling/testdata/terminate.json", "detail|EC2InstanceId", nil, "detail.EC2InstanceId: "},
		{"lifecycle without hook", "autoscaling/testdata/terminate.json", "detail|LifecycleHookName", nil,
			"detail.LifecycleHookName: "},
		{"health event without code", "health/testdata/instance.json", "detail|eventTypeCode", nil, "detail.eventTypeCode: "},
		{"incident without ID", "davit/testdata/incident_paged.json", "detail|incident", nil, "detail.incident: "},
		{"incident of another version", "davit/testdata/incident_paged.json", "detail|version", "2", "detail.version: "},
		{"pull through without status", "ecr/testdata/pull_through.json", "detail|sync-status", nil, "detail.sync-status: "},
		{"pull through without digest", "ecr/testdata/pull_through.json", "detail|image-digest", nil, "detail.image-digest: "},
		{"task without ARN", "ecs/testdata/task_stopped.json", "detail|taskArn", nil, "detail.taskArn: "},
		{"task without definition", "ecs/testdata/task_stopped.json", "detail|taskDefinitionArn", nil,
			"detail.taskDefinitionArn: "},
		{"task without cluster", "ecs/testdata/task_stopped.json", "detail|clusterArn", nil, "detail.clusterArn: "},
		{"task without status", "ecs/testdata/task_stopped.json", "detail|lastStatus", nil, "detail.lastStatus: "},
		{"task without desired status", "ecs/testdata/task_stopped.json", "detail|desiredStatus", nil,
			"detail.desiredStatus: "},
		{"task without version", "ecs/testdata/task_stopped.json", "detail|version", nil, "detail.version: "},
		{"task with version of text", "ecs/testdata/task_stopped.json", "detail|version", "6", "detail.version: "},
		{"alarm without name", "cloudwatch/testdata/metric.json", "detail|alarmName", nil, "detail.alarmName: "},
		{"alarm without state", "cloudwatch/testdata/metric.json", "detail|state", nil, "detail.state.value: "},
		{"alarm in an unknown state", "cloudwatch/testdata/metric.json", "detail|state|value", "RED", "detail.state.value: "},
		{"alarm from an unknown state", "cloudwatch/testdata/metric.json", "detail|previousState|value", "RED",
			"detail.previousState.value: "},
		{"alarm at a wrong time", "cloudwatch/testdata/metric.json", "detail|state|timestamp", "noon",
			"detail.state.timestamp: "},
		{"alarm without ARN", "cloudwatch/testdata/metric.json", "resources", []string{}, "resources: "},
		{"tag change of nothing", "tag/testdata/change.json", "resources", []string{}, "resources: "},
		{"tag change without keys", "tag/testdata/change.json", "detail|changed-tag-keys", []string{},
			"detail.changed-tag-keys: "},
		{"tag change without service", "tag/testdata/change.json", "detail|service", nil, "detail.service: "},
		{"tag change without resource type", "tag/testdata/change.json", "detail|resource-type", nil,
			"detail.resource-type: "},
		{"schedule without detail", "schedule/testdata/rule.json", "detail", nil, "detail: "},
		{"reconcile without version", "davit/testdata/reconcile.json", "detail|version", nil, "detail.version: "},
		{"reconcile of another version", "davit/testdata/reconcile.json", "detail|version", "2", "detail.version: "},
		{"reconcile of nothing", "davit/testdata/reconcile.json", "detail|workloads", []string{}, "detail.workloads: "},
		{"reconcile of eleven", "davit/testdata/reconcile.json", "detail|workloads", eleven, "detail.workloads: "},
		{"reconcile of an empty name", "davit/testdata/reconcile.json", "detail|workloads", []string{"ecs:a/b", ""},
			"detail.workloads[1]: "},
		{"reconcile of a long name", "davit/testdata/reconcile.json", "detail|workloads",
			[]string{strings.Repeat("é", davit.MaximumWorkload+1)}, "detail.workloads[0]: "},
		{"reconcile for a long cause", "davit/testdata/reconcile.json", "detail|cause",
			strings.Repeat("é", davit.MaximumCause+1), "detail.cause: "},
		{"rollout of another version", "davit/testdata/rollout_failed.json", "detail|version", "0", "detail.version: "},
		{"rollout without workload", "davit/testdata/rollout_failed.json", "detail|workload", nil, "detail.workload: "},
		{"rollout without digest", "davit/testdata/rollout_failed.json", "detail|image|digest", nil,
			"detail.image.digest: "},
		{"rollout without previous digest", "davit/testdata/rollout_failed.json", "detail|previous|digest", nil,
			"detail.previous.digest: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			event, err := events.Parse(edited(t, test.file, test.path, test.value))
			if !errors.Is(err, events.ErrMalformed) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %+v, %v; want an error that names %q", event, err, test.want)
			}
			if !reflect.DeepEqual(event, events.Event{}) {
				t.Errorf("got %+v with the error", event)
			}
		})
	}
}

func TestParseRefusesWhatIsNotOneEvent(t *testing.T) {
	push := golden(t, "ecr/testdata/push.json")
	padded := func(size int) []byte {
		return append([]byte(nil), append(push, strings.Repeat(" ", size-len(push))...)...)
	}
	for name, body := range map[string][]byte{
		"nothing":                  nil,
		"null":                     []byte("null"),
		"a list":                   []byte("[]"),
		"half an event":            push[:len(push)/2],
		"an event and more":        append(append([]byte(nil), push...), "{}"...),
		"an event above the limit": padded(envelope.MaximumSize + 1),
		"brackets without an end":  []byte(strings.Repeat("[", 100_000)),
	} {
		if event, err := events.Parse(body); !errors.Is(err, events.ErrMalformed) {
			t.Errorf("%s: got %+v, %v; want ErrMalformed", name, event, err)
		}
	}
	if _, err := events.Parse(padded(envelope.MaximumSize)); err != nil {
		t.Errorf("an event at the limit: %v", err)
	}
}

func TestParseIgnoresFieldsThatAWSAdds(t *testing.T) {
	for _, path := range goldenPaths(t) {
		if strings.HasPrefix(path, "schedule") {
			continue // its detail is not looked at, and may be text
		}
		want, err := events.Parse(golden(t, path))
		if err != nil {
			t.Fatal(err)
		}
		got, err := events.Parse(edited(t, path, "detail|someNewField", map[string]any{"a": []int{1}}))
		if err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s with a new field: %v\n%s", path, err, cmp.Diff(want, got))
		}
	}
}

// FuzzParse holds that nothing makes Parse panic, that an error is always ErrMalformed, and that what was read can be
// written and read again with the same outcome.
func FuzzParse(f *testing.F) {
	for _, path := range goldenPaths(f) {
		f.Add(golden(f, path))
	}
	f.Add([]byte(`{"id":"a","source":"aws.events","detail-type":"Scheduled Event","account":"000000000000",` +
		`"time":"0000-01-01T00:00:00+23:59","region":"r","detail":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		event, err := events.Parse(body)
		if err != nil {
			if !errors.Is(err, events.ErrMalformed) {
				t.Fatalf("error does not wrap ErrMalformed: %v", err)
			}
			return
		}
		if !event.Known() {
			return
		}
		detail, err := json.Marshal(event.Detail)
		if err != nil {
			t.Fatalf("write the detail of %+v: %v", event, err)
		}
		whole, err := json.Marshal(envelope.Envelope{ID: event.ID, Source: event.Source, DetailType: event.DetailType,
			Account: event.Account, Region: event.Region, Time: envelope.Timestamp{Time: event.Time},
			Resources: event.Resources, Detail: detail})
		if err != nil {
			t.Fatalf("write %+v: %v", event, err)
		}
		if len(whole) > envelope.MaximumSize {
			return // an escape that was one byte can become six
		}
		again, err := events.Parse(whole)
		if err != nil {
			t.Fatalf("read %s again: %v", whole, err)
		}
		if difference := cmp.Diff(event, again, cmpopts.EquateEmpty()); difference != "" {
			t.Fatalf("differs when read again (-first +second):\n%s", difference)
		}
	})
}

func BenchmarkParsePush(b *testing.B) {
	body := golden(b, "ecr/testdata/push.json")
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := events.Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}
