package cluster

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
)

// Answer is an API server's no.
type Answer struct {
	Cluster string
	// Request is the method and the path that were refused.
	Request string
	// Code is the HTTP status.
	Code int
	// Reason is Kubernetes' word for it, such as "NotFound", and Message its explanation; both may be empty.
	Reason  string
	Message string
}

// Error says what was refused, and what to do where access is missing.
func (a *Answer) Error() string {
	text := fmt.Sprintf("cluster %s: %s: %d %s", a.Cluster, a.Request, a.Code, a.Message)
	switch a.Code {
	case http.StatusUnauthorized:
		return text + "; the cluster has no access entry for this role: give it one with the group of its function: davit:rollout, davit:recover or davit:scale"
	case http.StatusForbidden:
		return text + "; to let davit in, an administrator of the cluster applies what `davit eks rbac` prints"
	}
	return text
}

// Unreachable is a cluster that did not answer.
type Unreachable struct {
	Cluster string
	Err     error
}

// Error says which cluster it was.
func (u *Unreachable) Error() string {
	return fmt.Sprintf("the API server of cluster %s does not answer: %v", u.Cluster, u.Err)
}

// Unwrap is the cause.
func (u *Unreachable) Unwrap() error { return u.Err }

// IsNotFound tells whether there is no such object, or no such cluster.
func IsNotFound(err error) bool { return has(err, http.StatusNotFound) || errors.Is(err, ErrNoCluster) }

// IsConflict tells whether the object was changed since it was read.
func IsConflict(err error) bool { return has(err, http.StatusConflict) }

// IsForbidden tells whether RBAC or an admission policy forbids the request.
func IsForbidden(err error) bool { return has(err, http.StatusForbidden) }

// IsInvalid tells whether the request will be wrong however often it is sent.
func IsInvalid(err error) bool {
	return has(err, http.StatusUnprocessableEntity) || has(err, http.StatusBadRequest)
}

func has(err error, code int) bool {
	var answer *Answer
	return errors.As(err, &answer) && answer.Code == code
}

// failed says which call of AWS failed, and what to allow where IAM forbade it.
func failed(action, resource string, err error) error {
	var answer smithy.APIError
	if errors.As(err, &answer) && (answer.ErrorCode() == "AccessDeniedException" || answer.ErrorCode() == "AccessDenied") {
		return fmt.Errorf(`%s is denied; allow it with {"Effect":"Allow","Action":"%s","Resource":"%s"}: %w`,
			action, action, resource, err)
	}
	return fmt.Errorf("%s: %w", action, err)
}
