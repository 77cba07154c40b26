package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/emulator/emulatortest"
)

// allow gives the role a policy of one statement.
func allow(t *testing.T, role, action, resourceArn, condition string) {
	t.Helper()
	_, err := iam.NewFromConfig(cloud(t)).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: &role, PolicyName: aws.String(strings.ReplaceAll(action, ":", "-")),
		PolicyDocument: aws.String(fmt.Sprintf(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":%q,"Resource":%q%s}]}`,
			action, resourceArn, condition)),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// newRole makes a role that may do nothing yet, and answers its name and the configuration of clients that act as it.
func newRole(t *testing.T) (name string, limited aws.Config) {
	t.Helper()
	name = unique(t)
	made, err := iam.NewFromConfig(cloud(t)).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
			"Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"sts:AssumeRole"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	limited = cloud(t)
	limited.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cloud(t)), *made.Role.Arn))
	return name, limited
}

// denied fails unless the error is a refusal that has all parts.
func denied(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Fatalf("got %v, want AccessDenied", err)
	}
	contains(t, err.Error(), parts...)
}

// permitted fails if there is an error.
func permitted(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ownArn(service, rest string) string {
	return "arn:aws:" + service + ":" + emulator.DefaultRegion + ":" + emulator.Account + ":" + rest
}

func TestEnforcedPermissions(t *testing.T) {
	shared := endpoint
	t.Cleanup(func() { endpoint = shared })
	endpoint = emulatortest.ForTest(t, emulatortest.WithoutEngine, func(options *emulator.Options) {
		options.EnforcePermissions = true
	})
	for name, judge := range map[string]func(t *testing.T){
		"judge a function by its role":                        judgeFunction,
		"judge calls of ECS by the service and its tags":      judgeServices,
		"judge each of several services":                      judgeSeveralServices,
		"judge a list of tasks by its cluster":                judgeTaskList,
		"ask for the roles and the tags of a task definition": judgeTaskDefinition,
		"judge each of several parameters":                    judgeParameters,
		"find a role by its path":                             judgeRolePath,
		"judge a log group by its streams":                    judgeLogGroup,
		"judge a key by its ARN and its aliases":              judgeKey,
		"judge a batch as the single action":                  judgeBatch,
		"judge a transaction by its items":                    judgeTransaction,
		"judge events by their bus":                           judgeBus,
		"count every call as made over TLS":                   judgeTransport,
		"take credentials of strangers for the root user's":   trustStrangers,
		"refuse credentials that were taken back":             refuseDeletedKeys,
		"verify the signatures of its own credentials":        verifySignatures,
		"deliver events by the policy of the queue":           judgeDelivery,
		"read a queue as the role of its function":            judgeMapping,
	} {
		t.Run(name, judge)
	}
	t.Run("leave the path of a push alone", func(t *testing.T) {
		_, repositoryName := repository(t)
		actions := imageActions(t, repositoryName)
		digest := push(t, repositoryName, "1.0.0")
		equal(t, actions.next(), imageAction(repositoryName, digest, "PUSH", "1.0.0"))
	})
}

func judgeKey(t *testing.T) {
	keys := kms.NewFromConfig(cloud(t))
	role, limited := newRole(t)
	made, other := newKey(t, keys, "alias/"+role), newKey(t, keys, "alias/another-than-"+role)
	allow(t, role, "kms:GetPublicKey", ownArn("kms", "key/*"),
		fmt.Sprintf(`,"Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":[%q]}}`, made.alias))
	asRole := kms.NewFromConfig(limited)
	for _, id := range []string{made.alias, made.arn} {
		_, err := asRole.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: &id})
		permitted(t, err)
	}
	for _, id := range []string{other.alias, other.arn} {
		_, err := asRole.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: &id})
		denied(t, err, "kms:GetPublicKey", other.arn)
	}
}

// namedKey is a key that signs, with its alias.
type namedKey struct{ arn, alias string }

func newKey(t *testing.T, keys *kms.Client, alias string) namedKey {
	t.Helper()
	made, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: kmstypes.KeySpecEccNistP256, KeyUsage: kmstypes.KeyUsageTypeSignVerify})
	permitted(t, err)
	_, err = keys.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: made.KeyMetadata.KeyId})
	permitted(t, err)
	return namedKey{*made.KeyMetadata.Arn, alias}
}

func judgeFunction(t *testing.T) {
	queue, err := sqs.NewFromConfig(cloud(t)).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("jobs")})
	if err != nil {
		t.Fatal(err)
	}
	role := newFunction(t)
	request := map[string]string{"queue": *queue.QueueUrl, "message": "work"}
	if refusal := invoke(t, role, request).Refusal; !strings.Contains(refusal, "AccessDenied") {
		t.Errorf("a role without a policy may send: %q", refusal)
	}
	allow(t, role, "sqs:SendMessage", ownArn("sqs", "jobs"), "")
	if refusal := invoke(t, role, request).Refusal; refusal != "" {
		t.Errorf("a role with the policy may not send: %s", refusal)
	}
}

func judgeServices(t *testing.T) {
	web := newService(t, ecs.NewFromConfig(cloud(t)), "web")
	role, limited := newRole(t)
	client := ecs.NewFromConfig(limited)
	update := func() error {
		_, err := client.UpdateService(t.Context(), &ecs.UpdateServiceInput{
			Cluster: &web.name, Service: &web.name, ForceNewDeployment: true,
		})
		return err
	}
	allow(t, role, "ecs:UpdateService", ownArn("ecs", "service/*"),
		`,"Condition":{"StringLike":{"aws:ResourceTag/davit/policy":"?*"}}`)
	if err := update(); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("a service without the tag can be updated: %v", err)
	}
	_, err := web.client.TagResource(t.Context(), &ecs.TagResourceInput{
		ResourceArn: aws.String(web.arn()),
		Tags:        []ecstypes.Tag{{Key: aws.String("davit/policy"), Value: aws.String("newest")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := update(); err != nil {
		t.Errorf("a service with the tag cannot be updated: %v", err)
	}
	_, err = client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: web.describe().TaskDefinition,
	})
	if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("a role without the action may describe the task definition: %v", err)
	}
	allow(t, role, "ecs:DescribeTaskDefinition", "*", "")
	_, err = client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: web.describe().TaskDefinition,
	})
	if err != nil {
		t.Errorf("a role with the action may not describe the task definition: %v", err)
	}
}
