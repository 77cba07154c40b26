package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bucketOf is the bucket of the name in the configuration.
func bucketOf(t *testing.T, configuration, name string) (string, resource) {
	t.Helper()
	account, region := configured[configuration].Account, configured[configuration].Region
	return synthesised[configuration][storageStack].with(t, "AWS::S3::Bucket", "BucketName",
		fmt.Sprintf("davit-%s-%s-%s", name, account, region))
}

func transitionsOf(bucket resource) []string {
	var found []string
	for _, rule := range list(at(bucket.Properties, "LifecycleConfiguration", "Rules")) {
		for _, transition := range list(at(rule, "Transitions")) {
			found = append(found, fmt.Sprintf("%v %v", at(transition, "StorageClass"), at(transition, "TransitionInDays")))
		}
	}
	return found
}

func TestAnArchiveHasTheTiersThatItIsGiven(t *testing.T) {
	for name, want := range map[string][]string{
		"media":  {"INTELLIGENT_TIERING 0"},
		"ledger": {"GLACIER_IR 0", "DEEP_ARCHIVE 365"},
		"cold":   {"GLACIER_IR 0", "GLACIER 90"},
	} {
		_, bucket := bucketOf(t, regional, name)
		if difference := cmp.Diff(want, transitionsOf(bucket)); difference != "" {
			t.Errorf("%s: -want +have:\n%s", name, difference)
		}
	}
	_, media := bucketOf(t, regional, "media")
	want := `[{"AccessTier":"ARCHIVE_ACCESS","Days":90},{"AccessTier":"DEEP_ARCHIVE_ACCESS","Days":180}]`
	if have := asText(at(media.Properties, "IntelligentTieringConfigurations", 0, "Tierings")); have != want {
		t.Errorf("the archive tiers are %s", have)
	}
}

func TestObjectsAreEncryptedAndLockedAsConfigured(t *testing.T) {
	key, _ := synthesised[regional][storageStack].only(t, "AWS::KMS::Key")
	given := "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	for _, test := range []struct {
		bucket string
		key    any
		mode   any
		days   any
	}{{"media", key, nil, nil}, {"ledger", key, "COMPLIANCE", 3650.0}, {"cold", given, "GOVERNANCE", 1.0}} {
		_, bucket := bucketOf(t, regional, test.bucket)
		rule := at(bucket.Properties, "BucketEncryption", "ServerSideEncryptionConfiguration", 0)
		id := at(rule, "ServerSideEncryptionByDefault", "KMSMasterKeyID")
		if id != test.key && !refersTo(id, fmt.Sprint(test.key)) || at(rule, "BucketKeyEnabled") != true {
			t.Errorf("%s is encrypted by %s", test.bucket, asText(rule))
		}
		lock := at(bucket.Properties, "ObjectLockConfiguration", "Rule", "DefaultRetention")
		if at(lock, "Mode") != test.mode || at(lock, "Days") != test.days {
			t.Errorf("%s is locked by %s", test.bucket, asText(lock))
		}
		if (test.mode != nil) != (bucket.Properties["ObjectLockEnabled"] == true) {
			t.Errorf("%s: Object Lock is %v", test.bucket, bucket.Properties["ObjectLockEnabled"])
		}
	}
}

func TestRequestsAreLoggedInABucketOfTheirOwn(t *testing.T) {
	for _, configuration := range []string{local, development, regional} {
		have := synthesised[configuration][storageStack]
		logs, bucket := bucketOf(t, configuration, "access-logs")
		if bucket.Properties["LoggingConfiguration"] != nil || asText(bucket.Properties["BucketEncryption"]) == "null" ||
			!strings.Contains(asText(bucket.Properties["BucketEncryption"]), "AES256") {
			t.Errorf("%s: S3 delivers no logs to %s", configuration, asText(bucket.Properties))
		}
		for name, one := range have.of("AWS::S3::Bucket") {
			if name != logs && !refersTo(at(one.Properties, "LoggingConfiguration", "DestinationBucketName"), logs) {
				t.Errorf("%s: requests to %s are not logged", configuration, name)
			}
		}
		delivers := slices.ContainsFunc(have.statements(), func(s statement) bool {
			return s.allows("s3:PutObject") && strings.Contains(asText(s.fields["Principal"]), "logging.s3.amazonaws.com")
		})
		if !delivers {
			t.Errorf("%s: S3 may not deliver logs", configuration)
		}
	}
}

func TestWhoCompletesRestoresHearsOfEveryArchiveAndRemovesNothing(t *testing.T) {
	for configuration, archives := range map[string][]string{
		local: {"media", "thumbnails", "records"}, development: {"media", "records"}, regional: {"media", "ledger", "cold"},
	} {
		have := synthesised[configuration][storageStack]
		for _, name := range archives {
			_, bucket := bucketOf(t, configuration, name)
			events := at(bucket.Properties, "NotificationConfiguration", "EventBridgeConfiguration", "EventBridgeEnabled")
			if events != true {
				t.Errorf("%s: nobody hears of %s", configuration, name)
			}
		}
		_, rule := have.only(t, "AWS::Events::Rule")
		queue, _ := have.with(t, "AWS::SQS::Queue", "QueueName", "davit-restore")
		pattern := rule.Properties["EventPattern"]
		if asText(at(pattern, "source")) != `["aws.s3"]` || asText(at(pattern, "detail-type")) != `["Object Restore Completed"]` ||
			!refersTo(at(rule.Properties, "Targets", 0, "Arn"), queue) ||
			len(list(at(pattern, "detail", "bucket", "name"))) != len(have.of("AWS::S3::Bucket"))-1 {
			t.Errorf("%s: the rule is %s", configuration, asText(rule.Properties))
		}
		for _, s := range have.statements() {
			for _, action := range texts(s.fields["Action"]) {
				if strings.HasPrefix(s.where, "RestoreRole") && strings.HasPrefix(action, "s3:Delete") {
					t.Errorf("%s: the function may %s", configuration, action)
				}
			}
		}
	}
}
