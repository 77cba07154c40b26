package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	dockerManifest = string(types.DockerManifestSchema2)
	dockerConfig   = string(types.DockerConfigJSON)
)

// repository makes an ECR repository of the test's own.
func repository(t *testing.T) (*ecr.Client, string) {
	t.Helper()
	client, repositoryName := ecr.NewFromConfig(cloud(t)), unique(t)
	_, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &repositoryName})
	if err != nil {
		t.Fatal(err)
	}
	return client, repositoryName
}

// reference is the name of an image in the emulator's registry; the identifier begins with ":" or "@".
func reference(t *testing.T, repositoryName, identifier string) name.Reference {
	t.Helper()
	parsed, err := name.ParseReference(strings.TrimPrefix(endpoint, "http://")+"/"+repositoryName+identifier, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func randomImage(t *testing.T) (v1.Image, string) {
	t.Helper()
	image, err := random.Image(64, 2)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return image, digest.String()
}

// push pushes a new image by tag and answers its digest.
func push(t *testing.T, repositoryName, tag string) string {
	t.Helper()
	image, digest := randomImage(t)
	if err := remote.Write(reference(t, repositoryName, ":"+tag), image); err != nil {
		t.Fatal(err)
	}
	return digest
}

func imageActions(t *testing.T, repositoryName string) *bus {
	t.Helper()
	return listen(t, map[string]any{
		"source":      []string{"aws.ecr"},
		"detail-type": []string{"ECR Image Action"},
		"detail":      map[string]any{"repository-name": []string{repositoryName}},
	})
}

func imageAction(repositoryName, digest, action, tag string) event {
	detail := map[string]any{
		"result": "SUCCESS", "repository-name": repositoryName, "image-digest": digest, "action-type": action,
		"manifest-media-type": dockerManifest, "artifact-media-type": dockerConfig,
	}
	if tag != "" {
		detail["image-tag"] = tag
	}
	return event{Source: "aws.ecr", DetailType: "ECR Image Action", Resources: []string{}, Detail: detail}
}

func TestPushByTagPublishesOneImageAction(t *testing.T) {
	_, repositoryName := repository(t)
	actions := imageActions(t, repositoryName)
	first, second := push(t, repositoryName, "1.0.0"), push(t, repositoryName, "1.0.1")
	equal(t, actions.next(), imageAction(repositoryName, first, "PUSH", "1.0.0"))
	equal(t, actions.next(), imageAction(repositoryName, second, "PUSH", "1.0.1"))
}

func TestPushByDigestPublishesAnImageActionWithoutATag(t *testing.T) {
	_, repositoryName := repository(t)
	actions := imageActions(t, repositoryName)
	image, digest := randomImage(t)
	if err := remote.Write(reference(t, repositoryName, "@"+digest), image); err != nil {
		t.Fatal(err)
	}
	equal(t, actions.next(), imageAction(repositoryName, digest, "PUSH", ""))
}

func TestPutImagePublishesAnImageAction(t *testing.T) {
	client, repositoryName := repository(t)
	digest := push(t, repositoryName, "1.0.0")
	actions := imageActions(t, repositoryName)
	found, err := client.BatchGetImage(t.Context(), &ecr.BatchGetImageInput{
		RepositoryName: &repositoryName, ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: aws.String("1.0.0")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.PutImage(t.Context(), &ecr.PutImageInput{
		RepositoryName: &repositoryName, ImageManifest: found.Images[0].ImageManifest, ImageTag: aws.String("stable"),
		ImageManifestMediaType: found.Images[0].ImageManifestMediaType,
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, actions.next(), imageAction(repositoryName, digest, "PUSH", "stable"))
}

func TestDeletionPublishesAnImageActionATag(t *testing.T) {
	client, repositoryName := repository(t)
	digest := push(t, repositoryName, "1.0.0")
	image, err := remote.Image(reference(t, repositoryName, ":1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Tag(reference(t, repositoryName, ":1.0").(name.Tag), image); err != nil {
		t.Fatal(err)
	}
	other := push(t, repositoryName, "2.0.0")
	actions := imageActions(t, repositoryName)

	remove := func(identifier ecrtypes.ImageIdentifier) {
		t.Helper()
		// The events say what was deleted: a client that repeats a call whose answer got lost is told of a failure.
		_, err := client.BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{
			RepositoryName: &repositoryName, ImageIds: []ecrtypes.ImageIdentifier{identifier},
		})
		if err != nil {
			t.Fatalf("delete %v: %v", identifier, err)
		}
	}
	remove(ecrtypes.ImageIdentifier{ImageTag: aws.String("1.0")})
	equal(t, actions.next(), imageAction(repositoryName, digest, "DELETE", "1.0"))
	if _, err := remote.Head(reference(t, repositoryName, ":1.0.0")); err != nil {
		t.Errorf("the image must stay while it has a tag: %v", err)
	}
	remove(ecrtypes.ImageIdentifier{ImageTag: aws.String("1.0.0")})
	equal(t, actions.next(), imageAction(repositoryName, digest, "DELETE", "1.0.0"))
	if _, err := remote.Head(reference(t, repositoryName, "@"+digest)); err == nil {
		t.Error("the image must go with its last tag")
	}
	if err := remote.Delete(reference(t, repositoryName, "@"+other)); err != nil {
		t.Fatal(err)
	}
	equal(t, actions.next(), imageAction(repositoryName, other, "DELETE", "2.0.0"))
}

func TestDescribeImagesOrdersImagesOfTheSameSecond(t *testing.T) {
	client, repositoryName := repository(t)
	var pushed []string
	for number := range 5 {
		pushed = append(pushed, push(t, repositoryName, fmt.Sprintf("1.0.%d", number)))
	}
	answer, err := client.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: &repositoryName})
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int64{}
	for _, image := range answer.ImageDetails {
		times[*image.ImageDigest] = image.ImagePushedAt.UnixMilli()
		if *image.ArtifactMediaType != dockerConfig || *image.ImageManifestMediaType != dockerManifest {
			t.Errorf("media types are %s and %s", *image.ArtifactMediaType, *image.ImageManifestMediaType)
		}
		if *image.ImageSizeInBytes < 128 {
			t.Errorf("the image has two layers of 64 bytes, its size is said to be %d", *image.ImageSizeInBytes)
		}
	}
	for i, digest := range pushed[1:] {
		if times[pushed[i]] >= times[digest] {
			t.Errorf("push %d at %d is not before the next at %d", i, times[pushed[i]], times[digest])
		}
	}
}

func TestDescribeImagesRefusesAnImageThatDoesNotExist(t *testing.T) {
	client, repositoryName := repository(t)
	_, err := client.DescribeImages(t.Context(), &ecr.DescribeImagesInput{
		RepositoryName: &repositoryName, ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: aws.String("absent")}},
	})
	var absent *ecrtypes.ImageNotFoundException
	if !errors.As(err, &absent) {
		t.Errorf("got %v, want an ImageNotFoundException", err)
	}
}

func TestListImagesHasEachTagWhereItIsNow(t *testing.T) {
	client, repositoryName := repository(t)
	old := push(t, repositoryName, "latest")
	recent := push(t, repositoryName, "latest")
	image, err := remote.Image(reference(t, repositoryName, ":latest"))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Tag(reference(t, repositoryName, ":2.0.0").(name.Tag), image); err != nil {
		t.Fatal(err)
	}
	answer, err := client.ListImages(t.Context(), &ecr.ListImagesInput{RepositoryName: &repositoryName})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, identifier := range answer.ImageIds {
		got[*identifier.ImageDigest] = append(got[*identifier.ImageDigest], aws.ToString(identifier.ImageTag))
	}
	if diff := cmp.Diff(map[string][]string{old: {""}, recent: {"latest", "2.0.0"}}, got); diff != "" {
		t.Errorf("tags by digest differ (-want +got):\n%s", diff)
	}
}

func TestDownloadURLServesTheConfig(t *testing.T) {
	client, repositoryName := repository(t)
	image, _ := randomImage(t)
	if err := remote.Write(reference(t, repositoryName, ":1.0.0"), image); err != nil {
		t.Fatal(err)
	}
	digest, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	want, err := image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.GetDownloadUrlForLayer(t.Context(), &ecr.GetDownloadUrlForLayerInput{
		RepositoryName: &repositoryName, LayerDigest: aws.String(digest.String()),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, *answer.DownloadUrl); got != string(want) {
		t.Errorf("%s serves %q, want %q", *answer.DownloadUrl, got, want)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s: %s", url, response.Status, body)
	}
	return string(body)
}
