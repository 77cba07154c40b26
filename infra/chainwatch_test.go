package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/shared/names"
)

func chainAlarms(configuration string) map[string]resource {
	return synthesised[configuration][chainwatchStack].of("AWS::CloudWatch::Alarm")
}

func TestEveryNodeHasItsAlarms(t *testing.T) {
	for configuration, want := range map[string][]string{
		watched: {
			"davit-node-mainnet-consensus-behind", "davit-node-mainnet-consensus-head-age", "davit-node-mainnet-consensus-latency",
			"davit-node-mainnet-consensus-peers", "davit-node-mainnet-consensus-unhealthy",
			"davit-node-mainnet-execution-behind", "davit-node-mainnet-execution-disk", "davit-node-mainnet-execution-head-age",
			"davit-node-mainnet-execution-latency", "davit-node-mainnet-execution-peers", "davit-node-mainnet-execution-unhealthy",
		},
		chosen: {"davit-node-sepolia-behind", "davit-node-sepolia-head-age", "davit-node-sepolia-latency",
			"davit-node-sepolia-peers", "davit-node-sepolia-unhealthy"},
	} {
		var have []string
		for _, alarm := range chainAlarms(configuration) {
			have = append(have, fmt.Sprint(alarm.Properties["AlarmName"]))
		}
		slices.Sort(have)
		if difference := cmp.Diff(want, have); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
	}
}

// A dead node, a dead reference and a dead watch all leave metrics out: that must be a breach, and each alarm must know
// what recovers the node.
func TestAnAlarmOfANodeTakesMissingDataForABreach(t *testing.T) {
	for configuration, period := range map[string]float64{watched: 60, chosen: 300} {
		for name, alarm := range chainAlarms(configuration) {
			properties := alarm.Properties
			if properties["TreatMissingData"] != "breaching" || properties["Period"] != period || properties["EvaluationPeriods"] != 3.0 {
				t.Errorf("%s: %s", name, asText(properties))
			}
			tags := alarm.tags()
			if tags[names.TagPlaybook] != names.PlaybookChainNodeBehind {
				t.Errorf("%s has the playbook %q", name, tags[names.TagPlaybook])
			}
			runs := ""
			if strings.Contains(fmt.Sprint(properties["AlarmName"]), "mainnet-execution") {
				runs = "ec2:i-0123456789abcdef0"
			}
			if tags[names.TagWorkload] != runs {
				t.Errorf("%s is of the workload %q", name, tags[names.TagWorkload])
			}
			if told := properties["AlarmActions"] != nil; told != (configuration == chosen) {
				t.Errorf("%s tells a topic: %t", name, told)
			}
		}
	}
}

// Thresholds go the right way: what is there in a good node is no breach.
func TestAnAlarmOfANodeIsAboutAMetricThatIsWritten(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(checkout, "shared", "names", "chainwatch.go"))
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for _, found := range regexp.MustCompile(`Metric[A-Za-z]+ += "([A-Za-z]+)"`).FindAllStringSubmatch(string(source), -1) {
		written[found[1]] = true
	}
	directions := map[string]string{names.MetricUnhealthy: "GreaterThanThreshold 0", names.MetricBlocksBehind: "GreaterThanThreshold 10",
		names.MetricHeadAge: "GreaterThanThreshold 180", names.MetricPeers: "LessThanThreshold 10",
		names.MetricLatency: "GreaterThanThreshold 2000", names.MetricDiskUsed: "GreaterThanThreshold 85"}
	seen := map[string]bool{}
	for name, alarm := range chainAlarms(watched) {
		metric := fmt.Sprint(alarm.Properties["MetricName"])
		dimensions := list(alarm.Properties["Dimensions"])
		if !written[metric] || alarm.Properties["Namespace"] != names.MetricNamespace || len(dimensions) != 1 ||
			at(dimensions[0], "Name") != names.DimensionNode {
			t.Errorf("%s is about %s", name, asText(alarm.Properties))
		}
		if at(dimensions[0], "Value") != "mainnet-execution" {
			continue
		}
		seen[metric] = true
		have := fmt.Sprint(alarm.Properties["ComparisonOperator"], " ", alarm.Properties["Threshold"])
		if have != directions[metric] {
			t.Errorf("%s: %s, want %s", name, have, directions[metric])
		}
	}
	if len(seen) != len(directions) {
		t.Errorf("the alarms are about %v", slices.Collect(maps.Keys(seen)))
	}
}

func TestTheWatchMayReadItsParametersAndWriteItsLogAndNoMore(t *testing.T) {
	for configuration, want := range map[string][]string{
		chosen: {"logs:CreateLogStream", "logs:PutLogEvents", "ssm:GetParameters"},
		watched: {"ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
			"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses", "logs:CreateLogStream",
			"logs:PutLogEvents", "ssm:GetParameters"},
	} {
		have := synthesised[configuration][chainwatchStack]
		var actions []string
		for _, s := range have.statements() {
			actions = append(actions, texts(s.fields["Action"])...)
			if s.allows("ssm:GetParameters") && !strings.Contains(asText(s.fields["Resource"]), ":parameter/davit/chain") {
				t.Errorf("it reads %s", asText(s.fields["Resource"]))
			}
		}
		slices.Sort(actions)
		actions = slices.DeleteFunc(slices.Compact(actions), func(action string) bool { return action == "sts:AssumeRole" })
		if difference := cmp.Diff(want, actions); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
		_, function := have.only(t, "AWS::Lambda::Function")
		if inVPC := function.Properties["VpcConfig"] != nil; inVPC != (configuration == watched) {
			t.Errorf("%s: it is in a VPC: %t", configuration, inVPC)
		}
	}
}

// A look that comes late is of another time than its metrics, and addresses that may hold keys are not in the template.
func TestALookIsMadeOnTimeOrNotAtAll(t *testing.T) {
	_, rule := synthesised[watched][chainwatchStack].only(t, "AWS::Events::Rule")
	target := at(rule.Properties, "Targets", 0)
	if rule.Properties["ScheduleExpression"] != "rate(1 minute)" || at(target, "RetryPolicy", "MaximumRetryAttempts") != 0.0 ||
		at(target, "RetryPolicy", "MaximumEventAgeInSeconds") != 60.0 {
		t.Errorf("%s", asText(rule.Properties))
	}
}
