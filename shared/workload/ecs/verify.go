package ecs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"golang.org/x/sync/errgroup"

	"davit/shared/rollout"
	"davit/shared/workload"
)

// check proves one thing that the tasks of a revision need. Its error is a *rollout.Refused where the thing is missing.
type check func(context.Context) error

// Verify checks side by side that the change can work: the image exists and has a platform that the task needs, and the
// execution role, the log groups and the secrets of the revision that it is made from exist. All that is missing is told
// in one *rollout.Refused; what could not be checked is an error, and one of type *rollout.Denied where IAM forbids the check.
//
// What was found is taken as found for a minute, so that workloads which share it share the call. Secrets and parameters
// of other accounts are not checked: only their own account can tell.
func (d *Driver) Verify(ctx context.Context, observation workload.Observation, change rollout.Change) error {
	from, err := d.revision(ctx, change.From)
	if err != nil {
		return fmt.Errorf("%s: verify %s: %w", observation.Workload, change.Digest, err)
	}
	checks := append(d.checks(observation, from.definition), func(ctx context.Context) error {
		return d.verifyImage(ctx, change, neededPlatform(from.definition))
	})
	results := make([]error, len(checks))
	var calls errgroup.Group
	calls.SetLimit(concurrency)
	for index, check := range checks {
		calls.Go(func() error { results[index] = check(ctx); return nil })
	}
	_ = calls.Wait()
	if err := verdict(results); err != nil {
		return fmt.Errorf("%s: verify %s: %w", observation.Workload, change.Digest, err)
	}
	return nil
}

// verdict is one refusal with every reason, if anything is missing for certain; otherwise what could not be checked.
func verdict(results []error) error {
	var reasons []string
	for _, result := range results {
		var refused *rollout.Refused
		if errors.As(result, &refused) && !slices.Contains(reasons, refused.Reason) {
			reasons = append(reasons, refused.Reason)
		}
	}
	if len(reasons) > 0 {
		return rollout.Refusef("%s", strings.Join(reasons, "; "))
	}
	return errors.Join(results...)
}

// checks are what the revision needs besides the image, each thing once.
func (d *Driver) checks(observation workload.Observation, definition *types.TaskDefinition) []check {
	var checks []check
	if role := aws.ToString(definition.ExecutionRoleArn); role != "" {
		checks = append(checks, d.proved("role "+role, func(ctx context.Context) error {
			return d.verifyRole(ctx, role)
		}))
	}
	for _, group := range logGroups(observation.Region, definition) {
		checks = append(checks, d.proved("log group "+group.region+" "+group.name, func(ctx context.Context) error {
			return d.verifyLogGroup(ctx, group)
		}))
	}
	secrets, parameters := secretSources(observation, definition)
	for _, secret := range secrets {
		checks = append(checks, d.proved("secret "+secret, func(ctx context.Context) error {
			return d.verifySecret(ctx, secret)
		}))
	}
	for _, region := range slices.Sorted(maps.Keys(parameters)) {
		for chunk := range slices.Chunk(parameters[region], parametersPerCall) {
			key := fmt.Sprint("parameters ", region, " ", chunk)
			checks = append(checks, d.proved(key, func(ctx context.Context) error {
				return d.verifyParameters(ctx, region, chunk)
			}))
		}
	}
	return checks
}

// proved skips a check that succeeded a moment ago.
func (d *Driver) proved(key string, check check) check {
	return func(ctx context.Context) error {
		_, err := d.proofs.Fetch(key, func() (struct{}, error) { return struct{}{}, check(ctx) })
		return err
	}
}

func (d *Driver) verifyRole(ctx context.Context, arn string) error {
	name := afterLast(arn, "/")
	_, err := d.clients.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if hasCode(err, missingCodes) {
		return rollout.Refusef("the execution role %s does not exist", arn)
	}
	if err != nil {
		return failed("iam:GetRole", arn, err)
	}
	return nil
}

type logGroup struct{ region, name string }

// logGroups are the groups that the awslogs driver of the containers writes to and does not make itself
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html).
func logGroups(region string, definition *types.TaskDefinition) []logGroup {
	groups := map[logGroup]bool{}
	for _, container := range definition.ContainerDefinitions {
		configuration := container.LogConfiguration
		if configuration == nil || configuration.LogDriver != types.LogDriverAwslogs ||
			strings.EqualFold(configuration.Options["awslogs-create-group"], "true") {
			continue
		}
		group := logGroup{region: configuration.Options["awslogs-region"], name: configuration.Options["awslogs-group"]}
		if group.region == "" {
			group.region = region
		}
		if group.name != "" {
			groups[group] = true
		}
	}
	return slices.SortedFunc(maps.Keys(groups), func(one, other logGroup) int {
		return strings.Compare(one.region+one.name, other.region+other.name)
	})
}

func (d *Driver) verifyLogGroup(ctx context.Context, group logGroup) error {
	// Groups are listed in the order of their names, so the group itself comes first of those that begin with its name.
	output, err := d.clients.Logs.DescribeLogGroups(ctx,
		&cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &group.name},
		func(options *cloudwatchlogs.Options) {
			if group.region != "" {
				options.Region = group.region
			}
		})
	if err != nil {
		return failed("logs:DescribeLogGroups", "*", err)
	}
	for _, listed := range output.LogGroups {
		if aws.ToString(listed.LogGroupName) == group.name {
			return nil
		}
	}
	return rollout.Refusef("the log group %s does not exist in %s", group.name, group.region)
}

// secretSources are the secrets of Secrets Manager, by ARN or name, and the SSM parameters, by region, from which the
// containers, their log drivers and the image pull get secrets
// (docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html and API_RepositoryCredentials.html). Of other
// accounts, and of the parameters that AWS itself keeps under /aws/, nothing here can tell.
func secretSources(
	observation workload.Observation, definition *types.TaskDefinition,
) (secrets []string, parameters map[string][]parameter) {
	parameters = map[string][]parameter{}
	for _, source := range valuesFrom(definition) {
		name := parseARN(source)
		isParameter := name == resourceName{} || name.service == "ssm"
		switch {
		case name == resourceName{}:
			name.region, name.account, name.resource = observation.Region, observation.Account, source
		case name.service == "secretsmanager" && name.account == observation.Account:
			secrets = append(secrets, secretARN(name))
		}
		if wanted := parameterOf(name); isParameter && name.account == observation.Account &&
			!strings.HasPrefix(wanted.name, "/aws/") {
			parameters[name.region] = append(parameters[name.region], wanted)
		}
	}
	for region, wanted := range parameters {
		slices.SortFunc(wanted, func(a, b parameter) int { return strings.Compare(a.name+a.orElse, b.name+b.orElse) })
		parameters[region] = slices.Compact(wanted)
	}
	secrets = append(secrets, credentials(observation, definition)...)
	slices.Sort(secrets)
	return slices.Compact(secrets), parameters
}

// valuesFrom are the sources of the containers' secrets: the ARN of a secret, with the JSON key and version after it, or
// the ARN of a parameter or, in the same region, its name.
func valuesFrom(definition *types.TaskDefinition) []string {
	var sources []string
	for _, container := range definition.ContainerDefinitions {
		secrets := container.Secrets
		if container.LogConfiguration != nil {
			secrets = slices.Concat(secrets, container.LogConfiguration.SecretOptions)
		}
		for _, secret := range secrets {
			if source := aws.ToString(secret.ValueFrom); source != "" {
				sources = append(sources, source)
			}
		}
	}
	return sources
}

// credentials are the secrets for pulling images: the ARN of a secret or, in the same region, its name.
func credentials(observation workload.Observation, definition *types.TaskDefinition) []string {
	var secrets []string
	for _, container := range definition.ContainerDefinitions {
		if container.RepositoryCredentials == nil {
			continue
		}
		secret := aws.ToString(container.RepositoryCredentials.CredentialsParameter)
		name := parseARN(secret)
		if secret != "" && (name == resourceName{} || name.account == observation.Account) {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

// secretARN is the ARN of a secret without the JSON key, version stage and version ID that may follow it.
func secretARN(name resourceName) string {
	kind, rest, _ := strings.Cut(name.resource, ":")
	secret, _, _ := strings.Cut(rest, ":")
	return name.with("secretsmanager", kind+":"+secret)
}

// parameter is an SSM parameter by its name. The ARN writes a name as parameter/NAME, with or without the slash that it begins
// with, so that of one without another slash both names are meant
// (docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html).
type parameter struct{ name, orElse string }

// parameterOf reads a parameter's ARN, or what is the name already, without the version or label that may follow it. Names
// with a path begin with a slash.
func parameterOf(name resourceName) parameter {
	path, isARN := strings.CutPrefix(name.resource, "parameter/")
	path, _, _ = strings.Cut(path, ":")
	switch {
	case !isARN:
		return parameter{name: path}
	case strings.Contains(path, "/"):
		return parameter{name: "/" + path}
	}
	return parameter{name: path, orElse: "/" + path}
}

func (d *Driver) verifySecret(ctx context.Context, secret string) error {
	region := parseARN(secret).region
	output, err := d.clients.Secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret},
		func(options *secretsmanager.Options) {
			if region != "" {
				options.Region = region
			}
		})
	if hasCode(err, missingCodes) {
		return rollout.Refusef("the secret %s does not exist", secret)
	}
	if err != nil {
		return failed("secretsmanager:DescribeSecret", resource(secret), err)
	}
	if output.DeletedDate != nil {
		return rollout.Refusef("the secret %s is scheduled for deletion", secret)
	}
	return nil
}

// resource is a secret in an IAM statement.
func resource(secret string) string {
	if (parseARN(secret) == resourceName{}) {
		return "arn:aws:secretsmanager:*:*:secret:" + secret + "-*"
	}
	return secret
}

const (
	// parametersPerFilter is how many names a filter of DescribeParameters takes, and how many it answers in a call.
	parametersPerFilter = 50
	// parametersPerCall leaves room for two names of each.
	parametersPerCall = parametersPerFilter / 2
)

// verifyParameters asks for the names of parameters, at most parametersPerCall, and never for their values.
func (d *Driver) verifyParameters(ctx context.Context, region string, wanted []parameter) error {
	var names []string
	for _, one := range wanted {
		if names = append(names, one.name); one.orElse != "" {
			names = append(names, one.orElse)
		}
	}
	found := map[string]bool{}
	input := &ssm.DescribeParametersInput{
		MaxResults: aws.Int32(parametersPerFilter),
		ParameterFilters: []ssmtypes.ParameterStringFilter{{
			Key: aws.String("Name"), Option: aws.String("Equals"), Values: names,
		}},
	}
	const maximumPages = 10
	for range maximumPages {
		output, err := d.clients.SSM.DescribeParameters(ctx, input, func(options *ssm.Options) {
			if region != "" {
				options.Region = region
			}
		})
		if err != nil {
			return failed("ssm:DescribeParameters", "*", err)
		}
		for _, parameter := range output.Parameters {
			found[aws.ToString(parameter.Name)] = true
		}
		if aws.ToString(output.NextToken) == "" {
			break
		}
		input.NextToken = output.NextToken
	}
	var missing []string
	for _, one := range wanted {
		if !found[one.name] && !found[one.orElse] {
			missing = append(missing, one.name)
		}
	}
	if len(missing) > 0 {
		return rollout.Refusef("the SSM parameter %s does not exist", strings.Join(missing, ", "))
	}
	return nil
}
