package chain

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/foundation"
)

// administration are the actions on the key itself. None of them signs.
var administration = []string{
	"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey",
	"kms:GetKeyPolicy", "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant",
	"kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
}

// newSigningKey makes the key pair, on the curve of Ethereum and Bitcoin, which never leaves KMS. The account's root may
// administer it, by which IAM can give that to others, such as whoever deploys; it may not sign, so that no policy of
// IAM alone lets anybody sign. KMS cannot rotate an asymmetric key: its address on the chain is its public key.
func newSigningKey(stack awscdk.Stack, props *ChainProps) awskms.Key {
	settings := props.Configuration.Chain.Signing
	key := awskms.NewKey(stack, jsii.String("SigningKey"), &awskms.KeyProps{
		Description:   jsii.String("Signs transactions on Ethereum."),
		Alias:         jsii.String(SigningAlias),
		KeySpec:       awskms.KeySpec_ECC_SECG_P256K1,
		KeyUsage:      awskms.KeyUsage_SIGN_VERIFY,
		PendingWindow: awscdk.Duration_Days(jsii.Number(30)),
		RemovalPolicy: foundation.RemovalPolicy(props.Configuration.Removal),
		Policy:        awsiam.NewPolicyDocument(nil),
	})
	grant(key, "Administration", append([]awsiam.IPrincipal{awsiam.NewAccountRootPrincipal()},
		principals(settings.Administrators)...), administration)
	signers := principals(settings.Signers)
	for _, function := range slices.Sorted(maps.Keys(props.Signers)) {
		signers = append(signers, awsiam.NewArnPrincipal(props.Signers[function].RoleArn()))
	}
	grant(key, "Use", signers, []string{"kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify"})
	return key
}

// grant lets the principals do the actions, by the key's own policy.
func grant(key awskms.Key, sid string, to []awsiam.IPrincipal, actions []string) {
	if len(to) == 0 {
		return
	}
	key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String(sid),
		Principals: &to,
		Actions:    jsii.Strings(actions...),
		// In a key's policy this is the key itself.
		Resources: jsii.Strings("*"),
	}), nil)
}

func principals(roles []string) []awsiam.IPrincipal {
	found := make([]awsiam.IPrincipal, 0, len(roles))
	for _, role := range roles {
		found = append(found, awsiam.NewArnPrincipal(jsii.String(role)))
	}
	return found
}
