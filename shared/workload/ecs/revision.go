package ecs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// revision is a task definition revision as ECS describes it. Revisions never change, so one that was read once is
// kept; its tags are those of that reading.
type revision struct {
	// document is the description member by member, as it came over the wire: the SDK's types know only the fields of
	// their own version.
	document map[string]json.RawMessage
	// definition is the part of it that the SDK knows.
	definition *types.TaskDefinition
	tags       []types.Tag
}

// maximumDescription bounds what is read of a task definition, in bytes. ECS allows a task definition 64 KiB
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html) and describes it with some more.
const maximumDescription = 1 << 20

var errDescriptionTooLong = errors.New("the answer is longer than 1 MiB")

// revision describes a task definition revision, from the cache where it was described before.
func (d *Driver) revision(ctx context.Context, arn string) (*revision, error) {
	return d.revisions.Fetch(arn, func() (*revision, error) { return d.describe(ctx, arn) })
}

func (d *Driver) describe(ctx context.Context, arn string) (*revision, error) {
	var body []byte
	output, err := d.clients.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: &arn,
		Include:        []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
	}, captureBody(&body))
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", arn, failed("ecs:DescribeTaskDefinition", "*", err))
	}
	described, err := readRevision(body, output.TaskDefinition, output.Tags)
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", arn, err)
	}
	return described, nil
}

// readRevision makes a revision of an answer that holds one, from its bytes and from what the SDK read of them.
func readRevision(body []byte, definition *types.TaskDefinition, tags []types.Tag) (*revision, error) {
	var answer struct {
		TaskDefinition map[string]json.RawMessage `json:"taskDefinition"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if answer.TaskDefinition == nil || definition == nil {
		return nil, errors.New("the answer has no task definition")
	}
	return &revision{document: answer.TaskDefinition, definition: definition, tags: tags}, nil
}

// captureBody keeps the body of a successful answer, and lets the SDK read it as well.
func captureBody(body *[]byte) func(*ecs.Options) {
	capture := middleware.DeserializeMiddlewareFunc("davit:CaptureBody", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleDeserialize(ctx, in)
		response, isHTTP := out.RawResponse.(*smithyhttp.Response)
		if err != nil || !isHTTP || response.Body == nil {
			return out, metadata, err
		}
		read, err := io.ReadAll(io.LimitReader(response.Body, maximumDescription+1))
		if err != nil {
			return out, metadata, err
		}
		if len(read) > maximumDescription {
			return out, metadata, errDescriptionTooLong
		}
		if err := response.Body.Close(); err != nil {
			return out, metadata, err
		}
		*body = read
		response.Body = io.NopCloser(bytes.NewReader(read))
		return out, metadata, nil
	})
	return ecs.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(capture, middleware.After)
	})
}

// sendBody sends the body in place of what the SDK made of the input. It acts before the request is signed.
func sendBody(body []byte) func(*ecs.Options) {
	send := middleware.SerializeMiddlewareFunc("davit:SendBody", func(
		ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler,
	) (middleware.SerializeOutput, middleware.Metadata, error) {
		request, isHTTP := in.Request.(*smithyhttp.Request)
		if !isHTTP {
			return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("unknown transport %T", in.Request)
		}
		request, err := request.SetStream(bytes.NewReader(body))
		if err != nil {
			return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("set the request's body: %w", err)
		}
		in.Request = request
		return next.HandleSerialize(ctx, in)
	})
	return ecs.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Serialize.Add(send, middleware.After)
	})
}

// splitRevision takes the ARN or the short name of a revision apart: FAMILY:NUMBER.
func splitRevision(name string) (family string, number int, err error) {
	short := afterLast(name, "/")
	family, digits, _ := strings.Cut(short, ":")
	number, err = strconv.Atoi(digits)
	if err != nil || family == "" || number < 1 {
		return "", 0, fmt.Errorf("%q is not a task definition revision", name)
	}
	return family, number, nil
}
