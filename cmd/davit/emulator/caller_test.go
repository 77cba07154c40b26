package emulator_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"davit/cmd/davit/emulator"
)

// as is the configuration of clients with these credentials.
func as(t *testing.T, key, secret, token string) aws.Config {
	t.Helper()
	changed := cloud(t)
	changed.Credentials = credentials.NewStaticCredentialsProvider(key, secret, token)
	return changed
}

func trustStrangers(t *testing.T) {
	for bucket, stranger := range map[string]aws.Config{
		"of-a-key-of-users":   as(t, "AKIAIOSFODNN7EXAMPLE", "anything", ""),
		"of-a-key-of-roles":   as(t, "ASIAIOSFODNN7EXAMPLE", "anything", "a token"),
		"of-any-other-key":    as(t, "somebody", "anything", ""),
		"of-the-usual-key":    as(t, "test", "test", ""),
		"of-another-secret":   as(t, "test", "anything", ""),
		"of-an-unasked-token": as(t, "test", "test", "a token"),
	} {
		who, err := sts.NewFromConfig(stranger).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || *who.Arn != "arn:aws:iam::"+emulator.Account+":root" {
			t.Errorf("%s: got %v %v, want the root user", bucket, who, err)
		}
		if got := presigned(t, stranger, bucket); got != "content" {
			t.Errorf("%s: the presigned URL answers %q", bucket, got)
		}
	}
}

// presigned makes an object in a new bucket and reads it by a presigned URL.
func presigned(t *testing.T, caller aws.Config, bucket string) string {
	t.Helper()
	client := s3.NewFromConfig(caller, func(options *s3.Options) { options.UsePathStyle = true })
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{
			LocationConstraint: s3types.BucketLocationConstraint(emulator.DefaultRegion),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("object"), Body: strings.NewReader("content"),
	})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s3.NewPresignClient(client).PresignGetObject(t.Context(), &s3.GetObjectInput{
		Bucket: &bucket, Key: aws.String("object"),
	})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, signed.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func refuseDeletedKeys(t *testing.T) {
	users, name := iam.NewFromConfig(cloud(t)), unique(t)
	if _, err := users.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	made, err := users.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	user := as(t, *made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey, "")
	list := func() error {
		_, err := sqs.NewFromConfig(user).ListQueues(t.Context(), &sqs.ListQueuesInput{})
		return err
	}
	denied(t, list(), "user/"+name)
	_, err = users.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{
		UserName: &name, AccessKeyId: made.AccessKey.AccessKeyId,
	})
	permitted(t, err)
	if err := list(); err == nil || !strings.Contains(err.Error(), "security token included in the request is invalid") {
		t.Errorf("got %v, want a deleted key refused", err)
	}
}

func verifySignatures(t *testing.T) {
	role, limited := newRole(t)
	allow(t, role, "sqs:ListQueues", "*", "")
	found, err := limited.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := func(caller aws.Config) error {
		_, err := sqs.NewFromConfig(caller).ListQueues(t.Context(), &sqs.ListQueuesInput{})
		return err
	}
	permitted(t, list(as(t, found.AccessKeyID, found.SecretAccessKey, found.SessionToken)))
	for what, caller := range map[string]aws.Config{
		"another secret": as(t, found.AccessKeyID, "anything", found.SessionToken),
		"another token":  as(t, found.AccessKeyID, found.SecretAccessKey, "a token"),
	} {
		if err := list(caller); err == nil {
			t.Errorf("%s with the key of a role is not refused", what)
		}
	}
}
