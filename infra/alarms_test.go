package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"davit/infra/chain"
	"davit/infra/ml"
	"davit/shared/names"
)

// metricsOfAWS are the metrics of AWS that alarms look at, with the dimensions that AWS publishes them with, each after the
// page of the service's metrics.
var metricsOfAWS = map[string]string{
	"AWS/SQS ApproximateNumberOfMessagesVisible":    "QueueName",
	"AWS/SQS ApproximateAgeOfOldestMessage":         "QueueName",
	"AWS/Lambda Errors":                             "FunctionName",
	"AWS/Lambda Throttles":                          "FunctionName",
	"AWS/ApplicationELB HTTPCode_Target_5XX_Count":  "LoadBalancer",
	"AWS/ApplicationELB TargetResponseTime":         "LoadBalancer",
	"AWS/AutoScaling GroupInServiceInstances":       "AutoScalingGroupName",
	"AWS/EC2 StatusCheckFailed":                     "AutoScalingGroupName",
	"ContainerInsights node_gpu_utilization":        "ClusterName",
	"ContainerInsights node_neuroncore_utilization": "ClusterName",
}

// alarmed is a metric of an alarm: its namespace and name, and its dimensions.
type alarmed struct {
	alarm, key string
	dimensions map[string]any
}

// alarmedIn are the metrics of a template's alarms, also of those that compute with several.
func alarmedIn(have template) []alarmed {
	var found []alarmed
	add := func(alarm string, metric any) {
		dimensions := map[string]any{}
		for _, one := range list(at(metric, "Dimensions")) {
			name, _ := at(one, "Name").(string)
			dimensions[name] = at(one, "Value")
		}
		found = append(found, alarmed{alarm, fmt.Sprintf("%v %v", at(metric, "Namespace"), at(metric, "MetricName")), dimensions})
	}
	for name, alarm := range have.of("AWS::CloudWatch::Alarm") {
		if alarm.Properties["MetricName"] != nil {
			add(name, map[string]any(alarm.Properties))
		}
		for _, part := range list(alarm.Properties["Metrics"]) {
			if metric := at(part, "MetricStat", "Metric"); metric != nil {
				add(name, metric)
			}
		}
	}
	return found
}

func TestEveryAlarmLooksAtAMetricThatIsPublished(t *testing.T) {
	looked := map[string]bool{}
	ours := literals(t)
	for configuration, stacks := range synthesised {
		for stack, have := range stacks {
			agents := agentMetrics(t, have)
			for _, one := range alarmedIn(have) {
				looked[one.key] = true
				where := configuration + "/" + stack + ": " + one.alarm
				dimensions := strings.Join(slices.Sorted(maps.Keys(one.dimensions)), ",")
				namespace, name, _ := strings.Cut(one.key, " ")
				switch {
				case namespace == chain.MetricNamespace || namespace == ml.MetricNamespace:
					if agents[one.key] != dimensions {
						t.Errorf("%s looks at %s by %s, the agent publishes it by %q", where, one.key, dimensions, agents[one.key])
					}
				case namespace == names.MetricNamespace:
					if !ours[name] {
						t.Errorf("%s looks at %s, which nothing of davit counts", where, one.key)
					}
				case metricsOfAWS[one.key] != dimensions:
					t.Errorf("%s looks at %s by %s, AWS publishes it by %q", where, one.key, dimensions, metricsOfAWS[one.key])
				}
				if namespace != names.MetricNamespace {
					checkValues(t, where, have, stacks, one)
				}
			}
		}
	}
	for key := range metricsOfAWS {
		if !looked[key] {
			t.Errorf("no alarm looks at %s", key)
		}
	}
}

// checkValues: what an alarm's dimension names must be made by the stack, or by another of the same installation.
func checkValues(t *testing.T, where string, have template, all stacks, one alarmed) {
	t.Helper()
	for dimension, value := range one.dimensions {
		if reference, ok := at(value, "Ref").(string); ok && have.Resources[reference].Type != "" {
			continue
		}
		if reference, ok := at(value, "Fn::GetAtt", 0).(string); ok && have.Resources[reference].Type != "" {
			continue
		}
		name, _ := value.(string)
		if name == "" || !isMade(all, name) {
			t.Errorf("%s is about %s %s, which nothing makes", where, dimension, asText(value))
		}
	}
}

// isMade tells whether a resource of the installation has the name.
func isMade(all stacks, name string) bool {
	for _, have := range all {
		for _, one := range have.Resources {
			for property, value := range one.Properties {
				if strings.HasSuffix(property, "Name") && value == name {
					return true
				}
			}
		}
	}
	return false
}

// TestWhatAgentsPublishIsLookedAt is the other way round: a metric that nothing looks at costs, and tells nobody.
func TestWhatAgentsPublishIsLookedAt(t *testing.T) {
	seen := 0
	for configuration, stacks := range synthesised {
		for stack, have := range stacks {
			looked := map[string]bool{}
			for _, one := range alarmedIn(have) {
				looked[one.key] = true
			}
			for key := range agentMetrics(t, have) {
				seen++
				if !looked[key] {
					t.Errorf("%s/%s: no alarm looks at %s", configuration, stack, key)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no agent publishes anything")
	}
}

// agentMetrics are the metrics that the CloudWatch agents of a template's instances publish, with their dimensions, after
// "Metrics collected by the CloudWatch agent" in the CloudWatch user guide.
func agentMetrics(t *testing.T, have template) map[string]string {
	t.Helper()
	prefixes := map[string]string{"disk": "disk_", "nvidia_gpu": "nvidia_smi_"}
	found := map[string]string{}
	for _, launch := range have.of("AWS::EC2::LaunchTemplate") {
		configuration := at(agentOf(t, plainText(at(launch.Properties, "LaunchTemplateData", "UserData"))), "metrics")
		dimensions := strings.Join(texts(at(configuration, "aggregation_dimensions", 0)), ",")
		namespace, _ := at(configuration, "namespace").(string)
		if namespace == "$METRIC_NAMESPACE" {
			namespace = chain.MetricNamespace
		}
		collected, _ := at(configuration, "metrics_collected").(map[string]any)
		for kind, settings := range collected {
			for _, name := range texts(at(settings, "measurement")) {
				found[namespace+" "+prefixes[kind]+name] = dimensions
			}
		}
	}
	return found
}

// plainText is a value of a template with its references left out.
func plainText(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []any:
		var parts strings.Builder
		for _, part := range value {
			parts.WriteString(plainText(part))
		}
		return parts.String()
	case map[string]any:
		if joined := at(value, "Fn::Join", 1); joined != nil {
			return plainText(joined)
		}
		return plainText(value["Fn::Base64"])
	}
	return ""
}

// literals are the words in quotes of the functions and of what they share: the metrics of davit are among them.
func literals(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, folder := range []string{"../shared", "../functions"} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path) // #nosec G304 -- of this repository
			if err != nil {
				return err
			}
			for i, part := range strings.Split(string(source), `"`) {
				if i%2 == 1 {
					found[part] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
