package ecs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"davit/shared/rollout"
	"davit/shared/workload"
)

// platform is what an image runs on, in the words of the OCI image specification. What is empty in a need means any.
type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
}

func (p platform) String() string { return p.OS + "/" + p.Architecture }

// neededPlatform is the platform that the tasks need. A task definition for Fargate alone that does not say gets linux/amd64
// (docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RuntimePlatform.html and the Fargate guide). Any other gets what the
// instances are, Windows among them, which nothing here knows.
func neededPlatform(definition *types.TaskDefinition) platform {
	var need platform
	if slices.Equal(definition.RequiresCompatibilities, []types.Compatibility{types.CompatibilityFargate}) {
		need = platform{OS: "linux", Architecture: "amd64"}
	}
	runtime := definition.RuntimePlatform
	if runtime == nil {
		return need
	}
	switch family := string(runtime.OperatingSystemFamily); {
	case strings.HasPrefix(family, "WINDOWS"):
		need.OS = "windows"
	case family != "":
		need.OS = "linux"
	}
	switch runtime.CpuArchitecture {
	case types.CPUArchitectureX8664:
		need.Architecture = "amd64"
	case types.CPUArchitectureArm64:
		need.Architecture = "arm64"
	}
	return need
}

func (p platform) satisfiedBy(offered platform) bool {
	return (p.OS == "" || p.OS == offered.OS) && (p.Architecture == "" || p.Architecture == offered.Architecture)
}

// VerifyImage refuses an image that is not there or is not for the operating system and the architecture, in the words of
// the OCI image specification; an empty architecture is any. It serves drivers of other platforms, whose images come from
// the same registries.
func (d *Driver) VerifyImage(ctx context.Context, change rollout.Change, os, architecture string) error {
	return d.verifyImage(ctx, change, platform{OS: os, Architecture: architecture})
}

// verifyImage refuses an image that is not there or that the tasks cannot run.
func (d *Driver) verifyImage(ctx context.Context, change rollout.Change, need platform) error {
	offered, err := d.offered(ctx, change)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(offered, need.satisfiedBy) {
		return nil
	}
	need.OS, need.Architecture = cmp.Or(need.OS, "any"), cmp.Or(need.Architecture, "any")
	names := make([]string, 0, len(offered))
	for _, one := range offered {
		names = append(names, one.String())
	}
	slices.Sort(names)
	return rollout.Refusef("the image %s of %s is for %s, and the task needs %s", workload.ShortDigest(change.Digest),
		change.Repository.Name, strings.Join(slices.Compact(names), ", "), need)
}

func (d *Driver) offered(ctx context.Context, change rollout.Change) ([]platform, error) {
	if change.Repository.Public() {
		return d.publicPlatforms(ctx, change.Repository, change.Base, change.Digest)
	}
	return d.platforms(ctx, change.Repository, change.Digest)
}

// Media types of manifests and of image configurations (OCI image specification, and Docker's before it).
const (
	ociIndex       = "application/vnd.oci.image.index.v1+json"
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	ociConfig      = "application/vnd.oci.image.config.v1+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
)

// manifestTypes are the kinds of manifest that are asked for.
var manifestTypes = []string{ociIndex, ociManifest, dockerList, dockerManifest}

// manifest is the part of an index and of a manifest that tells the platforms.
type manifest struct {
	Manifests []struct {
		Platform *platform `json:"platform"`
	} `json:"manifests"`
	Config *struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
	} `json:"config"`
}

// ReadAhead reads what Verify will ask of an image of a private repository, which is kept for a minute. What it cannot
// read, Verify will tell.
func (d *Driver) ReadAhead(ctx context.Context, repository workload.Repository, digest string) {
	if repository.Public() {
		return
	}
	_, _ = d.platforms(ctx, repository, digest)
}

// platforms says what an image runs on: at least one platform, or an error.
func (d *Driver) platforms(
	ctx context.Context, repository workload.Repository, digest string,
) ([]platform, error) {
	return d.images.Fetch(repository.String()+"@"+digest, func() ([]platform, error) {
		return d.readPlatforms(ctx, repository, digest)
	})
}

func (d *Driver) readPlatforms(
	ctx context.Context, repository workload.Repository, digest string,
) ([]platform, error) {
	text, err := d.manifest(ctx, repository, digest)
	if err != nil {
		return nil, err
	}
	return offeredPlatforms(repository, digest, []byte(text), func(config string) ([]byte, error) {
		return d.configuration(ctx, repository, digest, config)
	})
}

// offeredPlatforms reads a manifest, and for an image without an index its configuration, which blob gets by digest.
func offeredPlatforms(repository workload.Repository, digest string, text []byte, blob func(digest string) ([]byte, error),
) ([]platform, error) {
	var parsed manifest
	if err := json.Unmarshal(text, &parsed); err != nil {
		return nil, rollout.Refusef("the image %s of %s has a manifest that is not JSON: %v",
			workload.ShortDigest(digest), repository.Name, err)
	}
	offered := listedPlatforms(parsed)
	if parsed.Config != nil && len(parsed.Manifests) == 0 {
		configured, err := configuredPlatform(repository, digest, parsed, blob)
		if err != nil {
			return nil, err
		}
		offered = configured
	}
	if len(offered) == 0 {
		return nil, rollout.Refusef("the image %s of %s names no platform", workload.ShortDigest(digest), repository.Name)
	}
	return offered, nil
}

// listedPlatforms are the platforms of an index. Build tools list attestations as images for unknown/unknown.
func listedPlatforms(parsed manifest) []platform {
	var listed []platform
	for _, entry := range parsed.Manifests {
		if entry.Platform == nil || entry.Platform.OS == "" || entry.Platform.OS == "unknown" {
			continue
		}
		listed = append(listed, *entry.Platform)
	}
	return listed
}

// manifest gets the manifest's text.
func (d *Driver) manifest(ctx context.Context, repository workload.Repository, digest string) (string, error) {
	output, err := d.clients.ECR.BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RegistryId:         &repository.Registry,
		RepositoryName:     &repository.Name,
		ImageIds:           []ecrtypes.ImageIdentifier{{ImageDigest: &digest}},
		AcceptedMediaTypes: manifestTypes,
	}, inRegion(repository))
	if hasCode(err, missingCodes) {
		return "", rollout.Refusef("the repository %s does not exist", repository)
	}
	if err != nil {
		return "", failed("ecr:BatchGetImage", repositoryARN(repository), err)
	}
	if len(output.Images) > 0 {
		return aws.ToString(output.Images[0].ImageManifest), nil
	}
	return "", imageFailed(repository, digest, output.Failures)
}

// imageFailed tells an image that is not there from one that ECR cannot get at this moment
// (docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageFailure.html).
func imageFailed(repository workload.Repository, digest string, failures []ecrtypes.ImageFailure) error {
	if len(failures) == 0 {
		return fmt.Errorf("ecr:BatchGetImage: the answer tells nothing of %s in %s", digest, repository)
	}
	reason := aws.ToString(failures[0].FailureReason)
	switch code := failures[0].FailureCode; code {
	case ecrtypes.ImageFailureCodeImageNotFound, ecrtypes.ImageFailureCodeInvalidImageDigest:
		return rollout.Refusef("the image %s is not in the repository %s", digest, repository)
	case ecrtypes.ImageFailureCodeImageInaccessible:
		return rollout.Refusef("the image %s in the repository %s is not accessible: %s", digest, repository, reason)
	default:
		return fmt.Errorf("ecr:BatchGetImage: %s in %s: %s: %s", digest, repository, code, reason)
	}
}

// maximumConfiguration bounds an image's configuration, in bytes, as registries bound manifests.
const maximumConfiguration = 4 << 20

// configuredPlatform is the platform of an image without an index: its configuration tells.
func configuredPlatform(
	repository workload.Repository, digest string, parsed manifest, blob func(digest string) ([]byte, error),
) ([]platform, error) {
	if kind := parsed.Config.MediaType; kind != ociConfig && kind != dockerConfig {
		return nil, rollout.Refusef("%s of %s is not a container image, but %q",
			workload.ShortDigest(digest), repository.Name, kind)
	}
	document, err := blob(parsed.Config.Digest)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of %s in %s: %w", digest, repository, err)
	}
	var configured platform
	if err := json.Unmarshal(document, &configured); err != nil {
		return nil, rollout.Refusef("the image %s of %s has a configuration that is not JSON: %v",
			workload.ShortDigest(digest), repository.Name, err)
	}
	if configured.OS == "" || configured.Architecture == "" {
		return nil, nil
	}
	return []platform{configured}, nil
}

// configuration gets the configuration of an image of a private repository.
func (d *Driver) configuration(ctx context.Context, repository workload.Repository, digest, config string) ([]byte, error) {
	output, err := d.clients.ECR.GetDownloadUrlForLayer(ctx, &ecr.GetDownloadUrlForLayerInput{
		RegistryId: &repository.Registry, RepositoryName: &repository.Name, LayerDigest: &config,
	}, inRegion(repository))
	if hasCode(err, missingCodes) {
		return nil, rollout.Refusef("the image %s of %s has lost its configuration %s",
			workload.ShortDigest(digest), repository.Name, config)
	}
	if err != nil {
		return nil, failed("ecr:GetDownloadUrlForLayer", repositoryARN(repository), err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, aws.ToString(output.DownloadUrl), http.NoBody)
	if err != nil {
		return nil, errors.New("ECR answered with a URL that cannot be read")
	}
	return d.download(request, config)
}

// download reads a blob and proves that it is the one of the digest. The URL may be signed, so no error shows it.
func (d *Driver) download(request *http.Request, digest string) ([]byte, error) {
	response, err := d.clients.HTTP.Do(request)
	if err != nil {
		return nil, fmt.Errorf("get the blob %s from %s: %w", digest, request.URL.Host, withoutURL(err))
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get the blob %s from %s: %s", digest, request.URL.Host, response.Status)
	}
	blob, err := io.ReadAll(io.LimitReader(response.Body, maximumConfiguration+1))
	if err != nil {
		return nil, fmt.Errorf("get the blob %s from %s: %w", digest, request.URL.Host, err)
	}
	if len(blob) > maximumConfiguration {
		return nil, rollout.Refusef("the image's configuration %s is longer than 4 MiB", digest)
	}
	if sum := sha256.Sum256(blob); "sha256:"+hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("the blob from %s is not the one of digest %s", request.URL.Host, digest)
	}
	return blob, nil
}

func inRegion(repository workload.Repository) func(*ecr.Options) {
	return func(options *ecr.Options) {
		if repository.Region != "" {
			options.Region = repository.Region
		}
	}
}

func repositoryARN(repository workload.Repository) string {
	return "arn:aws:ecr:" + repository.Region + ":" + repository.Registry + ":repository/" + repository.Name
}

// withoutURL is the cause of an HTTP client's error, without the URL that the client puts before it.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
