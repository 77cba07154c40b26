package ecs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"davit/shared/rollout"
)

// The codes by which the services say the same things. Most are in each service's API reference under "Common errors".
var (
	deniedCodes  = []string{"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"}
	missingCodes = []string{
		"ResourceNotFoundException", "NoSuchEntity", "NoSuchEntityException", "ParameterNotFound",
		"RepositoryNotFoundException", "LayersNotFoundException",
	}
	missingCluster = []string{"ClusterNotFoundException"}
	goneCodes      = []string{"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"}
	// invalidCodes are ECS's answers to a request that will be wrong however often it is sent.
	invalidCodes = []string{"ClientException", "InvalidParameterException"}
)

// hasCode tells whether AWS answered with one of the codes.
func hasCode(err error, codes []string) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && slices.Contains(codes, answer.ErrorCode())
}

// message is AWS's own words, without the SDK's wrapping.
func message(err error) string {
	var answer smithy.APIError
	if !errors.As(err, &answer) || answer.ErrorMessage() == "" {
		return err.Error()
	}
	return strings.TrimRight(answer.ErrorMessage(), ". ")
}

// failed says which call failed, and what to allow where IAM forbade it.
func failed(action, resource string, err error) error {
	if hasCode(err, deniedCodes) {
		return denied(action, resource, err)
	}
	return fmt.Errorf("%s: %w", action, err)
}

// denied prefers what AWS itself names: a call may need more than its own action, such as iam:PassRole or
// ecs:TagResource (docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html).
func denied(action, resource string, err error) *rollout.Denied {
	_, rest, found := strings.Cut(message(err), "not authorized to perform: ")
	words := strings.Fields(rest)
	if found && len(words) > 0 && words[0] != action {
		action, resource = words[0], "*"
	}
	if len(words) > 3 && words[1] == "on" && words[2] == "resource:" && strings.HasPrefix(words[3], "arn:") {
		resource = words[3]
	}
	return &rollout.Denied{Action: action, Resource: resource, Err: err}
}
