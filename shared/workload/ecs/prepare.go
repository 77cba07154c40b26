package ecs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"golang.org/x/sync/errgroup"

	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/workload"
)

// answerOnly are the members of a described task definition that RegisterTaskDefinition does not take
// (docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html and API_RegisterTaskDefinition.html).
var answerOnly = []string{
	"taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy",
	"deregisteredAt", "deleteRequestedAt",
}

const (
	// newestRevisions bounds how many revisions are looked at for one that an earlier attempt made.
	newestRevisions = 20
	// atOnce is how many of them are described side by side: an earlier attempt's is nearly always the newest.
	atOnce = 4
)

// Prepare registers a revision that differs from change.From only in the image of the chosen containers, and answers
// its ARN. The new revision carries the tags of the old one, except AWS's own, and names.TagRollout.
//
// RegisterTaskDefinition knows no client token. So it is not sent again after an answer that leaves open whether it was
// done, and with resume the newest revisions of the family are searched for one that carries the rollout's ID. Where
// there is one, the deployment that runs it, or whose stopped tasks ran it, is answered with it. What ECS says is
// invalid is a *rollout.Refused.
func (d *Driver) Prepare(
	ctx context.Context, observation workload.Observation, change rollout.Change, resume bool,
) (rollout.Prepared, error) {
	if resume {
		prepared, err := d.resumed(ctx, observation, change)
		if err != nil {
			return rollout.Prepared{}, fmt.Errorf("%s: look for what was done of rollout %s: %w",
				observation.Workload, change.Rollout, err)
		}
		if prepared.Revision != "" {
			return prepared, nil
		}
	}
	from, err := d.revision(ctx, change.From)
	if err != nil {
		return rollout.Prepared{}, fmt.Errorf("%s: prepare rollout %s: %w", observation.Workload, change.Rollout, err)
	}
	arn, err := d.register(ctx, from, change)
	if err != nil {
		return rollout.Prepared{}, fmt.Errorf("%s: register a revision for rollout %s: %w",
			observation.Workload, change.Rollout, err)
	}
	return rollout.Prepared{Revision: arn}, nil
}

// resumed is what an earlier attempt of the rollout came to: the zero value, a revision, or a revision and its
// deployment.
func (d *Driver) resumed(
	ctx context.Context, observation workload.Observation, change rollout.Change,
) (rollout.Prepared, error) {
	revision, err := d.earlier(ctx, change)
	if err != nil || revision == "" {
		return rollout.Prepared{}, err
	}
	deployment, err := d.startedBy(ctx, observation, revision)
	return rollout.Prepared{Revision: revision, Deployment: deployment}, err
}

// startedBy finds the deployment of a revision; empty if there is none. A deployment that failed leaves the service's
// list once it was put back, and then only its stopped tasks tell of it, which ECS shows for about an hour.
func (d *Driver) startedBy(
	ctx context.Context, observation workload.Observation, revision string,
) (string, error) {
	for _, deployment := range observation.Deployments {
		if deployment.Revision == revision {
			return deployment.ID, nil
		}
	}
	stopped, err := d.stoppedTasks(ctx, observation.Workload)
	if err != nil {
		return "", err
	}
	for _, task := range stopped {
		starter := aws.ToString(task.StartedBy)
		if aws.ToString(task.TaskDefinitionArn) == revision && strings.HasPrefix(starter, deploymentPrefix) {
			return starter, nil
		}
	}
	return "", nil
}

// deploymentPrefix begins the ID of every deployment of a service.
const deploymentPrefix = "ecs-svc/"

func (d *Driver) register(ctx context.Context, from *revision, change rollout.Change) (string, error) {
	body, err := from.changed(change)
	if err != nil {
		return "", err
	}
	return d.registerBody(ctx, from, body)
}

// registerBody registers a revision of the same family by the request as it goes over the wire.
func (d *Driver) registerBody(ctx context.Context, from *revision, body []byte) (string, error) {
	// The input satisfies the SDK's validation; what is sent is the body.
	input := &ecs.RegisterTaskDefinitionInput{
		Family: from.definition.Family, ContainerDefinitions: []types.ContainerDefinition{},
	}
	var answer []byte
	output, err := d.clients.ECS.RegisterTaskDefinition(ctx, input, sendBody(body), captureBody(&answer), retryThrottlesOnly)
	if err != nil {
		return "", registerFailed(from, err)
	}
	arn := ""
	if output.TaskDefinition != nil {
		arn = aws.ToString(output.TaskDefinition.TaskDefinitionArn)
	}
	if arn == "" {
		return "", errors.New("ecs:RegisterTaskDefinition: the answer names no revision")
	}
	if made, err := readRevision(answer, output.TaskDefinition, output.Tags); err == nil {
		d.revisions.Put(arn, made) // the next look at the service need not describe it
	}
	return arn, nil
}

// registerFailed tells a request that can never succeed from one that can. ECS calls two registrations for one family
// at the same time a client's fault, too, but that passes.
func registerFailed(from *revision, err error) error {
	if hasCode(err, invalidCodes) && !strings.Contains(strings.ToLower(message(err)), "concurrent") {
		return rollout.Refusef("ECS does not accept a revision made from %s: %s", aws.ToString(from.definition.TaskDefinitionArn), message(err))
	}
	return failed("ecs:RegisterTaskDefinition", "*", err)
}

// retryThrottlesOnly makes the client send a request again only where AWS said that it did nothing.
func retryThrottlesOnly(options *ecs.Options) {
	if options.Retryer != nil {
		options.Retryer = throttleRetryer{options.Retryer}
	}
}

type throttleRetryer struct{ aws.Retryer }

// IsErrorRetryable is true of throttles only.
func (r throttleRetryer) IsErrorRetryable(err error) bool {
	throttle := retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}
	return throttle.IsErrorThrottle(err) == aws.TrueTernary && r.Retryer.IsErrorRetryable(err)
}

// changed is the request that registers the changed revision. Members are kept as they came over the wire, so that
// what this version of davit does not know is kept too.
func (r *revision) changed(change rollout.Change) ([]byte, error) {
	request := r.request()
	containers, err := r.changedContainers(change)
	if err != nil {
		return nil, err
	}
	if request["containerDefinitions"], err = json.Marshal(containers); err != nil {
		return nil, fmt.Errorf("write the container definitions: %w", err)
	}
	if request["tags"], err = json.Marshal(r.taggedFor(change.Rollout)); err != nil {
		return nil, fmt.Errorf("write the tags: %w", err)
	}
	return json.Marshal(request)
}

// request is the description without what registering does not take.
func (r *revision) request() map[string]json.RawMessage {
	request := maps.Clone(r.document)
	for _, member := range answerOnly {
		delete(request, member)
	}
	maps.DeleteFunc(request, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	return request
}

func (r *revision) changedContainers(change rollout.Change) ([]map[string]json.RawMessage, error) {
	var containers []map[string]json.RawMessage
	if err := json.Unmarshal(r.document["containerDefinitions"], &containers); err != nil {
		return nil, fmt.Errorf("read the container definitions: %w", err)
	}
	image, err := json.Marshal(change.Base + "@" + change.Digest)
	if err != nil {
		return nil, fmt.Errorf("write the image: %w", err)
	}
	if len(change.Containers) == 0 {
		return nil, rollout.Refusef("the change names no container")
	}
	for _, name := range change.Containers {
		at := slices.IndexFunc(containers, func(container map[string]json.RawMessage) bool {
			var named string
			return json.Unmarshal(container["name"], &named) == nil && named == name
		})
		if at < 0 {
			return nil, rollout.Refusef("%s has no container %q", change.From, name)
		}
		containers[at]["image"] = image
	}
	return containers, nil
}

type registerTag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// taggedFor are the tags of the changed revision. Keys with AWS's own prefix cannot be set.
func (r *revision) taggedFor(rolloutID string) []registerTag {
	tags := make([]registerTag, 0, len(r.tags)+1)
	for _, tag := range r.tags {
		key := aws.ToString(tag.Key)
		if key == names.TagRollout || strings.HasPrefix(strings.ToLower(key), "aws:") {
			continue
		}
		tags = append(tags, registerTag{Key: key, Value: aws.ToString(tag.Value)})
	}
	return append(tags, registerTag{Key: names.TagRollout, Value: rolloutID})
}

// earlier finds the revision that an earlier attempt of the rollout registered; empty if there is none. It looks at
// the newest revisions that are newer than the one the rollout starts from.
func (d *Driver) earlier(ctx context.Context, change rollout.Change) (string, error) {
	newer, err := d.newerRevisions(ctx, change.From)
	if err != nil {
		return "", err
	}
	for chunk := range slices.Chunk(newer, atOnce) {
		found, err := d.carrying(ctx, chunk, change.Rollout)
		if err != nil || found != "" {
			return found, err
		}
	}
	return "", nil
}

// newerRevisions lists the revisions of the same family that are newer than from, newest first, at most
// newestRevisions.
func (d *Driver) newerRevisions(ctx context.Context, from string) ([]string, error) {
	family, number, err := splitRevision(from)
	if err != nil {
		return nil, err
	}
	var newer []string
	input := &ecs.ListTaskDefinitionsInput{
		FamilyPrefix: &family, Sort: types.SortOrderDesc, MaxResults: aws.Int32(100),
	}
	const maximumPages = 5
	for range maximumPages {
		output, err := d.clients.ECS.ListTaskDefinitions(ctx, input)
		if err != nil {
			return nil, failed("ecs:ListTaskDefinitions", "*", err)
		}
		for _, arn := range output.TaskDefinitionArns {
			listed, revised, err := splitRevision(arn)
			if err != nil || listed != family {
				continue
			}
			if revised <= number || len(newer) == newestRevisions {
				return newer, nil
			}
			newer = append(newer, arn)
		}
		if aws.ToString(output.NextToken) == "" {
			return newer, nil
		}
		input.NextToken = output.NextToken
	}
	return newer, nil
}

// carrying finds the first of the revisions that carries the rollout's ID.
func (d *Driver) carrying(ctx context.Context, arns []string, rolloutID string) (string, error) {
	carries := make([]bool, len(arns))
	calls, ctx := errgroup.WithContext(ctx)
	for index, arn := range arns {
		calls.Go(func() error {
			described, err := d.revision(ctx, arn)
			if err != nil {
				return err
			}
			carries[index] = described.belongsTo(rolloutID)
			return nil
		})
	}
	if err := calls.Wait(); err != nil {
		return "", err
	}
	if index := slices.Index(carries, true); index >= 0 {
		return arns[index], nil
	}
	return "", nil
}

// belongsTo tells whether the revision was registered for the rollout.
func (r *revision) belongsTo(rolloutID string) bool {
	return slices.ContainsFunc(r.tags, func(tag types.Tag) bool {
		return aws.ToString(tag.Key) == names.TagRollout && aws.ToString(tag.Value) == rolloutID
	})
}
