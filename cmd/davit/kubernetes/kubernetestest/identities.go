package kubernetestest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signature "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"davit/cmd/davit/emulator"
)

// NewRole makes a role of IAM and answers its ARN and the credentials of a session of it, which is named "test".
func (c *Cloud) NewRole(tb testing.TB, role string) (arn string, session aws.Credentials) {
	tb.Helper()
	configuration, err := c.AWS(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	arn, err = createRole(tb.Context(), configuration, role, `{"AWS":"arn:aws:iam::`+emulator.Account+`:root"}`)
	if err != nil {
		tb.Fatal(err)
	}
	assumed, err := sts.NewFromConfig(configuration).AssumeRole(tb.Context(), &sts.AssumeRoleInput{
		RoleArn: &arn, RoleSessionName: aws.String("test"),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return arn, aws.Credentials{
		AccessKeyID: *assumed.Credentials.AccessKeyId, SecretAccessKey: *assumed.Credentials.SecretAccessKey,
		SessionToken: *assumed.Credentials.SessionToken,
	}
}

// clusterRole makes the role that EKS has for the cluster.
func clusterRole(ctx context.Context, configuration aws.Config, cluster string) (arn string, err error) {
	return createRole(ctx, configuration, "cluster-"+cluster, `{"Service":"eks.amazonaws.com"}`)
}

func createRole(ctx context.Context, configuration aws.Config, name, principal string) (arn string, err error) {
	made, err := iam.NewFromConfig(configuration).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: &name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` +
			`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":` + principal + `}]}`),
	})
	if err != nil {
		return "", err
	}
	return *made.Role.Arn, nil
}

// Token is a bearer token of EKS for the cluster, made at the time with the credentials; it is good for 15 minutes from
// then on. It is written from the description alone, without davit's own:
// https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster.
func Token(tb testing.TB, cluster string, by aws.Credentials, at time.Time) string {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "https://sts."+emulator.DefaultRegion+
		".amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("x-k8s-aws-id", cluster)
	nothing := sha256.Sum256(nil)
	signed, _, err := signature.NewSigner().PresignHTTP(context.Background(), by, request, hex.EncodeToString(nothing[:]),
		"sts", emulator.DefaultRegion, at)
	if err != nil {
		tb.Fatal(err)
	}
	return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(signed))
}
