package cluster

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// token is what the API server takes for a sign-in, until a time.
type token struct {
	text  string
	until time.Time
}

const (
	tokenPrefix = "k8s-aws-v1." // #nosec G101 -- what every token begins with, and no credential
	// clusterHeader is signed into the token, so that a token for one cluster opens no other.
	clusterHeader = "x-k8s-aws-id"
	// signatureExpires is what the URL itself says; EKS asks for at most this.
	signatureExpires = "60"
	// tokenLife is how long EKS takes a token, 15 minutes from its signature, less a minute for clocks that differ
	// (sigs.k8s.io/aws-iam-authenticator, "API Authorization from Outside a Cluster").
	tokenLife = 14 * time.Minute
	// emptyPayload is the SHA-256 of nothing.
	emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// signer makes tokens. A token is the address of a signed call of sts:GetCallerIdentity, which EKS makes in its stead to
// learn who signs in. Nothing is called to make one.
type signer struct {
	credentials aws.CredentialsProvider
	region      string
}

func (s signer) sign(ctx context.Context, cluster string, now time.Time) (token, error) {
	credentials, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return token{}, fmt.Errorf("sign in to the cluster %s: %w", cluster, err)
	}
	address, err := s.address(ctx)
	if err != nil {
		return token{}, fmt.Errorf("sign in to the cluster %s: %w", cluster, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return token{}, fmt.Errorf("sign in to the cluster %s: %w", cluster, err)
	}
	request.Header.Set(clusterHeader, cluster)
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, credentials, request, emptyPayload, "sts", s.region, now)
	if err != nil {
		return token{}, fmt.Errorf("sign in to the cluster %s: %w", cluster, err)
	}
	until := now.Add(tokenLife)
	if credentials.CanExpire && credentials.Expires.Before(until) {
		until = credentials.Expires
	}
	return token{text: tokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(signed)), until: until}, nil
}

// address is that of the call in AWS's own STS of the region. EKS takes no other, whatever endpoint this process calls.
func (s signer) address(ctx context.Context) (string, error) {
	endpoint, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, sts.EndpointParameters{Region: &s.region})
	if err != nil {
		return "", err
	}
	call := endpoint.URI
	call.Path = "/"
	call.RawQuery = url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}, "X-Amz-Expires": {signatureExpires}}.Encode()
	return call.String(), nil
}

// token answers a token for the cluster, which is made again when it has nearly expired.
func (c *Clusters) token(ctx context.Context, cluster string) (string, error) {
	c.mutex.Lock()
	kept := c.tokens[cluster]
	c.mutex.Unlock()
	now := c.Now()
	if now.Before(kept.until) {
		return kept.text, nil
	}
	made, err := c.signer.sign(ctx, cluster, now)
	if err != nil {
		return "", err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.tokens[cluster] = made
	return made.text, nil
}

// forgetToken has the next request sign in anew, unless another did meanwhile.
func (c *Clusters) forgetToken(cluster, text string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.tokens[cluster].text == text {
		delete(c.tokens, cluster)
	}
}
