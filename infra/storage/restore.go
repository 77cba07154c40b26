package storage

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// restoreTimeout is how many seconds the function may work: as long as Lambda lets it, since an object of 5 TiB is copied in
// parts.
const restoreTimeout = 900

// addRestore makes the function that hears of every archive that opens, with its queue.
func addRestore(storage *Storage, configuration *config.Configuration, functions string) {
	settings := configuration.Storage.Restore
	intake := foundation.NewIntake(storage.Stack, foundation.IntakeProps{
		Prefix: "Restore", Queue: names.RestoreQueue, DeadLetterQueue: names.RestoreDeadLetterQueue,
		TimeoutSeconds: restoreTimeout, MaximumReceives: config.DefaultReceives,
	})
	intake.NewFunction(configuration, foundation.FunctionProps{
		Name:         names.RestoreFunction,
		Folder:       "restore",
		Description:  "Completes restores of objects whose archive has opened.",
		Functions:    functions,
		Architecture: settings.Architecture,
		Memory:       256,
		LogLevel:     config.Info,
		LogDays:      settings.LogDays,
		Role:         func(logs awslogs.LogGroup) awsiam.IRole { return restoreRole(storage, configuration, logs, intake) },
		Environment: map[string]*string{
			names.EnvironmentQueueURL:           intake.Queue.QueueUrl(),
			names.EnvironmentDeadLetterQueueURL: intake.DeadLetterQueue.QueueUrl(),
		},
	}, 1, 10)
	addRestoreRule(storage, intake)
}

// addRestoreRule sends the event of S3's for every archive of the installation's buckets that opens to the queue.
func addRestoreRule(storage *Storage, intake foundation.Intake) {
	var buckets []string
	for _, name := range slices.Sorted(maps.Keys(storage.Buckets)) {
		buckets = append(buckets, *storage.Buckets[name].BucketName())
	}
	intake.AddRule("RestoreRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-restore"),
		Description: jsii.String("The archive of an object has opened."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.s3"),
			DetailType: jsii.Strings("Object Restore Completed"),
			Detail:     &map[string]any{"bucket": map[string]any{"name": buckets}},
		},
	})
}

// restoreRole makes the function's own role: it reads and copies versions within the installation's buckets, and removes
// nothing.
func restoreRole(storage *Storage, configuration *config.Configuration, logs awslogs.LogGroup, intake foundation.Intake,
) awsiam.IRole {
	var objects []string
	for _, name := range slices.Sorted(maps.Keys(storage.Buckets)) {
		objects = append(objects, *storage.Buckets[name].ArnForObjects(jsii.String("*")))
	}
	statements := []awsiam.PolicyStatement{
		foundation.Allow("Log", *logs.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents"),
		foundation.Allow("Queue", *intake.Queue.QueueArn(), "sqs:ChangeMessageVisibility", "sqs:DeleteMessage",
			"sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
		foundation.Allow("DeadLetters", *intake.DeadLetterQueue.QueueArn(), "sqs:SendMessage"),
		awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid: jsii.String("Copy"),
			Actions: jsii.Strings("s3:AbortMultipartUpload", "s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion",
				"s3:GetObjectVersionTagging", "s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
			Resources: jsii.Strings(objects...),
		}),
	}
	if keys := keyARNs(storage, configuration); len(keys) > 0 {
		statements = append(statements, awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid: jsii.String("Keys"), Actions: jsii.Strings("kms:Decrypt", "kms:GenerateDataKey"), Resources: jsii.Strings(keys...),
		}))
	}
	role := awsiam.NewRole(storage.Stack, jsii.String("RestoreRole"), &awsiam.RoleProps{
		Description: jsii.String("What the function " + names.RestoreFunction + " may do."),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"own": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	})
	return role.WithoutPolicyUpdates(nil)
}

// keyARNs are the keys of the buckets, each once.
func keyARNs(storage *Storage, configuration *config.Configuration) []string {
	var keys []string
	for _, bucket := range configuration.Storage.Buckets {
		switch bucket.KMSKey {
		case "":
		case config.OwnKey:
			keys = append(keys, *storage.key.KeyArn())
		default:
			keys = append(keys, bucket.KMSKey)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
