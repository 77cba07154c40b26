package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	groups "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	alarms "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"davit/cmd/davit/emulator"
	events "davit/events/cloudwatch"
	"davit/shared/installation"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/scaling"
	"davit/shared/settings"
	"davit/shared/workload"
)

// trial is an account in which IAM decides on each call, with a role that has the statements of a synthesised one.
type trial struct {
	t          *testing.T
	root       aws.Config
	statements map[string]any
	serial     int
}

func newTrial(t *testing.T, have template) *trial {
	t.Helper()
	made := &trial{t: t, statements: map[string]any{}, root: aws.Config{Region: emulator.DefaultRegion, BaseEndpoint: &judging,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}}
	for _, s := range have.statements() {
		if sid, named := s.fields["Sid"].(string); named && s.isIdentity {
			made.statements[sid] = resolved(s.fields)
		}
	}
	return made
}

// resolved is the value as CloudFormation makes it: what the stack itself makes has the name of its resource.
func resolved(value any) any {
	switch value := value.(type) {
	case []any:
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = resolved(item)
		}
		return items
	case map[string]any:
		if parts := list(at(value, "Fn::Join", 1)); parts != nil {
			var text strings.Builder
			for _, part := range parts {
				fmt.Fprint(&text, resolved(part))
			}
			return text.String()
		}
		if name, isRef := value["Ref"].(string); isRef {
			return map[string]string{"AWS::Partition": "aws", "AWS::Region": emulator.DefaultRegion, "AWS::AccountId": emulator.Account}[name]
		}
		if name, isAttribute := at(value, "Fn::GetAtt", 0).(string); isAttribute {
			return "arn:aws:none:::" + name
		}
		fields := map[string]any{}
		for key, field := range value {
			fields[key] = resolved(field)
		}
		return fields
	}
	return value
}

// without is a role that has all of the statements but one, as the configuration of clients that act as it.
func (r *trial) without(sid string) aws.Config {
	r.t.Helper()
	r.serial++
	name, client := fmt.Sprintf("trial-%d-%d", r.serial, time.Now().UnixNano()), iam.NewFromConfig(r.root)
	made, err := client.CreateRole(r.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::` + emulator.Account + `:root"}}]}`)})
	r.must(err)
	kept := []any{}
	for other, fields := range r.statements {
		if other != sid {
			kept = append(kept, fields)
		}
	}
	document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": kept})
	r.must(err)
	_, err = client.PutRolePolicy(r.t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &name, PolicyDocument: aws.String(string(document))})
	r.must(err)
	limited := r.root.Copy()
	limited.APIOptions = append(slices.Clone(limited.APIOptions), unjudged(kept))
	limited.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(r.root), *made.Role.Arn))
	return limited
}

func (r *trial) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// unjudged judges the calls that the emulator lets everybody make: those of services that it knows no actions of IAM of.
// A call must be allowed by the action of a statement.
func unjudged(statements []any) func(*middleware.Stack) error {
	prefixes := map[string]string{"CloudWatch": "cloudwatch:", "Application Auto Scaling": "application-autoscaling:"}
	judge := middleware.InitializeMiddlewareFunc("judge", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
		middleware.InitializeOutput, middleware.Metadata, error) {
		action := prefixes[awsmiddleware.GetServiceID(ctx)] + awsmiddleware.GetOperationName(ctx)
		allowed := !strings.Contains(action, ":") || slices.ContainsFunc(statements, func(fields any) bool {
			return slices.Contains(texts(at(fields, "Action")), action)
		})
		if !allowed {
			return middleware.InitializeOutput{}, middleware.Metadata{}, &smithy.GenericAPIError{Code: "AccessDenied", Message: action + " is not allowed"}
		}
		return next.HandleInitialize(ctx, in)
	})
	return func(stack *middleware.Stack) error { return stack.Initialize.Add(judge, middleware.After) }
}

// isDenied tells whether IAM is why the function could not go on, in the words of the drivers or of AWS.
func isDenied(err error) bool {
	return err != nil && slices.ContainsFunc([]string{"AccessDenied", "IAM forbids it", "not authorized", "UnauthorizedOperation"},
		func(word string) bool { return strings.Contains(err.Error(), word) })
}

// prove runs what the function does with all statements, which must work, and then without each of them, which must be
// denied for want of it. The others are those that are not of the drivers, with who uses them.
func (r *trial) prove(run func(*trial, aws.Config) error, others map[string]string) {
	if err := run(r, r.without("")); err != nil {
		r.t.Fatalf("with all statements of the role: %v", err)
	}
	for sid := range r.statements {
		if others[sid] != "" {
			continue
		}
		r.t.Run("without "+sid, func(t *testing.T) {
			r := &trial{t: t, root: r.root, statements: r.statements, serial: r.serial + 1000*len(sid)}
			for _, letter := range sid {
				r.serial += int(letter) * 100_000
			}
			if err := run(r, r.without(sid)); !isDenied(err) {
				t.Errorf("it is answered with %v", err)
			}
		})
	}
	for sid := range others {
		if r.statements[sid] == nil {
			r.t.Errorf("there is no statement %s any more", sid)
		}
	}
}

// site is a cluster whose service runs on the hosts of a group, all with the tags, and an alarm on it.
type site struct {
	name    string
	service workload.Reference
	group   workload.Reference
	hosts   []workload.Reference
	alarm   string
}

func (r *trial) newSite(count int32, tags map[string]string) site {
	r.t.Helper()
	ctx, services, machines := r.t.Context(), ecs.NewFromConfig(r.root), autoscaling.NewFromConfig(r.root)
	r.serial++
	made := site{name: fmt.Sprintf("site-%d-%d", r.serial, time.Now().UnixNano())}
	var ofGroup []groups.Tag
	var ofService []types.Tag
	for key, value := range tags {
		ofGroup = append(ofGroup, groups.Tag{Key: &key, Value: &value, PropagateAtLaunch: aws.Bool(true)})
		ofService = append(ofService, types.Tag{Key: &key, Value: &value})
	}
	_, err := machines.CreateAutoScalingGroup(ctx, &autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: &made.name,
		MinSize: aws.Int32(0), MaxSize: aws.Int32(4), DesiredCapacity: &count, Tags: ofGroup})
	r.must(err)
	described, err := machines.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{made.name}})
	r.must(err)
	for _, member := range described.AutoScalingGroups[0].Instances {
		host, err := workload.EC2Instance(aws.ToString(member.InstanceId))
		r.must(err)
		made.hosts = append(made.hosts, host)
	}
	_, err = services.CreateCapacityProvider(ctx, &ecs.CreateCapacityProviderInput{Name: &made.name,
		AutoScalingGroupProvider: &types.AutoScalingGroupProvider{AutoScalingGroupArn: described.AutoScalingGroups[0].AutoScalingGroupARN}})
	r.must(err)
	_, err = services.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &made.name, CapacityProviders: []string{made.name}})
	r.must(err)
	executes, err := iam.NewFromConfig(r.root).CreateRole(ctx, &iam.CreateRoleInput{RoleName: &made.name, Path: aws.String("/davit/"),
		AssumeRolePolicyDocument: aws.String(`{}`)})
	r.must(err)
	registered, err := services.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: &made.name, Memory: aws.String("256"),
		ExecutionRoleArn:     executes.Role.Arn,
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("web"), Memory: aws.Int32(64)}}})
	r.must(err)
	_, err = services.CreateService(ctx, &ecs.CreateServiceInput{Cluster: &made.name, ServiceName: aws.String("web"), Tags: ofService,
		TaskDefinition: registered.TaskDefinition.TaskDefinitionArn, DesiredCount: aws.Int32(2),
		CapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: &made.name, Weight: 1}}})
	r.must(err)
	made.service, err = workload.ECSService(made.name, "web")
	r.must(err)
	made.group, err = workload.AutoScalingGroup(made.name)
	r.must(err)
	watch := cloudwatch.NewFromConfig(r.root)
	_, err = watch.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{AlarmName: &made.name, Namespace: aws.String("shop"), MetricName: aws.String("load"),
		Statistic: alarms.StatisticAverage, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(70),
		ComparisonOperator: alarms.ComparisonOperatorGreaterThanThreshold,
		Tags:               []alarms.Tag{{Key: aws.String(names.TagScaling), Value: aws.String("out")}, {Key: aws.String(names.TagWorkload), Value: aws.String(made.service.String())}}})
	r.must(err)
	found, err := watch.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{made.name}})
	r.must(err)
	made.alarm = aws.ToString(found.MetricAlarms[0].AlarmArn)
	return made
}

// nodeVolume makes the data volume of a chain node with a snapshot, by EC2's query API: the SDK's package for it takes minutes to
// compile.
func (r *trial) nodeVolume(node string) {
	r.t.Helper()
	tagged := func(kind string) url.Values {
		return url.Values{"TagSpecification.1.ResourceType": {kind}, "TagSpecification.1.Tag.1.Key": {names.TagChainNode}, "TagSpecification.1.Tag.1.Value": {node}}
	}
	volume := tagged("volume")
	volume.Set("AvailabilityZone", emulator.DefaultRegion+"a")
	volume.Set("Size", "100")
	volume.Set("VolumeType", "gp3")
	snapshot := tagged("snapshot")
	snapshot.Set("VolumeId", r.make("CreateVolume", volume, "volumeId"))
	r.make("CreateSnapshot", snapshot, "snapshotId")
}

func (r *trial) make(action string, form url.Values, element string) string {
	r.t.Helper()
	form.Set("Action", action)
	form.Set("Version", "2016-11-15")
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, *r.root.BaseEndpoint, strings.NewReader(form.Encode()))
	r.must(err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+emulator.DefaultRegion+"/ec2/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	r.must(err)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	r.must(err)
	_, rest, _ := strings.Cut(string(answer), "<"+element+">")
	id, _, found := strings.Cut(rest, "<")
	if !found {
		r.t.Fatalf("%s answers %s", action, answer)
	}
	return id
}

// step takes a step as the reconciler does, and again as whoever finishes it.
func step(ctx context.Context, driver recovery.Driver, reference workload.Reference, do settings.Do, resume bool) (recovery.Done, error) {
	seen, err := driver.Observe(ctx, reference)
	if err != nil {
		return recovery.Done{}, err
	}
	if why := seen.Cannot[do]; why != "" {
		return recovery.Done{}, fmt.Errorf("%s cannot %s: %s", reference, do, why)
	}
	act := seen.Intent(do)
	act.ID, act.IntendedAt = fmt.Sprintf("act-%d", time.Now().UnixNano()), time.Now()
	done, err := driver.Act(ctx, seen, act, resume)
	if err != nil || act.Undo == nil {
		return done, err
	}
	act.Undoes = act.Undo
	return driver.Act(ctx, seen, act, false)
}

// usedElsewhere are the statements that are not of the drivers: the scenarios of the local cloud run the function itself under
// its role.
var usedElsewhere = map[string]string{"Log": "Lambda", "Ledger": "the reconciler", "Queue": "Lambda and the intake", "DeadLetters": "the intake",
	"Bus": "the announcer", "MoveBounds": "the drivers, against a peer that has Application Auto Scaling and no IAM"}

func TestTheRemediesNeedTheirRoleAndNothingElse(t *testing.T) {
	others := map[string]string{"Rollbacks": "the reconciler", "Page": "the announcer"}
	for sid, who := range usedElsewhere {
		others[sid] = who
	}
	newTrial(t, theRecovery(t)).prove(func(r *trial, as aws.Config) error {
		ctx, davit := r.t.Context(), installation.Open(as, "none", names.SettingsParameter, slog.New(slog.DiscardHandler))
		drivers := davit.Remedies.Drivers
		tags := map[string]string{names.TagPlaybook: settings.ReservedPlaybook, names.TagMemoryLimit: "4096"}
		shop := r.newSite(2, tags)
		run := func(reference workload.Reference, do settings.Do, resume bool) error {
			_, err := step(ctx, drivers[reference.Kind()], reference, do, resume)
			return err
		}
		_, counted := davit.CountRemedied(ctx)
		_, looked := davit.Alarms.States(ctx, []string{shop.name})
		_, resolved := davit.Alarms.Resolve(ctx, &events.AlarmStateChange{AlarmName: shop.name, ARN: shop.alarm})
		for _, err := range []error{counted, looked, resolved, run(shop.service, settings.Restart, false), run(shop.service, settings.ScaleOut, false),
			run(shop.service, settings.RaiseMemory, true), run(shop.hosts[0], settings.Drain, false), run(shop.group, settings.ScaleOut, false),
			run(shop.hosts[0], settings.ReplaceHosts, false)} {
			if err != nil {
				return err
			}
		}
		tags["AmazonECSManaged"] = ""
		managed := r.newSite(2, tags)
		if err := run(managed.group, settings.ScaleOut, false); err != nil {
			return err
		}
		node := fmt.Sprintf("full-%d", time.Now().UnixNano())
		chain := r.newSite(1, map[string]string{names.TagPlaybook: settings.ReservedPlaybook, names.TagChainNode: node, names.TagVolumeLimit: "200"})
		r.nodeVolume(node)
		for _, do := range []settings.Do{settings.RestartClient, settings.GrowVolume, settings.RestoreSnapshot} {
			if err := run(chain.group, do, true); err != nil {
				return err
			}
		}
		return nil
	}, others)
}

func TestIAMItselfKeepsRemediesFromWhatDidNotOptIn(t *testing.T) {
	r := newTrial(t, theRecovery(t))
	drivers := installation.Open(r.without(""), "none", names.SettingsParameter, slog.New(slog.DiscardHandler)).Remedies.Drivers
	shop := r.newSite(2, map[string]string{"davit/other": "default"})
	for _, try := range []struct {
		on workload.Reference
		do settings.Do
	}{{shop.service, settings.Restart}, {shop.service, settings.ScaleOut}, {shop.hosts[0], settings.Drain}, {shop.hosts[0], settings.ReplaceHosts},
		{shop.group, settings.ScaleOut}} {
		if _, err := step(t.Context(), drivers[try.on.Kind()], try.on, try.do, false); !isDenied(err) {
			t.Errorf("%s of %s is answered with %v", try.do, try.on, err)
		}
	}
}

func TestScalingNeedsItsRoleAndNothingElse(t *testing.T) {
	newTrial(t, synthesised[local][scalingStack]).prove(func(r *trial, as aws.Config) error {
		ctx, davit := r.t.Context(), installation.OpenScaling(as, "none", names.SettingsParameter, slog.New(slog.DiscardHandler))
		shop := r.newSite(2, map[string]string{names.TagScaling: "min=1 max=10 hosts=4"})
		subject := scaling.Subject{Workload: shop.service, Hosts: true, Alarms: []ledger.ScalingAlarm{{Name: shop.name, ARN: shop.alarm}}}
		_, err := davit.Counts.AlarmTags(ctx, shop.alarm)
		if err != nil {
			return err
		}
		for _, err := range davit.Fleet(ctx) {
			if err != nil {
				return err
			}
		}
		// A service that names no capacity provider has that of its cluster.
		_, err = ecs.NewFromConfig(r.root).CreateService(ctx, &ecs.CreateServiceInput{Cluster: &shop.name, ServiceName: aws.String("other"),
			TaskDefinition: &shop.name, DesiredCount: aws.Int32(0), Tags: []types.Tag{{Key: aws.String(names.TagScaling), Value: aws.String("max=2")}}})
		r.must(err)
		other, err := workload.ECSService(shop.name, "other")
		r.must(err)
		seen, err := davit.Counts.Observe(ctx, []scaling.Subject{subject, {Workload: other, Hosts: true}})
		if err != nil {
			return err
		}
		if hosts := seen[shop.service].Hosts; hosts == nil || len(seen[shop.service].Alarms) != 1 {
			return errors.New("the hosts and the alarm are not seen")
		}
		three := 3
		group := scaling.Subject{Workload: shop.group}
		ofGroup, err := davit.Groups.Observe(ctx, []scaling.Subject{group})
		return errors.Join(err,
			davit.Counts.Set(ctx, seen[shop.service], ledger.LeverCount, "", ledger.Extent{Count: &three}),
			davit.Counts.Set(ctx, seen[shop.service], ledger.LeverHosts, shop.name, ledger.Extent{Count: &three, Max: 4}),
			davit.Groups.Set(ctx, ofGroup[shop.group], ledger.LeverCount, "", ledger.Extent{Count: &three}),
			davit.Groups.Set(ctx, ofGroup[shop.group], ledger.LeverBounds, "", ledger.Extent{Min: 1, Max: 4}))
	}, usedElsewhere)
}
