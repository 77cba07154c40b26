package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"davit/shared/names"
	"davit/shared/workload"
	"davit/shared/workload/eks/cluster"
)

// told is an error in words of our own; the cause is kept for programs.
type told struct {
	text  string
	cause error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.cause }

var (
	// rejectedCodes say that AWS does not take the credentials
	// (docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html).
	rejectedCodes = []string{"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
		"InvalidSignatureException", "SignatureDoesNotMatch", "InvalidAccessKeyId"}
	deniedCodes = []string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
)

// inWords says of a failure what to do about it, where that is known.
func (s *session) inWords(ctx context.Context, err error) error {
	var (
		table  *dynamodbtypes.ResourceNotFoundException
		queue  *sqstypes.QueueDoesNotExist
		worded *told
		answer smithy.APIError
		silent *cluster.Unreachable
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &silent):
		return err
	case errors.As(err, &table), errors.As(err, &queue):
		return &told{cause: err, text: fmt.Sprintf("davit is not installed in %s: deploy the automation stack, "+
			"or set AWS_REGION / AWS_ENDPOINT_URL", s.where(ctx))}
	case errors.As(err, &worded):
		return worded
	case errors.As(err, &answer) && slices.Contains(rejectedCodes, answer.ErrorCode()):
		return fmt.Errorf("AWS does not take the credentials: sign in again, or set AWS_PROFILE: %w", err)
	case errors.As(err, &answer) && slices.Contains(deniedCodes, answer.ErrorCode()):
		return fmt.Errorf("%w\nThe caller's own permissions do not allow this: use another AWS_PROFILE, or ask for them", err)
	}
	return err
}

// where is ACCOUNT/REGION, as far as it can be found out.
func (s *session) where(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	identity, err := s.whoCalls(ctx)
	if err != nil || identity.account == "" {
		return s.configuration.Region
	}
	return identity.account + "/" + s.configuration.Region
}

// general tells whether the failure concerns every workload alike, so that asking for others is no use.
func general(ctx context.Context, err error) bool {
	var table *dynamodbtypes.ResourceNotFoundException
	var answer smithy.APIError
	var silent *cluster.Unreachable
	if errors.As(err, &silent) && ctx.Err() == nil {
		return false // others are on other clusters
	}
	if ctx.Err() != nil || errors.As(err, &table) || errors.Is(err, syscall.ECONNREFUSED) {
		return true
	}
	return errors.As(err, &answer) &&
		(slices.Contains(rejectedCodes, answer.ErrorCode()) || slices.Contains(deniedCodes, answer.ErrorCode()))
}

// reference reads the argument that names a workload on which images roll out.
func reference(text string) (workload.Reference, error) {
	read, err := anyReference(text)
	if err == nil && !read.Kind().RollsOut() {
		return workload.Reference{}, usage("%s: nothing rolls out on a host; davit history and davit incidents tell of it, and davit hold "+
			"has it left alone", read)
	}
	return read, err
}

// anyReference reads the argument that names a workload, or a host or a group of hosts.
func anyReference(text string) (workload.Reference, error) {
	read, err := workload.ParseReference(text)
	if err != nil {
		return workload.Reference{}, usageError{err}
	}
	return read, nil
}

// Bounds of the search for workloads that an unknown name may have meant.
const (
	maximumSearched  = 5000
	maximumSuggested = 5
)

// unknown is the error for a workload that neither the platform nor the ledger knows. It names those that may be meant.
func (s *session) unknown(ctx context.Context, missing workload.Reference) error {
	text := fmt.Sprintf("%s: there is no such workload in %s, and the ledger does not know it", missing, s.where(ctx))
	known, err := s.known(ctx, maximumSearched)
	switch {
	case err != nil:
		return fmt.Errorf("%s; listing the workloads failed too: %w", text, err)
	case len(known) == 0:
		return fmt.Errorf("%s; no workload carries the tag or annotation %s yet: opt one in", text, names.TagPolicy)
	}
	slices.SortStableFunc(known, func(a, b workload.Reference) int {
		return distance(a.String(), missing.String()) - distance(b.String(), missing.String())
	})
	var nearest []string
	for _, other := range known[:min(len(known), maximumSuggested)] {
		nearest = append(nearest, other.String())
	}
	return fmt.Errorf("%s; davit knows %s", text, strings.Join(nearest, ", "))
}

// known lists the workloads that carry the tag and those that the ledger knows, each once, at most limit.
func (s *session) known(ctx context.Context, limit int) ([]workload.Reference, error) {
	var listed []workload.Reference
	seen := map[workload.Reference]bool{}
	for reference, err := range s.Fleet(ctx) {
		if err != nil {
			return nil, err
		}
		if seen[reference] {
			continue
		}
		if len(listed) == limit {
			break
		}
		seen[reference] = true
		listed = append(listed, reference)
	}
	slices.SortFunc(listed, func(a, b workload.Reference) int { return strings.Compare(a.String(), b.String()) })
	return listed, nil
}

// distance is Levenshtein's: how many bytes to insert, delete or replace to make one text of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for column := range row {
		row[column] = column
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, above+1, row[j]+1)
			diagonal = above
		}
	}
	return row[len(b)]
}
