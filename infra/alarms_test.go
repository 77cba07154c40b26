package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	ours := publishedByDavit(t)
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
					if by, counted := ours[name]; !counted || by != dimensions {
						t.Errorf("%s looks at %s by %q, davit publishes it: %t, by %q", where, one.key, dimensions, counted, by)
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

// lookedAtByQuestion are davit's metrics that no alarm and no dashboard shows, each with what it is there for.
var lookedAtByQuestion = map[string]string{
	"Decisions":  "how many refusals of which code there were, in Logs or Metrics Insights",
	"Height":     "what a node that is behind was at, which has an alarm",
	"Syncing":    "why a node is behind, which has an alarm",
	"WrongChain": "why a node is unhealthy, which has an alarm",
}

// dashboardMetric is one of davit's metrics in the body of a dashboard, with its dimensions.
var dashboardMetric = regexp.MustCompile(`\["` + names.MetricNamespace + `","([A-Za-z]+)"((?:,"[^"]*")*)`)

// TestWhatDavitPublishesIsLookedAt is the other way round for davit's own metrics. Each is paid for.
func TestWhatDavitPublishesIsLookedAt(t *testing.T) {
	published, looked := publishedByDavit(t), map[string]bool{}
	for configuration, stacks := range synthesised {
		for stack, have := range stacks {
			for _, one := range alarmedIn(have) {
				if namespace, name, _ := strings.Cut(one.key, " "); namespace == names.MetricNamespace {
					looked[name] = true
				}
			}
			for id, dashboard := range have.of("AWS::CloudWatch::Dashboard") {
				for _, metric := range dashboardMetric.FindAllStringSubmatch(plainText(dashboard.Properties["DashboardBody"]), -1) {
					looked[metric[1]] = true
					if by, counted := published[metric[1]]; !counted || by != "" || metric[2] != "" {
						t.Errorf("%s/%s: %s shows %s%s, davit publishes it: %t, by %q", configuration, stack, id, metric[1], metric[2], counted, by)
					}
				}
			}
		}
	}
	if len(published) < 15 {
		t.Errorf("only %v are found", published)
	}
	for name := range published {
		if _, told := lookedAtByQuestion[name]; looked[name] == told {
			t.Errorf("%s: an alarm or a dashboard looks at it: %t, and it is said to have none: %t", name, looked[name], told)
		}
	}
	for name := range lookedAtByQuestion {
		if _, there := published[name]; !there {
			t.Errorf("%s is not published", name)
		}
	}
}

// publishedByDavit are the metrics that davit's functions publish, read from their code, with the dimensions: counts of
// telemetry.Metric, and gauges of blockchain nodes.
func publishedByDavit(t *testing.T) map[string]string {
	t.Helper()
	files := parsed(t, "shared", "functions")
	values := map[string]string{} // of constants
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			if constant, is := node.(*ast.ValueSpec); is && len(constant.Values) == 1 {
				if literal, text := constant.Values[0].(*ast.BasicLit); text && literal.Kind == token.STRING {
					values[constant.Names[0].Name], _ = strconv.Unquote(literal.Value)
				}
			}
			return true
		})
	}
	counts := countedMetrics(t)
	found := map[string]string{}
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			if call, is := node.(*ast.CallExpr); is {
				switch name, arguments := called(call), call.Args; {
				case name == "Count" && len(arguments) > 1:
					by := []string{}
					for _, argument := range arguments[1:] {
						if dimension, is := argument.(*ast.CallExpr); is {
							by = append(by, called(dimension))
						}
					}
					found[values[selected(arguments[0])]] = strings.Join(by, ",")
					return false // What it counts is no count without dimensions.
				case name == "gauge" && len(arguments) > 1:
					found[values[selected(arguments[0])]] = names.DimensionNode
				}
			}
			if selector, is := node.(*ast.SelectorExpr); is && counts[selector.Sel.Name] && qualifier(selector) == "telemetry" {
				found[values[selector.Sel.Name]] = ""
			}
			return true
		})
	}
	delete(found, "") // calls of the same names that are about no constant
	return found
}

// countedMetrics are the names of the constants of type telemetry.Metric.
func countedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, file := range parsed(t, "shared/telemetry") {
		ast.Inspect(file, func(node ast.Node) bool {
			if constant, is := node.(*ast.ValueSpec); is {
				if kind, named := constant.Type.(*ast.Ident); named && kind.Name == "Metric" {
					found[constant.Names[0].Name] = true
				}
			}
			return true
		})
	}
	return found
}

// called is the name of what a call calls, without its package or receiver.
func called(call *ast.CallExpr) string {
	if name := selected(call.Fun); name != "" {
		return name
	}
	name, _ := call.Fun.(*ast.Ident)
	if name == nil {
		return ""
	}
	return name.Name
}

// selected is what an expression selects, as Sum of math.Sum; empty where it selects nothing.
func selected(expression ast.Expr) string {
	if selector, is := expression.(*ast.SelectorExpr); is {
		return selector.Sel.Name
	}
	return ""
}

// qualifier is what it selects from, as math of math.Sum.
func qualifier(selector *ast.SelectorExpr) string {
	if name, is := selector.X.(*ast.Ident); is {
		return name.Name
	}
	return ""
}

// parsed are the files of the folders of the checkout, without their tests.
func parsed(t *testing.T, folders ...string) []*ast.File {
	t.Helper()
	var found []*ast.File
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(checkout, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			found = append(found, file)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
