// Package autoscaling observes and moves the counts of ECS services: their desired count where nobody else owns it, the
// bounds of Application Auto Scaling where that does, and the Auto Scaling group behind their capacity provider where
// tasks find no place. It is the scaling driver for workloads of the kind "ecs".
package autoscaling

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	tagtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/smithy-go"

	"davit/shared/names"
	"davit/shared/scaling"
	"davit/shared/workload"
)

// Clients are what the driver talks to. Retries are the clients' own.
type Clients struct {
	ECS        *ecs.Client
	Targets    *applicationautoscaling.Client
	Groups     *autoscaling.Client
	CloudWatch *cloudwatch.Client
	Tagging    *resourcegroupstaggingapi.Client
}

// Driver is the scaling driver for ECS services of one account and region. It is safe for concurrent use.
type Driver struct {
	clients Clients
	// optIn is the tag of what it may change.
	optIn string
}

var _ scaling.Driver = (*Driver)(nil)

// New makes a driver, whose role may change what carries the tag. It makes no call.
func New(clients Clients, optIn string) *Driver { return &Driver{clients, optIn} }

// maximumPages bounds Fleet to 100,000 services.
const maximumPages = 1000

var errTooMany = errors.New("more than 100,000 services carry the tag " + names.TagScaling)

// Fleet goes through the ECS services of the account and region that carry the davit/scaling tag. A service whose ARN has
// the old form without its cluster is left out. An error ends it.
func (d *Driver) Fleet(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return func(yield func(workload.Reference, error) bool) {
		input := &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"ecs:service"},
			TagFilters: []tagtypes.TagFilter{{Key: aws.String(names.TagScaling)}}, ResourcesPerPage: aws.Int32(100)}
		for range maximumPages {
			page, err := d.clients.Tagging.GetResources(ctx, input)
			if err != nil {
				yield(workload.Reference{}, fmt.Errorf("list the services tagged %s: %w", names.TagScaling, err))
				return
			}
			for _, found := range page.ResourceTagMappingList {
				reference, err := workload.ParseServiceARN(aws.ToString(found.ResourceARN))
				if err == nil && !yield(reference, nil) {
					return
				}
			}
			if aws.ToString(page.PaginationToken) == "" {
				return
			}
			input.PaginationToken = page.PaginationToken
		}
		yield(workload.Reference{}, errTooMany)
	}
}

// AlarmTags answers the tags of an alarm by its ARN; none for one that is gone.
func (d *Driver) AlarmTags(ctx context.Context, arn string) (map[string]string, error) {
	output, err := d.clients.CloudWatch.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: &arn})
	if hasCode(err, "ResourceNotFoundException", "ResourceNotFound") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cloudwatch:ListTagsForResource of %s: %w", arn, err)
	}
	tags := make(map[string]string, len(output.Tags))
	for _, tag := range output.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags, nil
}

// hasCode tells whether AWS answered with one of the codes.
func hasCode(err error, codes ...string) bool {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return false
	}
	for _, code := range codes {
		if answer.ErrorCode() == code {
			return true
		}
	}
	return false
}
