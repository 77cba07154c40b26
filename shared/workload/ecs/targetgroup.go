package ecs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"davit/shared/names"
	"davit/shared/workload"
)

// targetGroupAge is how old what is known of target groups may be: a service keeps its own for life, nearly always.
const targetGroupAge = 5 * time.Minute

// targetGroups remembers which service is behind which target group.
type targetGroups struct {
	mutex  sync.Mutex
	readAt time.Time
	known  map[string]workload.Reference
}

// BehindTargetGroup finds the service that opted in to remedies and is behind the target group, by its name as metrics
// have it: targetgroup/NAME/ID. It is the zero value where there is none. No call of AWS leads from a target group to its
// service, so all that opted in are described, ten a call, at most once in five minutes; an alarm with a davit/workload
// tag needs none of it.
func (d *Driver) BehindTargetGroup(ctx context.Context, targetGroup string) (workload.Reference, error) {
	d.targetGroups.mutex.Lock()
	defer d.targetGroups.mutex.Unlock()
	if found, known := d.targetGroups.known[targetGroup]; known && time.Since(d.targetGroups.readAt) < targetGroupAge {
		return found, nil
	}
	known := map[string]workload.Reference{}
	for page, err := range d.TaggedWith(ctx, names.TagPlaybook) {
		if err != nil {
			return workload.Reference{}, err
		}
		if err := d.readTargetGroups(ctx, page.References, known); err != nil {
			return workload.Reference{}, fmt.Errorf("find the service behind %s: %w", targetGroup, err)
		}
	}
	d.targetGroups.known, d.targetGroups.readAt = known, time.Now()
	return known[targetGroup], nil
}

func (d *Driver) readTargetGroups(ctx context.Context, references []workload.Reference, into map[string]workload.Reference) error {
	clusters, err := byCluster(references)
	if err != nil {
		return err
	}
	for _, services := range clusters {
		for chunk := range slices.Chunk(services, batch) {
			output, err := d.clients.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{
				Cluster: aws.String(chunk[0].Cluster()), Services: serviceNames(chunk),
			})
			// A service of a cluster that is gone keeps its tag for a while, and must not hide all others.
			if hasCode(err, missingCluster) {
				break
			}
			if err != nil {
				return failed("ecs:DescribeServices", "*", err)
			}
			for _, service := range output.Services {
				reference, err := workload.ParseServiceARN(aws.ToString(service.ServiceArn))
				if err != nil {
					continue
				}
				for _, balancer := range service.LoadBalancers {
					if _, name, found := strings.Cut(aws.ToString(balancer.TargetGroupArn), ":targetgroup/"); found {
						into["targetgroup/"+name] = reference
					}
				}
			}
		}
	}
	return nil
}
