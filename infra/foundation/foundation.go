// Package foundation turns what every stack shares of a configuration into the CDK's terms.
package foundation

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
)

// RolePath is the IAM path of the roles that tasks of the platform's services have. The rollout function is allowed to
// pass the roles below it by default, since a path is known before its roles are.
const RolePath = "/davit/"

// StackProps are the properties of a stack of the installation: its account and region, so that nothing is looked up,
// and protection from deletion in an installation that retains its data.
func StackProps(configuration *config.Configuration, description string) *awscdk.StackProps {
	return &awscdk.StackProps{
		Env: &awscdk.Environment{
			Account: jsii.String(configuration.Account),
			Region:  jsii.String(configuration.Region),
		},
		Description:           jsii.String(description),
		TerminationProtection: jsii.Bool(configuration.Removal == config.Retain),
	}
}

// Tag puts the installation's tags on everything below the scope.
func Tag(scope constructs.IConstruct, configuration *config.Configuration) {
	tags := awscdk.Tags_Of(scope)
	for _, key := range TagKeys(configuration) {
		tags.Add(jsii.String(key), jsii.String(tagValue(configuration, key)), nil)
	}
}

// Untag keeps the installation's tags off the construct, for what must not be updated when a tag changes.
func Untag(construct constructs.IConstruct, configuration *config.Configuration) {
	tags := awscdk.Tags_Of(construct)
	for _, key := range TagKeys(configuration) {
		tags.Remove(jsii.String(key), nil)
	}
}

// TagKeys are the keys of the installation's tags, in order.
func TagKeys(configuration *config.Configuration) []string {
	keys := slices.Collect(maps.Keys(configuration.Tags))
	keys = append(keys, "application", "environment", "owner")
	slices.Sort(keys)
	return slices.Compact(keys)
}

func tagValue(configuration *config.Configuration, key string) string {
	switch key {
	case "application":
		return "davit"
	case "environment":
		return configuration.Environment
	case "owner":
		return configuration.Owner
	}
	return configuration.Tags[key]
}

// RemovalPolicy is what becomes of data when its stack is deleted or its resource is replaced.
func RemovalPolicy(removal config.Removal) awscdk.RemovalPolicy {
	if removal == config.Destroy {
		return awscdk.RemovalPolicy_DESTROY
	}
	return awscdk.RemovalPolicy_RETAIN
}

// AcceptLint has cfn-lint leave out a rule for the one resource that the construct is. The caller says why in a comment.
func AcceptLint(construct constructs.IConstruct, rule string) {
	resource := construct.Node().DefaultChild().(awscdk.CfnResource)
	resource.AddMetadata(jsii.String("cfn-lint"), map[string]any{
		"config": map[string]any{"ignore_checks": []string{rule}},
	})
}

// ARN is the ARN of a resource of the installation's account and region; path is what follows the account.
func ARN(configuration *config.Configuration, service, path string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", *awscdk.Aws_PARTITION(), service, configuration.Region,
		configuration.Account, path)
}

// RoleARN is the ARN of a role of the installation's account, which has no region; path starts with "role/".
func RoleARN(configuration *config.Configuration, path string) string {
	return fmt.Sprintf("arn:%s:iam::%s:%s", *awscdk.Aws_PARTITION(), configuration.Account, path)
}

// Allow is a statement of a policy that allows the actions on one resource.
func Allow(sid, resource string, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:       jsii.String(sid),
		Actions:   jsii.Strings(actions...),
		Resources: jsii.Strings(resource),
	})
}

// LogGroupProps are a log group that keeps its events for so many days, one of config.LogDays.
func LogGroupProps(configuration *config.Configuration, name string, days int) *awslogs.LogGroupProps {
	return &awslogs.LogGroupProps{
		LogGroupName:  jsii.String(name),
		Retention:     retentions[days],
		RemovalPolicy: RemovalPolicy(configuration.Removal),
	}
}

// retentions are the CDK's names of config.LogDays.
var retentions = map[int]awslogs.RetentionDays{
	1:    awslogs.RetentionDays_ONE_DAY,
	3:    awslogs.RetentionDays_THREE_DAYS,
	5:    awslogs.RetentionDays_FIVE_DAYS,
	7:    awslogs.RetentionDays_ONE_WEEK,
	14:   awslogs.RetentionDays_TWO_WEEKS,
	30:   awslogs.RetentionDays_ONE_MONTH,
	60:   awslogs.RetentionDays_TWO_MONTHS,
	90:   awslogs.RetentionDays_THREE_MONTHS,
	120:  awslogs.RetentionDays_FOUR_MONTHS,
	150:  awslogs.RetentionDays_FIVE_MONTHS,
	180:  awslogs.RetentionDays_SIX_MONTHS,
	365:  awslogs.RetentionDays_ONE_YEAR,
	400:  awslogs.RetentionDays_THIRTEEN_MONTHS,
	545:  awslogs.RetentionDays_EIGHTEEN_MONTHS,
	731:  awslogs.RetentionDays_TWO_YEARS,
	1096: awslogs.RetentionDays_THREE_YEARS,
	1827: awslogs.RetentionDays_FIVE_YEARS,
	2192: awslogs.RetentionDays_SIX_YEARS,
	2557: awslogs.RetentionDays_SEVEN_YEARS,
	2922: awslogs.RetentionDays_EIGHT_YEARS,
	3288: awslogs.RetentionDays_NINE_YEARS,
	3653: awslogs.RetentionDays_TEN_YEARS,
}
