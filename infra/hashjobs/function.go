package hashjobs

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/chain"
	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// batchSize is how many messages the function gets at once; it works on all of them side by side.
const batchSize = 10

// newFunction makes the function with its log, its role and its queue.
func newFunction(made *HashJobs, configuration *config.Configuration, functions string) awslambda.Function {
	settings := configuration.HashJobs
	return made.NewFunction(configuration, foundation.FunctionProps{
		Name:         names.HashJobFunction,
		Folder:       "hashjob",
		Description:  "Does hash jobs: digests, Merkle trees, block headers, nonces, anchors, signatures.",
		Functions:    functions,
		Architecture: settings.Architecture,
		Memory:       settings.Memory,
		LogLevel:     settings.LogLevel,
		LogDays:      settings.LogDays,
		Role:         func(logs awslogs.LogGroup) awsiam.IRole { return newRole(made, configuration, logs) },
		Environment: map[string]*string{
			names.EnvironmentTable:              made.Table.TableName(),
			names.EnvironmentBucket:             made.Bucket.BucketName(),
			names.EnvironmentBus:                jsii.String(names.Bus),
			names.EnvironmentQueueURL:           made.Queue.QueueUrl(),
			names.EnvironmentDeadLetterQueueURL: made.DeadLetterQueue.QueueUrl(),
			names.EnvironmentAnchorKey:          made.Key.KeyArn(),
			names.EnvironmentStateMachine:       jsii.String(machineARN(configuration)),
		},
	}, batchSize, settings.MaximumConcurrency)
}

// newRole makes the function's own role. All that it may do is written here; nothing else adds to it.
func newRole(made *HashJobs, configuration *config.Configuration, logs awslogs.LogGroup) awsiam.IRole {
	role := awsiam.NewRole(made.Stack, jsii.String("Role"), &awsiam.RoleProps{
		Description: jsii.String("What the function " + names.HashJobFunction + " may do."),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"own":    document(ownStatements(made, configuration, logs)),
			"bucket": document(bucketStatements(made)),
			"inputs": document(inputStatements(made, configuration)),
		},
	})
	return role.WithoutPolicyUpdates(nil)
}

func ownStatements(made *HashJobs, configuration *config.Configuration, logs awslogs.LogGroup) []awsiam.PolicyStatement {
	return append(signingStatements(configuration), []awsiam.PolicyStatement{
		allow("Log", []string{*logs.LogGroupArn()}, "logs:CreateLogStream", "logs:PutLogEvents"),
		allow("Records", []string{*made.Table.TableArn()}, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
		allow("Queue", []string{*made.Queue.QueueArn()}, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility",
			"sqs:GetQueueAttributes", "sqs:SendMessage"),
		allow("DeadLetters", []string{*made.DeadLetterQueue.QueueArn()}, "sqs:SendMessage"),
		allow("Bus", []string{foundation.ARN(configuration, "events", "event-bus/"+names.Bus)}, "events:PutEvents"),
		allow("Sign", []string{*made.Key.KeyArn()}, "kms:Sign", "kms:GetPublicKey"),
		allow("Pieces", []string{machineARN(configuration)}, "states:StartExecution"),
	}...)
}

// signingStatements are for the keys that jobs sign with, by their aliases: their stacks need not be known.
func signingStatements(configuration *config.Configuration) []awsiam.PolicyStatement {
	aliases := slices.Clone(configuration.HashJobs.SigningKeys)
	if chained := configuration.Chain; chained != nil && chained.Signing != nil && !slices.Contains(aliases, chain.SigningAlias) {
		aliases = append(aliases, chain.SigningAlias)
	}
	if len(aliases) == 0 {
		return nil
	}
	return []awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: jsii.String("SignForEthereum"), Actions: jsii.Strings("kms:GetPublicKey", "kms:Sign"),
		Resources:  jsii.Strings(foundation.ARN(configuration, "kms", "key/*")),
		Conditions: &map[string]any{"ForAnyValue:StringEquals": map[string]any{"kms:ResourceAliases": aliases}},
	})}
}

// bucketStatements are for what the function keeps. It deletes nothing, and locks only what is below the anchors.
func bucketStatements(made *HashJobs) []awsiam.PolicyStatement {
	below := func(prefixes ...string) []string {
		arns := make([]string, len(prefixes))
		for index, prefix := range prefixes {
			arns[index] = *made.Bucket.ArnForObjects(jsii.String(prefix + "*"))
		}
		return arns
	}
	return []awsiam.PolicyStatement{
		allow("Write", below(resultsPrefix, workPrefix, anchorsPrefix), "s3:PutObject"),
		allow("Lock", below(anchorsPrefix), "s3:PutObjectRetention"),
	}
}

// inputStatements are for what jobs read: the bucket itself, and those that the configuration names.
func inputStatements(made *HashJobs, configuration *config.Configuration) []awsiam.PolicyStatement {
	buckets, objects := []string{*made.Bucket.BucketArn()}, []string{*made.Bucket.ArnForObjects(jsii.String("*"))}
	for _, name := range configuration.HashJobs.InputBuckets {
		arn := "arn:" + *awscdk.Aws_PARTITION() + ":s3:::" + name
		buckets, objects = append(buckets, arn), append(objects, arn+"/*")
	}
	return []awsiam.PolicyStatement{
		allow("List", buckets, "s3:ListBucket"),
		allow("Read", objects, "s3:GetObject"),
	}
}

func allow(sid string, resources []string, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: jsii.String(sid), Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...),
	})
}

func document(statements []awsiam.PolicyStatement) awsiam.PolicyDocument {
	return awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements})
}
