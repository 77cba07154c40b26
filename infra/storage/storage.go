// Package storage is the stack davit-storage: versioned buckets whose objects age by class, and the function that completes
// restores from the archive.
package storage

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
)

// StorageProps are the properties of the stack.
type StorageProps struct {
	// Configuration is the installation, with Configuration.Storage.
	Configuration *config.Configuration
	// Functions is the folder with the built functions, as ARCH/NAME/bootstrap with ARCH amd64 or arm64.
	Functions string
}

// Storage is the stack.
type Storage struct {
	Stack awscdk.Stack
	// Buckets are the buckets by their name in the configuration.
	Buckets map[string]awss3.Bucket
	// logs gets the access logs of the others; nil without access logs.
	logs awss3.Bucket
	// key is the stack's own key; nil as long as no bucket asked for it.
	key awskms.IKey
}

// staleUploadDays is after how many days an upload in parts that nobody finished is given up.
const staleUploadDays = 7

// logs is the name, within the installation, of the bucket for access logs.
const logs = "access-logs"

// NewStorage makes the stack.
func NewStorage(scope constructs.Construct, id *string, props *StorageProps) *Storage {
	configuration := props.Configuration
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration,
		"davit: versioned buckets whose objects age by class"))
	storage := &Storage{Stack: stack, Buckets: map[string]awss3.Bucket{}}
	if *configuration.Storage.AccessLogs {
		storage.logs = newLogBucket(stack, configuration)
	}
	for _, bucket := range configuration.Storage.Buckets {
		storage.Buckets[bucket.Name] = storage.newBucket(configuration, bucket)
	}
	if configuration.Storage.Restore != nil {
		addRestore(storage, configuration, props.Functions)
	}
	return storage
}

// BucketName is the bucket's name among all of AWS's.
func BucketName(configuration *config.Configuration, name string) string {
	return fmt.Sprintf("davit-%s-%s-%s", name, configuration.Account, configuration.Region)
}

// newLogBucket makes the bucket that S3 delivers access logs to. S3 delivers to no bucket with a KMS key of its own or with
// Object Lock, and its requests are not logged in turn ("Enabling Amazon S3 server access logging" in the S3 user guide).
func newLogBucket(stack awscdk.Stack, configuration *config.Configuration) awss3.Bucket {
	bucket := awss3.NewBucket(stack, jsii.String("AccessLogs"), &awss3.BucketProps{
		BucketName:        jsii.String(BucketName(configuration, logs)),
		Versioned:         jsii.Bool(true),
		EnforceSSL:        jsii.Bool(true),
		MinimumTLSVersion: jsii.Number(1.2),
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		RemovalPolicy:     foundation.RemovalPolicy(configuration.Removal),
		LifecycleRules: &[]*awss3.LifecycleRule{
			{
				Id:                                  jsii.String("stale-uploads"),
				AbortIncompleteMultipartUploadAfter: awscdk.Duration_Days(jsii.Number(staleUploadDays)),
			},
			{
				Id:                          jsii.String("old-logs"),
				Expiration:                  awscdk.Duration_Days(jsii.Number(configuration.Storage.AccessLogDays)),
				NoncurrentVersionExpiration: awscdk.Duration_Days(jsii.Number(1)),
			},
		},
	})
	foundation.AcceptFindings(bucket, map[string]string{
		"CKV_AWS_18": "It has the access logs of the others, and S3 cannot log a bucket into itself.",
	})
	return bucket
}

func (s *Storage) newBucket(configuration *config.Configuration, settings config.Bucket) awss3.Bucket {
	props := &awss3.BucketProps{
		BucketName:        jsii.String(BucketName(configuration, settings.Name)),
		Versioned:         jsii.Bool(true),
		EnforceSSL:        jsii.Bool(true),
		MinimumTLSVersion: jsii.Number(1.2),
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		RemovalPolicy:     foundation.RemovalPolicy(configuration.Removal),
		LifecycleRules: &[]*awss3.LifecycleRule{
			{
				Id:                                  jsii.String("stale-uploads"),
				AbortIncompleteMultipartUploadAfter: awscdk.Duration_Days(jsii.Number(staleUploadDays)),
			},
			noncurrentRule(settings),
			{
				Id:          jsii.String("class-" + string(settings.Class)),
				Transitions: transitions(settings),
			},
		},
	}
	if settings.KMSKey != "" {
		// With a bucket key S3 asks KMS once for many objects, and not for each.
		props.Encryption, props.EncryptionKey = awss3.BucketEncryption_KMS, s.keyOf(configuration, settings)
		props.BucketKeyEnabled = jsii.Bool(true)
	}
	if s.logs != nil {
		props.ServerAccessLogsBucket, props.ServerAccessLogsPrefix = s.logs, jsii.String(settings.Name+"/")
	}
	if settings.ObjectLock != nil {
		props.ObjectLockEnabled, props.ObjectLockDefaultRetention = jsii.Bool(true), retention(settings.ObjectLock)
	}
	if configuration := archiveTiers(settings); configuration != nil {
		props.IntelligentTieringConfigurations = &[]*awss3.IntelligentTieringConfiguration{configuration}
	}
	bucket := awss3.NewBucket(s.Stack, jsii.String("Bucket-"+settings.Name), props)
	if s.logs == nil {
		foundation.AcceptFindings(bucket, map[string]string{
			"CKV_AWS_18": "The configuration turns access logs off, by accessLogs: false.",
		})
	}
	if configuration.Storage.Restore != nil {
		// Objects may be put into an archive one by one, whatever the class of the bucket. The CDK's own property for this brings a function of its own.
		resource := bucket.Node().DefaultChild().(awss3.CfnBucket)
		resource.SetNotificationConfiguration(&awss3.CfnBucket_NotificationConfigurationProperty{
			EventBridgeConfiguration: &awss3.CfnBucket_EventBridgeConfigurationProperty{EventBridgeEnabled: jsii.Bool(true)},
		})
	}
	return bucket
}

// keyOf is the bucket's key: the given one, or the stack's own.
func (s *Storage) keyOf(configuration *config.Configuration, settings config.Bucket) awskms.IKey {
	if settings.KMSKey != config.OwnKey {
		return awskms.Key_FromKeyArn(s.Stack, jsii.String("Key-"+settings.Name), jsii.String(settings.KMSKey))
	}
	if s.key == nil {
		s.key = awskms.NewKey(s.Stack, jsii.String("Key"), &awskms.KeyProps{
			Alias:             jsii.String("alias/davit/storage"),
			Description:       jsii.String("davit: encrypts the objects of the buckets."),
			EnableKeyRotation: jsii.Bool(true),
			RemovalPolicy:     foundation.RemovalPolicy(configuration.Removal),
		})
	}
	return s.key
}

func retention(lock *config.ObjectLock) awss3.ObjectLockRetention {
	days := awscdk.Duration_Days(jsii.Number(lock.Days))
	if lock.Mode == config.Compliance {
		return awss3.ObjectLockRetention_Compliance(days)
	}
	return awss3.ObjectLockRetention_Governance(days)
}

// noncurrentRule removes versions that were overwritten or deleted, by age and beyond a count.
func noncurrentRule(settings config.Bucket) *awss3.LifecycleRule {
	rule := &awss3.LifecycleRule{
		Id:                          jsii.String("noncurrent-versions"),
		NoncurrentVersionExpiration: awscdk.Duration_Days(jsii.Number(settings.NoncurrentDays)),
		ExpiredObjectDeleteMarker:   jsii.Bool(true),
	}
	if *settings.NoncurrentVersions > 0 {
		rule.NoncurrentVersionsToRetain = jsii.Number(*settings.NoncurrentVersions)
	}
	return rule
}

// transitions are the steps of a storage class.
func transitions(settings config.Bucket) *[]*awss3.Transition {
	step := func(to awss3.StorageClass, days int) *awss3.Transition {
		return &awss3.Transition{StorageClass: to, TransitionAfter: awscdk.Duration_Days(jsii.Number(days))}
	}
	switch settings.Class {
	case config.Reproducible:
		return &[]*awss3.Transition{step(awss3.StorageClass_ONE_ZONE_INFREQUENT_ACCESS(), 30)}
	case config.Intelligent:
		return &[]*awss3.Transition{step(awss3.StorageClass_INTELLIGENT_TIERING(), 0)}
	case config.Archive:
		steps := []*awss3.Transition{step(awss3.StorageClass_GLACIER_INSTANT_RETRIEVAL(), 0)}
		if settings.FlexibleDays > 0 {
			steps = append(steps, step(awss3.StorageClass_GLACIER(), settings.FlexibleDays))
		}
		if settings.DeepDays > 0 {
			steps = append(steps, step(awss3.StorageClass_DEEP_ARCHIVE(), settings.DeepDays))
		}
		return &steps
	}
	return &[]*awss3.Transition{step(awss3.StorageClass_INFREQUENT_ACCESS(), 30)}
}

// archiveTiers are those of Intelligent-Tiering, which objects enter by days without a read; nil without.
func archiveTiers(settings config.Bucket) *awss3.IntelligentTieringConfiguration {
	if settings.ArchiveAfterDays == 0 && settings.DeepArchiveAfterDays == 0 {
		return nil
	}
	configuration := &awss3.IntelligentTieringConfiguration{Name: jsii.String("archive")}
	if settings.ArchiveAfterDays > 0 {
		configuration.ArchiveAccessTierTime = awscdk.Duration_Days(jsii.Number(settings.ArchiveAfterDays))
	}
	if settings.DeepArchiveAfterDays > 0 {
		configuration.DeepArchiveAccessTierTime = awscdk.Duration_Days(jsii.Number(settings.DeepArchiveAfterDays))
	}
	return configuration
}
