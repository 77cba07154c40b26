package kubernetestest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"davit/cmd/davit/emulator"
)

// NewRepository makes a repository in the cloud's ECR and answers its name as pods have it: with the registry's host.
func (c *Cloud) NewRepository(tb testing.TB, repository string) (image string) {
	tb.Helper()
	configuration, err := c.AWS(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := ecr.NewFromConfig(configuration).CreateRepository(tb.Context(), &ecr.CreateRepositoryInput{
		RepositoryName: &repository,
	}); err != nil {
		tb.Fatal(err)
	}
	return Registry() + "/" + repository
}

// Push pushes an image without any file to the repository and answers its digest, "sha256:…". Labels say whether its
// containers end: kubernetes.LabelExit and LabelOOM. The same tag and labels
// always make the same image; others make another one.
func (c *Cloud) Push(tb testing.TB, repository, tag string, labels map[string]string) (digest string) {
	tb.Helper()
	configured, err := empty.Image.ConfigFile()
	if err != nil {
		tb.Fatal(err)
	}
	configured = configured.DeepCopy()
	configured.OS, configured.Architecture = "linux", "amd64"
	configured.Config.Labels = map[string]string{"org.opencontainers.image.version": tag}
	for key, value := range labels {
		configured.Config.Labels[key] = value
	}
	image, err := mutate.ConfigFile(empty.Image, configured)
	if err != nil {
		tb.Fatal(err)
	}
	_, host, _ := strings.Cut(c.Endpoint, "://")
	target, err := name.NewTag(fmt.Sprintf("%s/%s:%s", host, repository, tag), name.Insecure)
	if err != nil {
		tb.Fatal(err)
	}
	if err := remote.Write(target, image, remote.WithContext(tb.Context())); err != nil {
		tb.Fatal(err)
	}
	pushed, err := image.Digest()
	if err != nil {
		tb.Fatal(err)
	}
	return pushed.String()
}

// Registry is the host of the account's registry on AWS, by which pods name images.
func Registry() string {
	return fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com", emulator.Account, emulator.DefaultRegion)
}
