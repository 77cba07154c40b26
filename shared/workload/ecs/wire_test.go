package ecs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"davit/shared/workload"
	"davit/shared/workload/ecs"
)

const (
	region  = "ap-northeast-2"
	account = "000000000000"
)

// answer is what the wire answers to a call: a status and a document, which is JSON unless it is a string.
type answer struct {
	status   int
	document any
}

// ok is an answer that succeeds.
func ok(document any) answer { return answer{http.StatusOK, document} }

// fault is an answer of AWS that fails with a code.
func fault(status int, code, message string) answer {
	return answer{status, map[string]any{"__type": code, "message": message}}
}

// call is one request that came over the wire.
type call struct {
	operation string
	region    string
	body      string
}

// wire is an AWS endpoint in the test's process: the SDK's own serialisation, signing and retries run against it.
type wire struct {
	t       testing.TB
	url     string
	mutex   sync.Mutex
	calls   []call
	handler map[string]func(body string) answer
}

func newWire(t testing.TB) *wire {
	w := &wire{t: t, handler: map[string]func(string) answer{}}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// on answers an operation with the answers in order, the last one for ever.
func (w *wire) on(operation string, answers ...answer) {
	next := 0
	w.serve(operation, func(string) answer {
		given := answers[min(next, len(answers)-1)]
		next++
		return given
	})
}

// serve answers an operation by what the request says. Handlers run one at a time.
func (w *wire) serve(operation string, handler func(body string) answer) {
	w.handler[operation] = handler
}

// count is how often the operation was called; all calls for "".
func (w *wire) count(operation string) int {
	return len(w.bodies(operation))
}

// bodies are the requests of an operation in their order.
func (w *wire) bodies(operation string) []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var bodies []string
	for _, one := range w.calls {
		if operation == "" || one.operation == operation {
			bodies = append(bodies, one.body)
		}
	}
	return bodies
}

// regions are the regions that the calls of an operation were signed for.
func (w *wire) regions(operation string) []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var regions []string
	for _, one := range w.calls {
		if one.operation == operation {
			regions = append(regions, one.region)
		}
	}
	return regions
}

func (w *wire) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
	if err != nil {
		w.t.Errorf("read the request: %v", err)
	}
	operation := request.Header.Get("X-Amz-Target")
	operation = operation[strings.LastIndex(operation, ".")+1:]
	if form, err := url.ParseQuery(string(body)); operation == "" && err == nil {
		operation = form.Get("Action")
	}
	if operation == "" {
		operation = request.Method + " " + request.URL.Path
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.calls = append(w.calls, call{operation, signedRegion(request), string(body)})
	handler, found := w.handler[operation]
	if !found {
		w.t.Errorf("unexpected call %s %s", operation, body)
		writer.WriteHeader(http.StatusTeapot)
		return
	}
	given := handler(string(body))
	writer.WriteHeader(given.status)
	if text, isText := given.document.(string); isText {
		_, err = io.WriteString(writer, text)
	} else {
		err = json.NewEncoder(writer).Encode(given.document)
	}
	if err != nil {
		w.t.Logf("answer %s: %v", operation, err)
	}
}

// signedRegion reads the region from the signature (AWS Signature Version 4: KEY/DATE/REGION/SERVICE/aws4_request).
func signedRegion(request *http.Request) string {
	parts := strings.Split(request.Header.Get("Authorization"), "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}

// retries are the SDK's standard ones, three attempts, without the waiting.
func retries() aws.Retryer {
	return retry.NewStandard(func(options *retry.StandardOptions) {
		options.MaxAttempts = 3
		options.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	})
}

// whole sends each request in one piece. The SDK closes a request's body as soon as the answer begins; where net/http has
// not noticed the end of the body by then, it closes the connection, and of a long answer the rest is lost.
type whole struct{}

func (whole) Do(request *http.Request) (*http.Response, error) {
	sent := request.Clone(request.Context())
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		sent.Body = io.NopCloser(bytes.NewReader(body))
	}
	return http.DefaultClient.Do(sent)
}

func configuration(endpoint string) aws.Config {
	return aws.Config{
		HTTPClient:   whole{},
		Region:       region,
		BaseEndpoint: &endpoint,
		Retryer:      retries,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// clients are real SDK clients of an endpoint.
func clients(endpoint string) ecs.Clients {
	configured := configuration(endpoint)
	return ecs.Clients{
		ECS:     sdk.NewFromConfig(configured),
		SSM:     ssm.NewFromConfig(configured),
		ECR:     ecr.NewFromConfig(configured),
		IAM:     iam.NewFromConfig(configured),
		Logs:    cloudwatchlogs.NewFromConfig(configured),
		Secrets: secretsmanager.NewFromConfig(configured),
		Tagging: resourcegroupstaggingapi.NewFromConfig(configured),
	}
}

func (w *wire) driver() *ecs.Driver { return ecs.New(clients(w.url)) }

func reference(t testing.TB, text string) workload.Reference {
	t.Helper()
	parsed, err := workload.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func decode(t testing.TB, text string) map[string]any {
	t.Helper()
	var decoded map[string]any
	if err := json.Unmarshal([]byte(text), &decoded); err != nil {
		t.Fatalf("decode %q: %v", text, err)
	}
	return decoded
}

// object and array are JSON.
type (
	object = map[string]any
	array  = []any
)

func serviceARN(cluster, service string) string {
	return "arn:aws:ecs:" + region + ":" + account + ":service/" + cluster + "/" + service
}

func revisionARN(revision string) string {
	return "arn:aws:ecs:" + region + ":" + account + ":task-definition/" + revision
}

// wantError holds an error against words that it must have.
func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q lacks %q", err, word)
		}
	}
}
