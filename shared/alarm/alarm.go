// Package alarm tells which workload a CloudWatch alarm is about, and what alarms say now.
package alarm

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	event "davit/events/cloudwatch"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/workload"
)

// CloudWatch are the calls that are made of it.
type CloudWatch interface {
	DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
	ListTagsForResource(context.Context, *cloudwatch.ListTagsForResourceInput, ...func(*cloudwatch.Options)) (
		*cloudwatch.ListTagsForResourceOutput, error)
}

// TargetGroups finds the service behind a target group of a load balancer, by the target group's name as metrics have it:
// targetgroup/NAME/ID. It is the zero value where none of the services that opted in is.
type TargetGroups func(ctx context.Context, targetGroup string) (workload.Reference, error)

// Alarms reads alarms of one account and region.
type Alarms struct {
	client       CloudWatch
	targetGroups TargetGroups
}

// New makes the reader. It makes no call.
func New(client CloudWatch, targetGroups TargetGroups) *Alarms {
	return &Alarms{client: client, targetGroups: targetGroups}
}

// ErrNoWorkload is wrapped by the error of an alarm that names no workload: it says how to tag it.
var ErrNoWorkload = errors.New("the alarm names no workload")

// Subject is what an alarm is about.
type Subject struct {
	Workload workload.Reference
	// Playbook is the one that the alarm's tag names; empty where it names none.
	Playbook string
	// Scales is true of an alarm that is tagged to scale its workload.
	Scales bool
}

// Resolve says what an alarm is about: by its davit/workload tag, else by the dimensions of its metrics, else, for a
// composite alarm, by the alarms of its rule where all that can be told are about the same. The error wraps ErrNoWorkload
// where nothing says it.
func (a *Alarms) Resolve(ctx context.Context, change *event.AlarmStateChange) (Subject, error) {
	tags, err := a.tags(ctx, change)
	if err != nil {
		return Subject{}, err
	}
	subject := Subject{Playbook: tags[names.TagPlaybook], Scales: tags[names.TagScaling] != ""}
	if text, tagged := tags[names.TagWorkload]; tagged {
		subject.Workload, err = workload.ParseReference(text)
		if err != nil {
			return Subject{}, fmt.Errorf("%w: its tag %s: %w", ErrNoWorkload, names.TagWorkload, err)
		}
		return subject, nil
	}
	if change.Composite() {
		return a.ofRule(ctx, change, subject)
	}
	reference, err := a.byDimensions(ctx, change.Dimension)
	if err != nil {
		return Subject{}, err
	}
	if reference.IsZero() {
		return Subject{}, untold(change.AlarmName)
	}
	subject.Workload = reference
	return subject, nil
}

func untold(name string) error {
	return fmt.Errorf("%w: neither a tag nor the dimensions of alarm %s say it; tag the alarm %s=ecs:CLUSTER/SERVICE",
		ErrNoWorkload, name, names.TagWorkload)
}

func (a *Alarms) tags(ctx context.Context, change *event.AlarmStateChange) (map[string]string, error) {
	if _, told := change.AlarmTags[names.TagWorkload]; told {
		return change.AlarmTags, nil
	}
	output, err := a.client.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: &change.ARN})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return change.AlarmTags, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the tags of alarm %s: %w", change.AlarmName, err)
	}
	tags := make(map[string]string, len(output.Tags))
	for _, tag := range output.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags, nil
}

// byDimensions reads the dimensions that AWS's own metrics have: Amazon ECS and its Container Insights (ClusterName with
// ServiceName), Container Insights for EKS (ClusterName, Namespace, and PodName or Service, which are those of the
// Deployment where they are made from it), Application Load Balancers (TargetGroup), Amazon EC2 (InstanceId) and EC2 Auto
// Scaling (AutoScalingGroupName).
func (a *Alarms) byDimensions(ctx context.Context, dimension func(string) (string, bool)) (workload.Reference, error) {
	cluster, hasCluster := dimension("ClusterName")
	if service, found := dimension("ServiceName"); found && hasCluster {
		return reference(workload.ECSService(cluster, service))
	}
	if namespace, found := dimension("Namespace"); found && hasCluster {
		for _, name := range []string{"Deployment", "PodName", "Service"} {
			if value, found := dimension(name); found {
				return reference(workload.EKSDeployment(cluster, namespace, value))
			}
		}
	}
	if group, found := dimension("TargetGroup"); found && a.targetGroups != nil {
		return a.targetGroups(ctx, group)
	}
	if instance, found := dimension("InstanceId"); found {
		return reference(workload.EC2Instance(instance))
	}
	if group, found := dimension("AutoScalingGroupName"); found {
		return reference(workload.AutoScalingGroup(group))
	}
	return workload.Reference{}, nil
}

// reference turns a name that none of AWS's can be into an alarm that names nothing.
func reference(found workload.Reference, err error) (workload.Reference, error) {
	if err != nil {
		return workload.Reference{}, fmt.Errorf("%w: its dimensions: %w", ErrNoWorkload, err)
	}
	return found, nil
}

// child is an alarm's name in a rule, as in ALARM("web-5xx")
// (docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html).
var child = regexp.MustCompile(`\b(?:ALARM|OK|INSUFFICIENT_DATA)\(\s*(?:"([^"]+)"|'([^']+)'|([^\s()"']+))\s*\)`)

// maximumChildren bounds the alarms of a rule that are looked at; CloudWatch allows 100.
const maximumChildren = 100

// children are the names of the alarms of a rule, which may be given as ARNs.
func children(rule string) []string {
	var found []string
	for _, match := range child.FindAllStringSubmatch(rule, maximumChildren) {
		name := match[1] + match[2] + match[3]
		if _, after, is := strings.Cut(name, ":alarm:"); is {
			name = after
		}
		if !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	return found
}

func (a *Alarms) ofRule(ctx context.Context, change *event.AlarmStateChange, subject Subject) (Subject, error) {
	described, err := a.describe(ctx, children(change.Configuration.AlarmRule))
	if err != nil {
		return Subject{}, err
	}
	for _, alarm := range described.MetricAlarms {
		found, err := a.byDimensions(ctx, dimensionsOf(alarm))
		switch {
		case errors.Is(err, ErrNoWorkload) || err == nil && found.IsZero():
			continue
		case err != nil:
			return Subject{}, err
		case !subject.Workload.IsZero() && subject.Workload != found:
			return Subject{}, fmt.Errorf("%w: the alarms of its rule are about %s and %s; tag the alarm %s with the one that is to be remedied",
				ErrNoWorkload, subject.Workload, found, names.TagWorkload)
		}
		subject.Workload = found
	}
	if subject.Workload.IsZero() {
		return Subject{}, untold(change.AlarmName)
	}
	return subject, nil
}

// dimensionsOf finds a dimension that all metrics of an alarm give the same value.
func dimensionsOf(alarm types.MetricAlarm) func(string) (string, bool) {
	metrics := [][]types.Dimension{alarm.Dimensions}
	if len(alarm.Metrics) > 0 {
		metrics = nil
		for _, query := range alarm.Metrics {
			if query.MetricStat != nil && query.MetricStat.Metric != nil {
				metrics = append(metrics, query.MetricStat.Metric.Dimensions)
			}
		}
	}
	return func(name string) (value string, found bool) {
		for _, dimensions := range metrics {
			at := slices.IndexFunc(dimensions, func(dimension types.Dimension) bool { return aws.ToString(dimension.Name) == name })
			if at < 0 || found && aws.ToString(dimensions[at].Value) != value {
				return "", false
			}
			value, found = aws.ToString(dimensions[at].Value), true
		}
		return value, found
	}
}

// States is recovery.Alarms: what the alarms say now, in one call for each hundred.
func (a *Alarms) States(ctx context.Context, asked []string) (map[string]recovery.AlarmState, error) {
	states := make(map[string]recovery.AlarmState, len(asked))
	for chunk := range slices.Chunk(asked, maximumChildren) {
		described, err := a.describe(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, alarm := range described.MetricAlarms {
			states[aws.ToString(alarm.AlarmName)] = recovery.AlarmState{State: string(alarm.StateValue), Reason: aws.ToString(alarm.StateReason)}
		}
		for _, alarm := range described.CompositeAlarms {
			states[aws.ToString(alarm.AlarmName)] = recovery.AlarmState{State: string(alarm.StateValue), Reason: aws.ToString(alarm.StateReason)}
		}
	}
	return states, nil
}

func (a *Alarms) describe(ctx context.Context, asked []string) (*cloudwatch.DescribeAlarmsOutput, error) {
	if len(asked) == 0 {
		return &cloudwatch.DescribeAlarmsOutput{}, nil
	}
	output, err := a.client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: asked, MaxRecords: aws.Int32(maximumChildren),
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}})
	if err != nil {
		return nil, fmt.Errorf("describe the alarms %s: %w", strings.Join(asked, ", "), err)
	}
	return output, nil
}
