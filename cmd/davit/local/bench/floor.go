package bench

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"davit/cmd/davit/local/cloud"
	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/webimage"
)

const (
	// floorName is the name of everything that the floor is made of.
	floorName = "davit-floor"
	// imageRule is the rule that brings pushes to the rollout function.
	imageRule = "davit-image"
	// batchSize is the batch size of the rollout function's mapping.
	batchSize = 10
	// calledLimit is how long a push may take to call the empty function.
	calledLimit = 30 * time.Second
	// functionTimeout is in seconds.
	functionTimeout = 60
)

// floor is an empty function on the path of the rollout function: registry, rule, queue, mapping. It has a repository of
// its own.
type floor struct {
	site      cloud.Site
	directory string
	quiet     *console.Console
	undo      []func(context.Context) error
	events    *eventbridge.Client
}

// installFloor compiles the function and puts it on its path. What was made is removed again where a part fails.
func installFloor(ctx context.Context, site cloud.Site) (*floor, error) {
	made := &floor{
		site: site, quiet: console.New(nowhere{}), events: eventbridge.NewFromConfig(site.Endpoint.Config()),
	}
	if err := made.install(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("install the empty function: %w", err), made.remove(context.WithoutCancel(ctx)))
	}
	return made, nil
}

func (f *floor) install(ctx context.Context) (err error) {
	if f.directory, err = os.MkdirTemp("", floorName+"-"); err != nil {
		return err
	}
	code, err := f.compile(ctx)
	if err != nil {
		return err
	}
	queue, err := f.queue(ctx)
	if err != nil {
		return err
	}
	if err := f.function(ctx, code, queue); err != nil {
		return err
	}
	return f.rule(ctx, queue)
}

// compile answers the function's deployment package.
func (f *floor) compile(ctx context.Context) ([]byte, error) {
	path := filepath.Join(f.directory, "bootstrap")
	if err := webimage.Compile(ctx, f.site.Root, "./cmd/davit/local/floor", path); err != nil {
		return nil, err
	}
	// #nosec G304 -- the path is the one made above.
	binary, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	writer := zip.NewWriter(&archive)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	entry, err := writer.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := entry.Write(binary); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

// queue makes the repository and the queue, and answers the queue's ARN.
func (f *floor) queue(ctx context.Context) (arn string, err error) {
	registry := ecr.NewFromConfig(f.site.Endpoint.Config())
	if _, err := registry.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String(floorName)}); err != nil {
		return "", err
	}
	f.undone(func(ctx context.Context) error {
		_, err := registry.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: aws.String(floorName), Force: true})
		return err
	})
	client := sqs.NewFromConfig(f.site.Endpoint.Config())
	made, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: aws.String(floorName), Attributes: map[string]string{"VisibilityTimeout": "360"},
	})
	if err != nil {
		return "", err
	}
	f.undone(func(ctx context.Context) error {
		_, err := client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: made.QueueUrl})
		return err
	})
	arn = fmt.Sprintf("arn:aws:sqs:%s:000000000000:%s", f.site.Endpoint.Region, floorName)
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn,
		"Principal": map[string]string{"Service": "events.amazonaws.com"},
	}}})
	if err != nil {
		return "", err
	}
	_, err = client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: made.QueueUrl, Attributes: map[string]string{"Policy": string(policy)},
	})
	return arn, err
}

// function makes the role, the function and its mapping.
func (f *floor) function(ctx context.Context, code []byte, queue string) error {
	roles := iam.NewFromConfig(f.site.Endpoint.Config())
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
		`"Principal":{"Service":"lambda.amazonaws.com"}}]}`
	role, err := roles.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(floorName), AssumeRolePolicyDocument: &trust})
	if err != nil {
		return err
	}
	f.undone(func(ctx context.Context) error {
		_, err := roles.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String(floorName)})
		return err
	})
	// What the mapping does with the queue it does as this role.
	reading := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"` + queue + `",` +
		`"Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes"]}]}`
	_, err = roles.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String(floorName), PolicyName: aws.String(floorName), PolicyDocument: &reading,
	})
	if err != nil {
		return err
	}
	f.undone(func(ctx context.Context) error {
		_, err := roles.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{
			RoleName: aws.String(floorName), PolicyName: aws.String(floorName),
		})
		return err
	})
	client := lambda.NewFromConfig(f.site.Endpoint.Config())
	architecture := lambdatypes.ArchitectureX8664
	if runtime.GOARCH == "arm64" {
		architecture = lambdatypes.ArchitectureArm64
	}
	_, err = client.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String(floorName), Role: role.Role.Arn, Runtime: lambdatypes.RuntimeProvidedal2023,
		Handler: aws.String("bootstrap"), Architectures: []lambdatypes.Architecture{architecture},
		Code: &lambdatypes.FunctionCode{ZipFile: code}, Timeout: aws.Int32(functionTimeout), MemorySize: aws.Int32(512),
		Environment: &lambdatypes.Environment{Variables: map[string]string{"FLOOR_FILE": f.notes()}},
	})
	if err != nil {
		return err
	}
	f.undone(func(ctx context.Context) error {
		_, err := client.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String(floorName)})
		return err
	})
	mapping, err := client.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
		FunctionName: aws.String(floorName), EventSourceArn: &queue, BatchSize: aws.Int32(batchSize),
		FunctionResponseTypes: []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures},
	})
	if err != nil {
		return err
	}
	f.undone(func(ctx context.Context) error {
		_, err := client.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: mapping.UUID})
		return err
	})
	return nil
}

// rule sends the pushes of the floor's repository to its queue.
func (f *floor) rule(ctx context.Context, queue string) error {
	pattern := `{"source":["aws.ecr"],"detail-type":["ECR Image Action"],"detail":{"action-type":["PUSH"],` +
		`"result":["SUCCESS"],"repository-name":["` + floorName + `"]}}`
	if _, err := f.events.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String(floorName), EventPattern: &pattern}); err != nil {
		return err
	}
	f.undone(func(ctx context.Context) error {
		_, err := f.events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: aws.String(floorName)})
		return err
	})
	_, err := f.events.PutTargets(ctx, &eventbridge.PutTargetsInput{
		Rule: aws.String(floorName), Targets: []eventtypes.Target{{Id: aws.String("queue"), Arn: &queue}},
	})
	if err != nil {
		return err
	}
	f.undone(func(ctx context.Context) error {
		_, err := f.events.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{
			Rule: aws.String(floorName), Ids: []string{"queue"},
		})
		return err
	})
	return nil
}

func (f *floor) undone(by func(context.Context) error) { f.undo = append(f.undo, by) }

// notes is the file to which the function writes.
func (f *floor) notes() string { return filepath.Join(f.directory, "calls") }

// measure pushes the image to the floor's repository and answers the time until the handler began. The rollout
// function, which sees the pushes of every repository, does not see this one.
func (f *floor) measure(ctx context.Context, image v1.Image, tag string) (called time.Duration, err error) {
	if _, err := f.events.DisableRule(ctx, &eventbridge.DisableRuleInput{Name: aws.String(imageRule)}); err != nil {
		return 0, err
	}
	defer func() {
		_, enabled := f.events.EnableRule(context.WithoutCancel(ctx), &eventbridge.EnableRuleInput{Name: aws.String(imageRule)})
		err = errors.Join(err, enabled)
	}()
	digest, begun, err := pushTimed(ctx, f.site.Endpoint.Registry(), floorName, tag, image)
	if err != nil {
		return 0, err
	}
	var at time.Time
	wait := console.Wait{For: "the empty function to be called for " + digest, Limit: calledLimit, Every: lookEvery}
	err = f.quiet.Await(ctx, wait, func(context.Context) (string, bool, error) {
		text, err := os.ReadFile(f.notes())
		if errors.Is(err, os.ErrNotExist) {
			return "no call at all", false, nil
		}
		found, noted := noted(string(text), digest)
		at = found
		return "calls for other images", noted, err
	})
	return at.Sub(begun), err
}

// noted finds when the function was called for the digest. The last line may be unfinished.
func noted(text, digest string) (time.Time, bool) {
	for line := range strings.Lines(text) {
		name, nanoseconds, found := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !found || name != digest || !strings.HasSuffix(line, "\n") {
			continue
		}
		if number, err := strconv.ParseInt(nanoseconds, 10, 64); err == nil {
			return time.Unix(0, number), true
		}
	}
	return time.Time{}, false
}

// remove takes the floor away, the last made first.
func (f *floor) remove(ctx context.Context) error {
	var failed []error
	for len(f.undo) > 0 {
		last := len(f.undo) - 1
		failed = append(failed, f.undo[last](ctx))
		f.undo = f.undo[:last]
	}
	if f.directory != "" {
		failed = append(failed, os.RemoveAll(f.directory))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("remove the empty function: %w", err)
	}
	return nil
}
