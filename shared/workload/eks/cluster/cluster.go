// Package cluster reaches the Kubernetes API of EKS clusters from outside of them: it finds the clusters of an account and
// region, signs in as the IAM role that it runs as, and sends requests. There is no kubeconfig and no agent.
//
// It speaks JSON over net/http and brings no client of Kubernetes: callers decode the few fields that they need.
package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"davit/shared/cache"
	"davit/shared/settings"
)

const (
	// remembered bounds how many clusters are known at once, and descriptionAge how long a description is believed.
	remembered     = 1000
	descriptionAge = 10 * time.Minute
	// maximumPages bounds a listing of clusters to 10,000; EKS allows 100 an account and region unless asked for more
	// (docs.aws.amazon.com/eks/latest/userguide/service-quotas.html).
	maximumPages    = 100
	clustersPerPage = 100

	dialTimeout = 3 * time.Second
	// callTimeout bounds one request from dial to the end of its answer.
	callTimeout = 8 * time.Second
	// silence is how long a cluster that did not answer is not asked again, so that it costs others no time.
	silence = 15 * time.Second
	// idleConnections is above what one look does side by side, and idleTimeout below what networks forget.
	idleConnections = 16
	idleTimeout     = 60 * time.Second
)

// ErrNoCluster says that EKS knows no such cluster.
var ErrNoCluster = errors.New("there is no such EKS cluster")

// EKS are the calls of Amazon EKS that are made here. An *eks.Client is one.
type EKS interface {
	DescribeCluster(context.Context, *eks.DescribeClusterInput, ...func(*eks.Options)) (*eks.DescribeClusterOutput, error)
	ListClusters(context.Context, *eks.ListClustersInput, ...func(*eks.Options)) (*eks.ListClustersOutput, error)
}

// Clusters are the EKS clusters of one account and region. It is safe for concurrent use.
type Clusters struct {
	// Now is the clock.
	Now func() time.Time

	eks    EKS
	signer signer
	known  *cache.Cache[Cluster]

	mutex sync.Mutex
	// tokens and silentUntil are by the cluster's name.
	tokens      map[string]token
	silentUntil map[string]time.Time
}

// Cluster is one cluster as EKS describes it.
type Cluster struct {
	Name    string
	Account string
	Region  string
	// Version is that of Kubernetes, such as "1.36".
	Version string

	endpoint string
	http     *http.Client
}

// New makes the clusters that the configuration's credentials reach. It makes no call.
func New(configuration aws.Config) *Clusters {
	return &Clusters{
		eks:         eks.NewFromConfig(configuration),
		signer:      signer{credentials: configuration.Credentials, region: configuration.Region},
		known:       cache.New[Cluster](remembered, descriptionAge),
		Now:         time.Now,
		tokens:      map[string]token{},
		silentUntil: map[string]time.Time{},
	}
}

// Names answers the wanted clusters, in order and each once; where settings.AllClusters is among them, every cluster of the account and
// region, 100 a call of eks:ListClusters.
func (c *Clusters) Names(ctx context.Context, wanted []string) ([]string, error) {
	if !slices.Contains(wanted, settings.AllClusters) {
		return slices.Compact(slices.Sorted(slices.Values(wanted))), nil
	}
	var listed []string
	input := &eks.ListClustersInput{MaxResults: aws.Int32(clustersPerPage)}
	for range maximumPages {
		output, err := c.eks.ListClusters(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("list the EKS clusters: %w", failed("eks:ListClusters", "*", err))
		}
		listed = append(listed, output.Clusters...)
		if aws.ToString(output.NextToken) == "" {
			return slices.Compact(slices.Sorted(slices.Values(listed))), nil
		}
		input.NextToken = output.NextToken
	}
	return nil, fmt.Errorf("list the EKS clusters: more than %d", maximumPages*clustersPerPage)
}

// Describe says what EKS knows of a cluster, and remembers it for ten minutes. Where there is none its error wraps
// ErrNoCluster.
func (c *Clusters) Describe(ctx context.Context, name string) (Cluster, error) {
	described, err := c.known.Fetch(name, func() (Cluster, error) { return c.describe(ctx, name) })
	if err != nil {
		return Cluster{}, fmt.Errorf("describe the EKS cluster %s: %w", name, err)
	}
	return described, nil
}

func (c *Clusters) describe(ctx context.Context, name string) (Cluster, error) {
	output, err := c.eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return Cluster{}, ErrNoCluster
	case err != nil:
		return Cluster{}, failed("eks:DescribeCluster", "arn:aws:eks:*:*:cluster/"+name, err)
	case output.Cluster == nil:
		return Cluster{}, errors.New("eks:DescribeCluster answered without a cluster")
	}
	return read(name, output.Cluster)
}

// read makes a Cluster of a description. A cluster that is being created has no endpoint yet.
func read(name string, described *types.Cluster) (Cluster, error) {
	endpoint := aws.ToString(described.Endpoint)
	if !strings.HasPrefix(endpoint, "https://") || described.CertificateAuthority == nil {
		return Cluster{}, fmt.Errorf("it is %s and has no endpoint", described.Status)
	}
	certificate, err := base64.StdEncoding.DecodeString(aws.ToString(described.CertificateAuthority.Data))
	if err != nil {
		return Cluster{}, fmt.Errorf("read its certificate authority: %w", err)
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(certificate) {
		return Cluster{}, errors.New("its certificate authority has no certificate")
	}
	named, err := arn.Parse(aws.ToString(described.Arn))
	if err != nil {
		return Cluster{}, fmt.Errorf("read its ARN: %w", err)
	}
	return Cluster{Name: name, Account: named.AccountID, Region: named.Region, Version: aws.ToString(described.Version),
		endpoint: strings.TrimRight(endpoint, "/"), http: client(authority)}, nil
}

// client trusts the cluster's own authority and nobody else. It speaks HTTP/1.1: after a function was frozen, a connection
// of HTTP/2 that the network has forgotten holds every request until it times out, and one of HTTP/1.1 is not used again.
func client(authority *x509.CertPool) *http.Client {
	return &http.Client{Timeout: callTimeout, CheckRedirect: refuseRedirect, Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout,
		TLSClientConfig:     &tls.Config{RootCAs: authority, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: idleConnections,
		IdleConnTimeout:     idleTimeout,
	}}
}

// refuseRedirect keeps the token where it belongs: an API server sends nobody elsewhere.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
