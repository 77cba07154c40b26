package stacks

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

var errGone = errors.New("its service does not know it")

// probes are the questions to the services whose resources davit's work depends on.
func probes(configuration aws.Config) map[string]Probe {
	found := map[string]Probe{
		"AWS::CloudWatch::Alarm":          alarm(cloudwatch.NewFromConfig(configuration)),
		"AWS::DynamoDB::Table":            table(dynamodb.NewFromConfig(configuration)),
		"AWS::ECR::Repository":            repository(ecr.NewFromConfig(configuration)),
		"AWS::IAM::Role":                  role(iam.NewFromConfig(configuration)),
		"AWS::KMS::Key":                   key(kms.NewFromConfig(configuration)),
		"AWS::Lambda::Function":           function(lambda.NewFromConfig(configuration)),
		"AWS::Lambda::EventSourceMapping": mapping(lambda.NewFromConfig(configuration)),
		"AWS::Logs::LogGroup":             logGroup(cloudwatchlogs.NewFromConfig(configuration)),
		"AWS::S3::Bucket": bucket(s3.NewFromConfig(configuration, func(options *s3.Options) {
			options.UsePathStyle = true
		})),
		"AWS::SNS::Subscription": subscription(sns.NewFromConfig(configuration)),
		"AWS::SNS::Topic":        topic(sns.NewFromConfig(configuration)),
		"AWS::SQS::Queue":        queue(sqs.NewFromConfig(configuration)),
		"AWS::SSM::Parameter":    parameter(ssm.NewFromConfig(configuration)),

		"AWS::StepFunctions::StateMachine": stateMachine(sfn.NewFromConfig(configuration)),
	}
	addECSProbes(found, configuration)
	addEventProbes(found, configuration)
	return found
}

func alarm(client *cloudwatch.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		answer, err := client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
			AlarmNames: []string{created.PhysicalID},
			AlarmTypes: []cloudwatchtypes.AlarmType{cloudwatchtypes.AlarmTypeMetricAlarm},
		})
		if err != nil {
			return err
		}
		if len(answer.MetricAlarms) != 1 {
			return errGone
		}
		return nil
	}
}

func table(client *dynamodb.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		answer, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &created.PhysicalID})
		if err != nil {
			return err
		}
		if status := answer.Table.TableStatus; status != dynamodbtypes.TableStatusActive {
			return fmt.Errorf("the table is %s", status)
		}
		return nil
	}
}

func repository(client *ecr.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		answer, err := client.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{
			RepositoryNames: []string{created.PhysicalID},
		})
		if err != nil {
			return err
		}
		if len(answer.Repositories) != 1 {
			return errGone
		}
		return nil
	}
}

func role(client *iam.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		_, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &created.PhysicalID})
		return err
	}
}

func key(client *kms.Client) Probe {
	return func(ctx context.Context, created Created, asked Resource) error {
		answer, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &created.PhysicalID})
		if err != nil {
			return err
		}
		if spec := asked.Properties["KeySpec"]; spec != nil && spec != string(answer.KeyMetadata.KeySpec) {
			return fmt.Errorf("the key is a %s", answer.KeyMetadata.KeySpec)
		}
		return nil
	}
}

func stateMachine(client *sfn.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		_, err := client.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &created.PhysicalID})
		return err
	}
}

func function(client *lambda.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		answer, err := client.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &created.PhysicalID})
		if err != nil {
			return err
		}
		if answer.Configuration.CodeSize == 0 {
			return errors.New("the function has no code")
		}
		return nil
	}
}

func mapping(client *lambda.Client) Probe {
	return func(ctx context.Context, created Created, asked Resource) error {
		answer, err := client.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &created.PhysicalID})
		if err != nil {
			return err
		}
		if asked.Properties["Enabled"] != false && aws.ToString(answer.State) != "Enabled" {
			return fmt.Errorf("the mapping is %s", aws.ToString(answer.State))
		}
		return nil
	}
}

func logGroup(client *cloudwatchlogs.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		answer, err := client.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{
			LogGroupNamePrefix: &created.PhysicalID,
		})
		if err != nil {
			return err
		}
		for _, group := range answer.LogGroups {
			if aws.ToString(group.LogGroupName) == created.PhysicalID {
				return nil
			}
		}
		return errGone
	}
}

func bucket(client *s3.Client) Probe {
	return func(ctx context.Context, created Created, asked Resource) error {
		_, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &created.PhysicalID})
		if err != nil || asked.Properties["ObjectLockEnabled"] != true {
			return err
		}
		_, err = client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &created.PhysicalID})
		return err
	}
}

func subscription(client *sns.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		_, err := client.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{
			SubscriptionArn: &created.PhysicalID,
		})
		return err
	}
}

func topic(client *sns.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		_, err := client.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &created.PhysicalID})
		return err
	}
}

func queue(client *sqs.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		_, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &created.PhysicalID})
		return err
	}
}

func parameter(client *ssm.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		_, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &created.PhysicalID})
		return err
	}
}
