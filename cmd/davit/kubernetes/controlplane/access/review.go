// Package access says who the bearer of an EKS token is, as EKS does: the AWS IAM Authenticator verifies the token with
// STS, and the cluster's access entries map the principal to a user and groups.
//
// See https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html.
package access

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/url"

	authentication "k8s.io/api/authentication/v1"
	"sigs.k8s.io/aws-iam-authenticator/pkg/token"
)

// requestLimit is far above the size of a review, whose token has at most 4 KiB.
const requestLimit = 64 << 10

// Verifier says whose a token is.
type Verifier interface {
	Verify(token string) (*token.Identity, error)
}

// Directory finds the access entry of a principal.
type Directory interface {
	// Entry answers nil without an error if the principal has none.
	Entry(ctx context.Context, principal string) (*Entry, error)
}

// Reviewer answers the API server's TokenReviews.
type Reviewer struct {
	verifier  Verifier
	directory Directory
}

// NewReviewer makes the reviewer of the cluster, whose access entries the EKS of the local cloud keeps.
func NewReviewer(cluster, region string, cloud *url.URL) *Reviewer {
	return &Reviewer{
		verifier:  token.NewVerifier(cluster, "aws", region),
		directory: &clusterEntries{cluster: cluster, region: region, cloud: cloud},
	}
}

// ServeHTTP answers a TokenReview.
func (r *Reviewer) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	var review authentication.TokenReview
	if err := json.NewDecoder(io.LimitReader(request.Body, requestLimit)).Decode(&review); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	review.Status = r.review(request.Context(), review.Spec.Token)
	review.Spec = authentication.TokenReviewSpec{}
	if review.Status.Error != "" {
		log.Print("refused a token: ", review.Status.Error)
	}
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(review) // the caller may have gone
}

// review is the status of a review. A token that was not made for this cluster, an expired one and one of a principal
// without an access entry are refused, with the reason for the log alone: the API server answers 401.
func (r *Reviewer) review(ctx context.Context, bearer string) authentication.TokenReviewStatus {
	identity, err := r.verifier.Verify(bearer)
	if err != nil {
		return authentication.TokenReviewStatus{Error: err.Error()}
	}
	entry, err := r.directory.Entry(ctx, identity.CanonicalARN)
	if err != nil {
		return authentication.TokenReviewStatus{Error: err.Error()}
	}
	if entry == nil {
		return authentication.TokenReviewStatus{Error: identity.ARN + " has no access entry"}
	}
	return authentication.TokenReviewStatus{
		Authenticated: true,
		User: authentication.UserInfo{
			Username: entry.username(identity), UID: identity.AccountID + ":" + identity.UserID, Groups: entry.groups(),
		},
	}
}
