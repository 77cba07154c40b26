package automation

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// addRules sends what may concern a workload from the account's default bus to the queue, whole and as AWS sent it. The
// function looks again at what is so now, so these filters only spare it what can never matter.
func addRules(made *Automation, configuration *config.Configuration) {
	// "Amazon ECR events and EventBridge" in the ECR user guide.
	addPatternRule(made, "ImageRule", "davit-image", "An image was pushed or replicated.", &awsevents.EventPattern{
		Source:     jsii.Strings("aws.ecr"),
		DetailType: jsii.Strings("ECR Image Action", "ECR Replication Action"),
		Detail: &map[string]any{
			"action-type": []string{"PUSH", "REPLICATE"},
			"result":      []string{"SUCCESS"},
		},
	})
	addPatternRule(made, "PullThroughRule", "davit-pull-through", "An image came through a pull-through cache rule.",
		&awsevents.EventPattern{
			Source:     jsii.Strings("aws.ecr"),
			DetailType: jsii.Strings("ECR Pull Through Cache Action"),
			Detail:     &map[string]any{"sync-status": []string{"SUCCESS"}},
		})
	if len(configuration.Automation.PublicRepositories) > 0 {
		addPatternRule(made, "PublicImageRule", "davit-public-image", "An image was pushed to a public repository.",
			foundation.PublicPush())
	}
	// "Amazon ECS service deployment state change events" in the ECS developer guide.
	addPatternRule(made, "DeploymentRule", "davit-deployment", "A deployment of an ECS service went on or ended.",
		&awsevents.EventPattern{
			Source:     jsii.Strings("aws.ecs"),
			DetailType: jsii.Strings("ECS Deployment State Change"),
		})
	// "Amazon ECS service action events" in the ECS developer guide.
	addPatternRule(made, "ServiceRule", "davit-service", "An ECS service became steady, or cannot start its tasks.",
		&awsevents.EventPattern{
			Source:     jsii.Strings("aws.ecs"),
			DetailType: jsii.Strings("ECS Service Action"),
		})
	// "Tag change events" in the guide to tagging AWS resources: opting in, and a hold that ends, count at once.
	addPatternRule(made, "TagRule", "davit-tag", "A service opted in or out, or its tags for davit changed.",
		&awsevents.EventPattern{
			Source:     jsii.Strings("aws.tag"),
			DetailType: jsii.Strings("Tag Change on Resource"),
			Detail: &map[string]any{
				"service":       []string{"ecs"},
				"resource-type": []string{"service"},
				"changed-tag-keys": []string{
					names.TagPolicy, names.TagHold, names.TagContainer, names.TagRepository,
				},
			},
		})
	made.AddRule("SweepRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-sweep"),
		Description: jsii.String("Every workload is looked at, whatever events were lost."),
		Schedule: awsevents.Schedule_Rate(
			awscdk.Duration_Minutes(jsii.Number(configuration.Automation.SweepMinutes))),
	})
}

func addPatternRule(made *Automation, id, name, description string, pattern *awsevents.EventPattern) {
	made.AddRule(id, &awsevents.RuleProps{
		RuleName:     jsii.String(name),
		Description:  jsii.String(description),
		EventPattern: pattern,
	})
}
