package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic/types"

	"davit/shared/imagepolicy"
	"davit/shared/rollout"
	"davit/shared/workload"
)

// PublicClient is the call of Amazon ECR Public that the registry makes. An *ecrpublic.Client is one.
type PublicClient interface {
	DescribeImages(context.Context, *ecrpublic.DescribeImagesInput, ...func(*ecrpublic.Options)) (
		*ecrpublic.DescribeImagesOutput, error)
}

// publicEndpointRegion is where ECR Public describes repositories ("Amazon ECR Public endpoints and quotas" in the AWS
// General Reference).
const publicEndpointRegion = "us-east-1"

func inPublicRegion(options *ecrpublic.Options) { options.Region = publicEndpointRegion }

// publicImages lists the tagged images of a public repository. ECR Public has no filter by tag, so the platforms of an
// image are listed with it, and count as pages.
func (r *Registry) publicImages(ctx context.Context, repository workload.Repository) ([]imagepolicy.Image, error) {
	input := &ecrpublic.DescribeImagesInput{
		RegistryId: &repository.Registry, RepositoryName: &repository.Name, MaxResults: aws.Int32(imagesPerPage),
	}
	images := []imagepolicy.Image{}
	for range maximumPages {
		output, err := r.public.DescribeImages(ctx, input, inPublicRegion)
		if err != nil {
			return []imagepolicy.Image{}, fmt.Errorf("list the images of %s: %w", repository, classedPublic(repository, err))
		}
		for _, detail := range output.ImageDetails {
			if len(detail.ImageTags) > 0 {
				images = append(images, publicImage(detail))
			}
		}
		if aws.ToString(output.NextToken) == "" {
			return images, nil
		}
		input.NextToken = output.NextToken
	}
	return []imagepolicy.Image{}, tooMany(repository, "delete some, as public repositories have no lifecycle policy")
}

// findPublic describes one image of a public repository by its digest.
func (r *Registry) findPublic(ctx context.Context, repository workload.Repository, digest string) (imagepolicy.Image, error) {
	output, err := r.public.DescribeImages(ctx, &ecrpublic.DescribeImagesInput{
		RegistryId: &repository.Registry, RepositoryName: &repository.Name,
		ImageIds: []types.ImageIdentifier{{ImageDigest: &digest}},
	}, inPublicRegion)
	if err != nil {
		return imagepolicy.Image{}, fmt.Errorf("find %s in %s: %w", digest, repository, classedPublic(repository, err))
	}
	if len(output.ImageDetails) == 0 {
		return imagepolicy.Image{}, fmt.Errorf("find %s in %s: %w", digest, repository, ErrNoImage)
	}
	return publicImage(output.ImageDetails[0]), nil
}

// classedPublic is classed for ECR Public, which has types of its own for the same answers.
func classedPublic(repository workload.Repository, err error) error {
	var noRepository *types.RepositoryNotFoundException
	var noImage *types.ImageNotFoundException
	var answer interface{ ErrorCode() string }
	switch {
	case errors.As(err, &noRepository):
		return fmt.Errorf("%w: %w", rollout.ErrNoRepository, err)
	case errors.As(err, &noImage):
		return fmt.Errorf("%w: %w", ErrNoImage, err)
	case errors.As(err, &answer) && answer.ErrorCode() == "AccessDeniedException":
		return fmt.Errorf("%w: %w", ErrDenied, &rollout.Denied{Action: "ecr-public:DescribeImages", Err: err,
			Resource: fmt.Sprintf("arn:aws:ecr-public::%s:repository/%s", repository.Registry, repository.Name)})
	}
	return fmt.Errorf("ecr-public:DescribeImages: %w", err)
}

func publicImage(detail types.ImageDetail) imagepolicy.Image {
	return imagepolicy.Image{
		Digest:            aws.ToString(detail.ImageDigest),
		Tags:              detail.ImageTags,
		PushedAt:          aws.ToTime(detail.ImagePushedAt),
		ArtifactMediaType: aws.ToString(detail.ArtifactMediaType),
	}
}
