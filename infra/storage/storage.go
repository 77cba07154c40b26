// Package storage is the stack davit-storage: versioned buckets whose objects age by class.
package storage

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
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
}

// Storage is the stack.
type Storage struct {
	Stack awscdk.Stack
	// Buckets are the buckets by their name in the configuration.
	Buckets map[string]awss3.Bucket
}

// staleUploadDays is after how many days an upload in parts that nobody finished is given up.
const staleUploadDays = 7

// NewStorage makes the stack.
func NewStorage(scope constructs.Construct, id *string, props *StorageProps) *Storage {
	configuration := props.Configuration
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration,
		"davit: versioned buckets whose objects age by class"))
	storage := &Storage{Stack: stack, Buckets: map[string]awss3.Bucket{}}
	for _, bucket := range configuration.Storage.Buckets {
		storage.Buckets[bucket.Name] = newBucket(stack, configuration, bucket)
	}
	return storage
}

// BucketName is the bucket's name among all of AWS's.
func BucketName(configuration *config.Configuration, name string) string {
	return fmt.Sprintf("davit-%s-%s-%s", name, configuration.Account, configuration.Region)
}

func newBucket(stack awscdk.Stack, configuration *config.Configuration, settings config.Bucket) awss3.Bucket {
	return awss3.NewBucket(stack, jsii.String("Bucket-"+settings.Name), &awss3.BucketProps{
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
				Transitions: transitions(settings.Class),
			},
		},
	})
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

// transitions are the steps of a storage class. Flexible Retrieval bills at least 90 days, so Deep Archive follows 90
// days after it.
func transitions(class config.StorageClass) *[]*awss3.Transition {
	step := func(to awss3.StorageClass, days float64) *awss3.Transition {
		return &awss3.Transition{StorageClass: to, TransitionAfter: awscdk.Duration_Days(jsii.Number(days))}
	}
	switch class {
	case config.Reproducible:
		return &[]*awss3.Transition{step(awss3.StorageClass_ONE_ZONE_INFREQUENT_ACCESS(), 30)}
	case config.Archive:
		return &[]*awss3.Transition{
			step(awss3.StorageClass_GLACIER_INSTANT_RETRIEVAL(), 0),
			step(awss3.StorageClass_GLACIER(), 90),
			step(awss3.StorageClass_DEEP_ARCHIVE(), 180),
		}
	}
	return &[]*awss3.Transition{step(awss3.StorageClass_INFREQUENT_ACCESS(), 30)}
}
