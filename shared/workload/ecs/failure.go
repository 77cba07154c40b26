package ecs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
)

// Denied says that IAM forbids a call that davit needs, and what would allow it.
type Denied struct {
	// Action is the IAM action, such as "iam:GetRole".
	Action string
	// Resource is the ARN that the call was about, or "*" where the action knows no resource.
	Resource string
	// Err is the error of AWS.
	Err error
}

// Error names the action and the policy statement to add.
func (d *Denied) Error() string {
	return fmt.Sprintf(`%s is denied; allow it with {"Effect":"Allow","Action":"%s","Resource":"%s"}: %v`,
		d.Action, d.Action, d.Resource, d.Err)
}

// Unwrap is the error of AWS.
func (d *Denied) Unwrap() error { return d.Err }

// The codes by which the services say the same things. Most are in each service's API reference under "Common errors".
var (
	deniedCodes  = []string{"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"}
	missingCodes = []string{
		"ResourceNotFoundException", "NoSuchEntity", "NoSuchEntityException", "ParameterNotFound",
		"RepositoryNotFoundException", "LayersNotFoundException",
	}
	goneCodes = []string{"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"}
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
		return &Denied{Action: action, Resource: resource, Err: err}
	}
	return fmt.Errorf("%s: %w", action, err)
}
