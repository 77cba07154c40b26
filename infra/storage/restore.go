package storage

import (
	"maps"
	"path/filepath"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
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
	stack := storage.Stack
	settings := configuration.Storage.Restore
	deadLetters := newQueue(stack, "RestoreDeadLetterQueue", names.RestoreDeadLetterQueue, nil)
	queue := newQueue(stack, "RestoreQueue", names.RestoreQueue, &awssqs.DeadLetterQueue{
		Queue: deadLetters, MaxReceiveCount: jsii.Number(6),
	})
	logs := foundation.NewLogGroup(stack, jsii.String("RestoreLog"), configuration,
		"/aws/lambda/"+names.RestoreFunction, settings.LogDays)
	function := awslambda.NewFunction(stack, jsii.String("RestoreFunction"), &awslambda.FunctionProps{
		FunctionName:          jsii.String(names.RestoreFunction),
		Description:           jsii.String("Completes restores of objects whose archive has opened."),
		Runtime:               awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:          architecture(settings.Architecture),
		Handler:               jsii.String("bootstrap"),
		Code:                  awslambda.Code_FromAsset(jsii.String(filepath.Join(functions, settings.Architecture.GOARCH(), "restore")), nil),
		MemorySize:            jsii.Number(256),
		Timeout:               awscdk.Duration_Seconds(jsii.Number(restoreTimeout)),
		Role:                  restoreRole(storage, configuration, logs, queue, deadLetters),
		LogGroup:              logs,
		LoggingFormat:         awslambda.LoggingFormat_JSON,
		ApplicationLogLevelV2: awslambda.ApplicationLogLevel_INFO,
		Environment: &map[string]*string{
			names.EnvironmentQueueURL:           queue.QueueUrl(),
			names.EnvironmentDeadLetterQueueURL: deadLetters.QueueUrl(),
		},
	})
	function.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	// The CDK has each function depend on its role, which it refers to as well.
	foundation.AcceptLint(function, "W3005")
	foundation.AcceptQueueFunction(function, 0)
	function.AddEventSourceMapping(jsii.String("Queue"), &awslambda.EventSourceMappingOptions{
		EventSourceArn: queue.QueueArn(), BatchSize: jsii.Number(1), MaxConcurrency: jsii.Number(10),
		ReportBatchItemFailures: jsii.Bool(true),
	})
	addRestoreRule(storage, queue, deadLetters)
}

// newQueue makes a queue; one without dead letters of its own keeps its messages for as long as SQS can.
func newQueue(stack awscdk.Stack, id, name string, deadLetters *awssqs.DeadLetterQueue) awssqs.Queue {
	props := &awssqs.QueueProps{
		QueueName:       jsii.String(name),
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		DeadLetterQueue: deadLetters,
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
		RemovalPolicy:   awscdk.RemovalPolicy_DESTROY,
	}
	if deadLetters != nil {
		props.VisibilityTimeout = awscdk.Duration_Seconds(jsii.Number(6 * restoreTimeout))
		props.RetentionPeriod = awscdk.Duration_Days(jsii.Number(4))
	}
	queue := awssqs.NewQueue(stack, jsii.String(id), props)
	foundation.AcceptFindings(queue, foundation.EncryptedBySQS)
	return queue
}

// addRestoreRule sends the event of S3's for every archive of the installation's buckets that opens to the queue.
func addRestoreRule(storage *Storage, queue, deadLetters awssqs.Queue) {
	var buckets []string
	for _, name := range slices.Sorted(maps.Keys(storage.Buckets)) {
		buckets = append(buckets, *storage.Buckets[name].BucketName())
	}
	rule := awsevents.NewRule(storage.Stack, jsii.String("RestoreRule"), &awsevents.RuleProps{
		RuleName:    jsii.String("davit-restore"),
		Description: jsii.String("The archive of an object has opened."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.s3"),
			DetailType: jsii.Strings("Object Restore Completed"),
			Detail:     &map[string]any{"bucket": map[string]any{"name": buckets}},
		},
	})
	rule.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	rule.AddTarget(awseventstargets.NewSqsQueue(queue, &awseventstargets.SqsQueueProps{
		DeadLetterQueue: deadLetters,
		MaxEventAge:     awscdk.Duration_Hours(jsii.Number(24)),
		RetryAttempts:   jsii.Number(185),
	}))
}

// restoreRole makes the function's own role: it reads and copies versions within the installation's buckets, and removes
// nothing.
func restoreRole(storage *Storage, configuration *config.Configuration, logs awslogs.LogGroup,
	queue, deadLetters awssqs.Queue,
) awsiam.IRole {
	var objects []string
	for _, name := range slices.Sorted(maps.Keys(storage.Buckets)) {
		objects = append(objects, *storage.Buckets[name].ArnForObjects(jsii.String("*")))
	}
	statements := []awsiam.PolicyStatement{
		foundation.Allow("Log", *logs.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents"),
		foundation.Allow("Queue", *queue.QueueArn(), "sqs:ChangeMessageVisibility", "sqs:DeleteMessage",
			"sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
		foundation.Allow("DeadLetters", *deadLetters.QueueArn(), "sqs:SendMessage"),
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

func architecture(architecture config.Architecture) awslambda.Architecture {
	if architecture == config.X8664 {
		return awslambda.Architecture_X86_64()
	}
	return awslambda.Architecture_ARM_64()
}
