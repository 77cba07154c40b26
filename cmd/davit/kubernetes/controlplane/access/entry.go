package access

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go/aws/credentials"
	signature "github.com/aws/aws-sdk-go/aws/signer/v4"
	"sigs.k8s.io/aws-iam-authenticator/pkg/token"
)

const (
	callDeadline  = 10 * time.Second
	responseLimit = 1 << 20
)

// Entry is an access entry of EKS with the policies that are associated with it for the whole cluster.
type Entry struct {
	PrincipalARN     string   `json:"principalArn"`
	Username         string   `json:"username"`
	KubernetesGroups []string `json:"kubernetesGroups"`
	// Policies are the names of access policies, such as "AmazonEKSViewPolicy".
	Policies []string `json:"-"`
}

// username is the entry's own with the session's name in it, or by default the ARN of who called, as EKS has it.
func (e *Entry) username(identity *token.Identity) string {
	if e.Username == "" {
		return identity.ARN
	}
	return strings.NewReplacer("{{SessionName}}", identity.SessionName, "{{SessionNameRaw}}", identity.SessionName).
		Replace(e.Username)
}

// groups are the entry's own, and one for each policy: see BindPolicies.
func (e *Entry) groups() []string {
	groups := append([]string{}, e.KubernetesGroups...)
	for _, policy := range e.Policies {
		groups = append(groups, policyGroup(policy))
	}
	return groups
}

// clusterEntries are the access entries that the EKS of the local cloud keeps.
type clusterEntries struct {
	cluster, region string
	cloud           *url.URL
}

// Entry finds the entry of the principal. The ARN that STS gives of a role has no path, that of an entry has.
func (c *clusterEntries) Entry(ctx context.Context, principal string) (*Entry, error) {
	for next := ""; ; {
		var page struct {
			AccessEntries []string `json:"accessEntries"`
			NextToken     string   `json:"nextToken"`
		}
		if found, err := c.get(ctx, &page, url.Values{"nextToken": {next}}, "access-entries"); err != nil || !found {
			return nil, err
		}
		for _, candidate := range page.AccessEntries {
			if withoutPath(candidate) == principal {
				return c.describe(ctx, candidate)
			}
		}
		if next = page.NextToken; next == "" {
			return nil, nil
		}
	}
}

func (c *clusterEntries) describe(ctx context.Context, principal string) (*Entry, error) {
	var described struct {
		AccessEntry Entry `json:"accessEntry"`
	}
	if found, err := c.get(ctx, &described, nil, "access-entries", principal); err != nil || !found {
		return nil, err
	}
	var associated struct {
		Policies []struct {
			PolicyARN string `json:"policyArn"`
			Scope     struct {
				Type string `json:"type"`
			} `json:"accessScope"`
		} `json:"associatedAccessPolicies"`
	}
	if found, err := c.get(ctx, &associated, nil, "access-entries", principal, "access-policies"); err != nil || !found {
		return nil, err
	}
	entry := described.AccessEntry
	for _, policy := range associated.Policies {
		if policy.Scope.Type == "cluster" {
			entry.Policies = append(entry.Policies, policy.PolicyARN[strings.LastIndex(policy.PolicyARN, "/")+1:])
		}
	}
	return &entry, nil
}

// get calls EKS for something of the cluster; found is false if there is no such thing.
func (c *clusterEntries) get(ctx context.Context, result any, query url.Values, path ...string) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	elements := []string{"clusters", c.cluster}
	for _, element := range path {
		elements = append(elements, url.PathEscape(element))
	}
	address := c.cloud.JoinPath(elements...)
	address.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return false, err
	}
	// The local cloud takes whoever it does not know for the root user of the account.
	signer := signature.NewSigner(credentials.NewStaticCredentials("test", "test", ""))
	if _, err := signer.Sign(request, nil, "eks", c.region, time.Now()); err != nil {
		return false, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, fmt.Errorf("ask EKS for the access entries of %s: %w", c.cluster, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, responseLimit))
	switch {
	case err != nil:
	case response.StatusCode == http.StatusNotFound:
		return false, nil
	case response.StatusCode != http.StatusOK:
		err = fmt.Errorf("%s: %s", response.Status, body)
	default:
		err = json.Unmarshal(body, result)
	}
	if err != nil {
		return false, fmt.Errorf("ask EKS for the access entries of %s: %w", c.cluster, err)
	}
	return true, nil
}

// withoutPath is the ARN of a role without the role's path.
func withoutPath(arn string) string {
	before, role, isRole := strings.Cut(arn, ":role/")
	if !isRole {
		return arn
	}
	return before + ":role/" + role[strings.LastIndex(role, "/")+1:]
}
