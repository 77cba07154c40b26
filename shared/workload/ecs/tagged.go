package ecs

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"davit/shared/names"
	"davit/shared/workload"
)

// TaggedPage is one page of the services that opted in.
type TaggedPage struct {
	// References are the services, at most 100.
	References []workload.Reference
	// Unreadable says of each remaining resource why it cannot be a workload: a service whose ARN has the old form
	// without its cluster must be migrated first
	// (docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html).
	Unreadable []error
}

// maximumTaggedPages bounds Tagged to 100,000 services, twenty times the fleet that davit is made for.
const maximumTaggedPages = 1000

var errTooManyTagged = errors.New("more than 100,000 services carry the tag " + names.TagPolicy)

// Tagged lists the ECS services of the account and region that carry names.TagPolicy, a page of up to 100 for each call
// of tag:GetResources. The listing lags behind the tags by seconds. An error ends it.
func (d *Driver) Tagged(ctx context.Context) iter.Seq2[TaggedPage, error] {
	return d.TaggedWith(ctx, names.TagPolicy)
}

// TaggedWith is Tagged for another tag key.
func (d *Driver) TaggedWith(ctx context.Context, key string) iter.Seq2[TaggedPage, error] {
	return func(yield func(TaggedPage, error) bool) {
		input := &tagging.GetResourcesInput{
			ResourceTypeFilters: []string{"ecs:service"},
			TagFilters:          []types.TagFilter{{Key: &key}},
			ResourcesPerPage:    aws.Int32(100),
		}
		for range maximumTaggedPages {
			output, err := d.clients.Tagging.GetResources(ctx, input)
			if err != nil {
				yield(TaggedPage{}, fmt.Errorf("list the services tagged %s: %w", key,
					failed("tag:GetResources", "*", err)))
				return
			}
			if !yield(page(output.ResourceTagMappingList), nil) {
				return
			}
			if aws.ToString(output.PaginationToken) == "" {
				return
			}
			input.PaginationToken = output.PaginationToken
		}
		yield(TaggedPage{}, errTooManyTagged)
	}
}

func page(resources []types.ResourceTagMapping) TaggedPage {
	var answer TaggedPage
	for _, resource := range resources {
		reference, err := workload.ParseServiceARN(aws.ToString(resource.ResourceARN))
		if err != nil {
			answer.Unreadable = append(answer.Unreadable, err)
			continue
		}
		answer.References = append(answer.References, reference)
	}
	return answer
}
