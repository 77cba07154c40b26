// Package registry lists the images of Amazon ECR repositories.
package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"davit/shared/imagepolicy"
	"davit/shared/rollout"
	"davit/shared/workload"
)

// Client is the call of Amazon ECR that the registry makes. An *ecr.Client is one.
type Client interface {
	DescribeImages(context.Context, *ecr.DescribeImagesInput, ...func(*ecr.Options)) (*ecr.DescribeImagesOutput, error)
}

var (
	// ErrNoImage says that the repository has no image of that digest, or has archived it.
	ErrNoImage = errors.New("the repository has no such image")
	// ErrTooManyImages says that a repository has more tagged images than Images reads.
	ErrTooManyImages = errors.New("too many images to list")
	// ErrDenied says that IAM or the repository's own policy forbids the call.
	ErrDenied = errors.New("to describe the images is denied")
)

const (
	imagesPerPage = 1000
	maximumPages  = 100
)

// Registry lists images. It is safe for concurrent use.
type Registry struct {
	client Client
	public PublicClient
}

var _ rollout.Registry = (*Registry)(nil)

// New makes a registry of private and public repositories. It makes no call.
func New(client Client, public PublicClient) *Registry {
	return &Registry{client: client, public: public}
}

// Images lists the repository's tagged images, 1,000 a call, whatever account and region it is in. Archived images,
// which cannot be pulled, are not among them.
//
// Untagged images are left to Find. No policy can choose one, and the listing must not cost more calls because a
// tag moved often or because images have several platforms: each platform of an image is an untagged image of its own.
//
// A repository that does not exist has no images: the list is empty, beside an error that wraps
// rollout.ErrNoRepository.
func (r *Registry) Images(ctx context.Context, repository workload.Repository) ([]imagepolicy.Image, error) {
	if repository.Public() {
		return r.publicImages(ctx, repository)
	}
	input := &ecr.DescribeImagesInput{
		RegistryId:     &repository.Registry,
		RepositoryName: &repository.Name,
		MaxResults:     aws.Int32(imagesPerPage),
		Filter:         &types.DescribeImagesFilter{TagStatus: types.TagStatusTagged},
	}
	images := []imagepolicy.Image{}
	for range maximumPages {
		output, err := r.client.DescribeImages(ctx, input, in(repository))
		if err != nil {
			return []imagepolicy.Image{}, fmt.Errorf("list the images of %s: %w", repository, classed(repository, err))
		}
		for _, detail := range output.ImageDetails {
			if len(detail.ImageTags) > 0 {
				images = append(images, image(detail))
			}
		}
		if aws.ToString(output.NextToken) == "" {
			return images, nil
		}
		input.NextToken = output.NextToken
	}
	return []imagepolicy.Image{}, tooMany(repository, "let a lifecycle policy expire some")
}

// Find describes one image by its digest, tagged or not, in one call. Where there is none, the error wraps ErrNoImage
// or rollout.ErrNoRepository.
func (r *Registry) Find(
	ctx context.Context, repository workload.Repository, digest string,
) (imagepolicy.Image, error) {
	if repository.Public() {
		return r.findPublic(ctx, repository, digest)
	}
	output, err := r.client.DescribeImages(ctx, &ecr.DescribeImagesInput{
		RegistryId:     &repository.Registry,
		RepositoryName: &repository.Name,
		ImageIds:       []types.ImageIdentifier{{ImageDigest: &digest}},
	}, in(repository))
	if err != nil {
		return imagepolicy.Image{}, fmt.Errorf("find %s in %s: %w", digest, repository, classed(repository, err))
	}
	if len(output.ImageDetails) == 0 {
		return imagepolicy.Image{}, fmt.Errorf("find %s in %s: %w", digest, repository, ErrNoImage)
	}
	return image(output.ImageDetails[0]), nil
}

// tooMany says what to do about a repository with more images than are read.
func tooMany(repository workload.Repository, advice string) error {
	return fmt.Errorf("%w: %w", ErrTooManyImages, rollout.Refusef("%s has more than 100,000 images: %s", repository, advice))
}

// in sends the call to the repository's own region.
func in(repository workload.Repository) func(*ecr.Options) {
	return func(options *ecr.Options) {
		if repository.Region != "" {
			options.Region = repository.Region
		}
	}
}

// classed adds the meaning of an answer to it.
func classed(repository workload.Repository, err error) error {
	var noRepository *types.RepositoryNotFoundException
	var noImage *types.ImageNotFoundException
	var answer interface{ ErrorCode() string }
	switch {
	case errors.As(err, &noRepository):
		return fmt.Errorf("%w: %w", rollout.ErrNoRepository, err)
	case errors.As(err, &noImage):
		return fmt.Errorf("%w: %w", ErrNoImage, err)
	case errors.As(err, &answer) && answer.ErrorCode() == "AccessDeniedException":
		return fmt.Errorf("%w: %w", ErrDenied, &rollout.Denied{Action: "ecr:DescribeImages", Err: err,
			Resource: fmt.Sprintf("arn:aws:ecr:%s:%s:repository/%s", repository.Region, repository.Registry, repository.Name)})
	}
	return fmt.Errorf("ecr:DescribeImages: %w", err)
}

func image(detail types.ImageDetail) imagepolicy.Image {
	return imagepolicy.Image{
		Digest:            aws.ToString(detail.ImageDigest),
		Tags:              detail.ImageTags,
		PushedAt:          aws.ToTime(detail.ImagePushedAt),
		ArtifactMediaType: aws.ToString(detail.ArtifactMediaType),
	}
}
