// Package hashjobs is the stack davit-hashjobs: what does hash jobs. It stands alone: it needs no VPC and no other stack.
//
// Jobs reach the function through its queue: messages, events of the bus, and documents that are put into the bucket; or by
// direct invocation. What is larger than an invocation can read is done in pieces by a state machine. A job that is wrong
// ends in the dead-letter queue with its reason.
package hashjobs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// HashJobsProps are the properties of the stack.
type HashJobsProps struct {
	// Configuration is the installation, with Configuration.HashJobs.
	Configuration *config.Configuration
	// Functions is the folder with the built functions, as ARCH/NAME/bootstrap with ARCH amd64 or arm64.
	Functions string
}

// HashJobs is the stack.
type HashJobs struct {
	foundation.Intake
	Table    awsdynamodb.Table
	Bucket   awss3.Bucket
	Key      awskms.Key
	Bus      awsevents.IEventBus
	Function awslambda.Function
}

// The prefixes of the bucket's keys, as the function has them.
const (
	documentsPrefix = "jobs/"
	resultsPrefix   = "results/"
	workPrefix      = "work/"
	anchorsPrefix   = "anchors/"
)

// NewHashJobs makes the stack. It panics where the configuration was not validated or the function was not built, as
// constructs do.
func NewHashJobs(scope constructs.Construct, id *string, props *HashJobsProps) *HashJobs {
	configuration := props.Configuration
	settings := configuration.HashJobs
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration, "davit: what does hash jobs"))
	made := &HashJobs{Intake: foundation.NewIntake(stack, foundation.IntakeProps{
		Queue: names.HashJobQueue, DeadLetterQueue: names.HashJobDeadLetterQueue,
		TimeoutSeconds: settings.TimeoutSeconds, MaximumReceives: settings.MaximumReceives,
	})}
	made.Table = newTable(stack, configuration)
	made.Bucket = newBucket(stack, configuration)
	made.Key = newKey(stack, configuration)
	made.Bus = newBus(stack, configuration)
	made.Function = newFunction(made, configuration, props.Functions)
	newMachine(made, configuration)
	addRules(made)
	made.AddAlarms(foundation.Topic(stack, configuration), made.Function, names.HashJobFunction)
	return made
}

// newTable keeps the jobs' records.
func newTable(stack awscdk.Stack, configuration *config.Configuration) awsdynamodb.Table {
	table := awsdynamodb.NewTable(stack, jsii.String("Jobs"), &awsdynamodb.TableProps{
		TableName: jsii.String(names.HashJobTable),
		PartitionKey: &awsdynamodb.Attribute{
			Name: jsii.String(names.TablePartitionKey), Type: awsdynamodb.AttributeType_STRING,
		},
		SortKey: &awsdynamodb.Attribute{
			Name: jsii.String(names.TableSortKey), Type: awsdynamodb.AttributeType_STRING,
		},
		TimeToLiveAttribute: jsii.String(names.TableTimeToLive),
		BillingMode:         awsdynamodb.BillingMode_PAY_PER_REQUEST,
		Encryption:          awsdynamodb.TableEncryption_AWS_MANAGED,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
		},
		DeletionProtection: jsii.Bool(configuration.Removal == config.Retain),
		RemovalPolicy:      foundation.RemovalPolicy(configuration.Removal),
	})
	foundation.AcceptFindings(table, map[string]string{
		"CKV_AWS_119": "It is encrypted by a KMS key of AWS, which the account can audit.",
	})
	return table
}

// newBucket makes the bucket. It has Object Lock, and no retention by default: what anchors write is locked object by
// object, for the time that each of them asks for.
func newBucket(stack awscdk.Stack, configuration *config.Configuration) awss3.Bucket {
	bucket := awss3.NewBucket(stack, jsii.String("Bucket"), &awss3.BucketProps{
		BucketName:         jsii.String(names.HashJobBucket(configuration.Account, configuration.Region)),
		Versioned:          jsii.Bool(true),
		ObjectLockEnabled:  jsii.Bool(true),
		EventBridgeEnabled: jsii.Bool(false),
		EnforceSSL:         jsii.Bool(true),
		MinimumTLSVersion:  jsii.Number(1.2),
		Encryption:         awss3.BucketEncryption_S3_MANAGED,
		BlockPublicAccess:  awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:    awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		RemovalPolicy:      foundation.RemovalPolicy(configuration.Removal),
		LifecycleRules: &[]*awss3.LifecycleRule{
			{
				Id:                                  jsii.String("stale-uploads"),
				AbortIncompleteMultipartUploadAfter: awscdk.Duration_Days(jsii.Number(configuration.HashJobs.WorkDays)),
			},
			{
				Id:                          jsii.String("work"),
				Prefix:                      jsii.String(workPrefix),
				Expiration:                  awscdk.Duration_Days(jsii.Number(configuration.HashJobs.WorkDays)),
				NoncurrentVersionExpiration: awscdk.Duration_Days(jsii.Number(1)),
			},
		},
	})
	foundation.AcceptFindings(bucket, map[string]string{
		"CKV_AWS_18": "Access logs need a bucket of another stack; what a job read and wrote is in its record.",
	})
	// By the property itself: the CDK's own way is a custom resource with a function of its own.
	cfn := bucket.Node().DefaultChild().(awss3.CfnBucket)
	cfn.AddPropertyOverride(jsii.String("NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled"), true)
	return bucket
}

// newKey makes the key that signs anchors. It can do nothing else.
func newKey(stack awscdk.Stack, configuration *config.Configuration) awskms.Key {
	return awskms.NewKey(stack, jsii.String("AnchorKey"), &awskms.KeyProps{
		Alias:         jsii.String(names.AnchorKeyAlias),
		Description:   jsii.String("davit: signs the roots of anchors."),
		KeySpec:       map[config.KeySpec]awskms.KeySpec{config.P256: awskms.KeySpec_ECC_NIST_P256, config.Secp256k1: awskms.KeySpec_ECC_SECG_P256K1}[configuration.HashJobs.AnchorKey],
		KeyUsage:      awskms.KeyUsage_SIGN_VERIFY,
		RemovalPolicy: foundation.RemovalPolicy(configuration.Removal),
	})
}

// newBus is the bus of the automation, or one of its own where there is none.
func newBus(stack awscdk.Stack, configuration *config.Configuration) awsevents.IEventBus {
	if configuration.Automation != nil {
		return awsevents.EventBus_FromEventBusArn(stack, jsii.String("Bus"),
			jsii.String(foundation.ARN(configuration, "events", "event-bus/"+names.Bus)))
	}
	bus := awsevents.NewEventBus(stack, jsii.String("Bus"), &awsevents.EventBusProps{
		EventBusName: jsii.String(names.Bus),
		Description:  jsii.String("What davit did and what it refused, and why."),
	})
	bus.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	return bus
}

// addRules sends requests on the bus, and documents that are put into the bucket, to the queue.
func addRules(made *HashJobs) {
	made.AddRule("RequestRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-hashjob-request"),
		Description: jsii.String("A hash job was asked for on the bus."),
		EventBus:    made.Bus,
		EventPattern: &awsevents.EventPattern{
			DetailType: jsii.Strings("Hash Job Requested"),
		},
	})
	// "EventBridge event message structure" in the S3 user guide; S3 sends to the default bus.
	made.AddRule("DocumentRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-hashjob-document"),
		Description: jsii.String("The document of a hash job was put into the bucket."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.s3"),
			DetailType: jsii.Strings("Object Created"),
			Detail: &map[string]any{
				"bucket": map[string]any{"name": []any{made.Bucket.BucketName()}},
				"object": map[string]any{"key": []any{map[string]any{"prefix": documentsPrefix}}},
			},
		},
	})
}
