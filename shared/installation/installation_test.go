package installation_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"davit/cmd/davit/emulator/emulatortest"
	"davit/shared/installation"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/publisher"
	"davit/shared/rollout"
	"davit/shared/telemetry"
	"davit/shared/workload"
)

const (
	account = "000000000000"
	region  = "ap-northeast-2"
)

var endpoint string

func TestMain(m *testing.M) {
	os.Exit(emulatortest.Run(m, func(url string) { endpoint = url }, emulatortest.WithoutEngine))
}

// counter counts AWS calls by operation.
type counter struct {
	mutex sync.Mutex
	calls map[string]int
	// deciding is how many calls there were before the first intent was written, but for those that verify the image.
	deciding, total int
	acting          bool
}

// verifying are the calls that read the pushed image for its platforms, while the rest is observed.
var verifying = map[string]bool{"BatchGetImage": true, "GetDownloadUrlForLayer": true}

func (c *counter) option(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("count", func(ctx context.Context, in middleware.InitializeInput,
		next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		c.mutex.Lock()
		operation := awsmiddleware.GetOperationName(ctx)
		c.calls[operation]++
		c.total++
		c.acting = c.acting || operation == "TransactWriteItems"
		if !c.acting && !verifying[operation] {
			c.deciding++
		}
		c.mutex.Unlock()
		return next.HandleInitialize(ctx, in)
	}), middleware.After)
}

func configuration(options ...func(*middleware.Stack) error) aws.Config {
	return aws.Config{Region: region, BaseEndpoint: aws.String(endpoint), APIOptions: options,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

// fleet is an account with services that follow another repository, and some that follow web.
type fleet struct {
	following []workload.Reference
	// pushes is how many versions were pushed.
	pushes int
}

// newFleet makes services services, of which following follow the repository web.
func newFleet(tb testing.TB, services, following int) *fleet {
	tb.Helper()
	ctx := context.Background()
	plain := configuration()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	client := ecs.NewFromConfig(plain)
	suffix := fmt.Sprint(time.Now().UnixNano())
	cluster := "fleet-" + suffix
	_, err := client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String(cluster)})
	must(err)
	_, err = dynamodb.NewFromConfig(plain).CreateTable(ctx, &dynamodb.CreateTableInput{TableName: aws.String(suffix),
		BillingMode: dynamodbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamodbtypes.AttributeDefinition{
			{AttributeName: aws.String(names.TablePartitionKey), AttributeType: dynamodbtypes.ScalarAttributeTypeS},
			{AttributeName: aws.String(names.TableSortKey), AttributeType: dynamodbtypes.ScalarAttributeTypeS}},
		KeySchema: []dynamodbtypes.KeySchemaElement{
			{AttributeName: aws.String(names.TablePartitionKey), KeyType: dynamodbtypes.KeyTypeHash},
			{AttributeName: aws.String(names.TableSortKey), KeyType: dynamodbtypes.KeyTypeRange}}})
	must(err)
	_, err = eventbridge.NewFromConfig(plain).CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String(suffix)})
	must(err)
	repositoryName := "web-" + suffix
	_, err = ecr.NewFromConfig(plain).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String(repositoryName)})
	must(err)
	push(tb, repositoryName, "1.0.0")
	result := &fleet{}
	tb.Setenv("FLEET", suffix)

	register := func(family, repository string) *string {
		image := account + ".dkr.ecr." + region + ".amazonaws.com/" + repository + ":0.9.0"
		registered, err := client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: aws.String(cluster + "-" + family),
			ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: aws.String("web"), Image: aws.String(image), Memory: aws.Int32(64)}}})
		must(err)
		return registered.TaskDefinition.TaskDefinitionArn
	}
	other := register("other", "other")
	for index := range services {
		service, definition := fmt.Sprintf("service-%d", index), other
		if index < following {
			definition = register(service, repositoryName)
			reference, err := workload.ECSService(cluster, service)
			must(err)
			result.following = append(result.following, reference)
		}
		_, err := client.CreateService(ctx, &ecs.CreateServiceInput{Cluster: aws.String(cluster), ServiceName: aws.String(service),
			TaskDefinition: definition, DesiredCount: aws.Int32(0),
			Tags: []ecstypes.Tag{{Key: aws.String(names.TagPolicy), Value: aws.String("semver:1.x")}}})
		must(err)
	}
	return result
}

// push pushes an image without layers for linux/amd64 and answers its digest.
func push(tb testing.TB, repository, tag string) string {
	tb.Helper()
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{Architecture: "amd64", OS: "linux", Author: tag + time.Now().String(),
		RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		tb.Fatal(err)
	}
	target, err := name.ParseReference(endpoint[len("http://"):]+"/"+repository+":"+tag, name.Insecure)
	if err != nil {
		tb.Fatal(err)
	}
	if err := remote.Write(target, image); err != nil {
		tb.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		tb.Fatal(err)
	}
	return digest.String()
}

// intake opens the installation of the fleet with counted clients, as the function does.
func intake(calls *counter) (*rollout.Intake, *installation.Installation) {
	suffix := os.Getenv("FLEET")
	counted := configuration(calls.option)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	davit := installation.Open(counted, suffix, "/davit/settings/"+suffix, log)
	davit.Reconciler.Reporter = &rollout.Announcer{Metrics: telemetry.NewMetrics(io.Discard),
		Publisher: publisher.New(eventbridge.NewFromConfig(counted), suffix)}
	return &rollout.Intake{Reconciler: davit.Reconciler, Log: log, MaximumReceives: 6,
		Fleet: func(ctx context.Context) iter.Seq2[workload.Reference, error] { return davit.Fleet(ctx) }}, davit
}

// rollOut lets the ledger know the services that follow, pushes, and counts the calls of the one invocation that
// handles the push.
func (f *fleet) rollOut(tb testing.TB) *counter {
	tb.Helper()
	ctx := context.Background()
	first, _ := intake(&counter{calls: map[string]int{}})
	if _, err := first.Reconciler.Reconcile(ctx, f.following, rollout.Cause{Text: "sweep"}); err != nil {
		tb.Fatal(err)
	}
	if _, err := first.Reconciler.Reconcile(ctx, f.following, rollout.Cause{Text: "sweep"}); err != nil {
		tb.Fatal(err)
	}
	repository := "web-" + os.Getenv("FLEET")
	f.pushes++
	tag := fmt.Sprintf("1.1.%d", f.pushes)
	digest := push(tb, repository, tag)
	calls := &counter{calls: map[string]int{}}
	handler, davit := intake(calls)
	event := fmt.Appendf(nil, `{"version":"0","id":"push-1","detail-type":"ECR Image Action","source":"aws.ecr","account":%q,"time":"2026-03-02T12:00:00Z",`+
		`"region":%q,"resources":[],"detail":{"action-type":"PUSH","result":"SUCCESS","repository-name":%q,"image-digest":%q,"image-tag":%q}}`,
		account, region, repository, digest, tag)
	if err := handler.Handle(ctx, event, 1); err != nil {
		tb.Fatal(err)
	}
	deciding, total := calls.deciding, calls.total
	records, err := davit.Ledger.Read(ctx, f.following)
	if err != nil {
		tb.Fatal(err)
	}
	for _, reference := range f.following {
		if current := records[reference].Rollout; current == nil || current.Image.Digest != digest {
			tb.Fatalf("%s: the push started %+v", reference, current)
		}
	}
	calls.deciding, calls.total = deciding, total
	return calls
}

func TestAPushCostsCallsByItsMatchesAndNotByTheFleet(t *testing.T) {
	for _, size := range []struct{ services, following int }{{1, 1}, {5, 3}, {60, 3}, {60, 10}} {
		t.Run(fmt.Sprintf("%d of %d services follow", size.following, size.services), func(t *testing.T) {
			calls := newFleet(t, size.services, size.following).rollOut(t)
			if limit := 5 + size.following; calls.deciding > limit {
				t.Errorf("finding and deciding took %d calls, more than %d: %v", calls.deciding, limit, calls.calls)
			}
			if limit := 7 + 6*size.following; calls.total > limit {
				t.Errorf("the push took %d calls, more than %d: %v", calls.total, limit, calls.calls)
			}
			t.Logf("%d calls to find and decide, %d in all: %v", calls.deciding, calls.total, calls.calls)
		})
	}
}

func TestServicesAreSweptWhereNoClusterOfKubernetesCanBeListed(t *testing.T) {
	fleet := newFleet(t, 2, 2)
	suffix := os.Getenv("FLEET")
	parameter := "/davit/settings/" + suffix
	_, err := ssm.NewFromConfig(configuration()).PutParameter(t.Context(), &ssm.PutParameterInput{Name: &parameter, Type: ssmtypes.ParameterTypeString,
		Value: aws.String(`{"version":"1","clusters":["*"]}`)})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	davit := installation.Open(configuration(without("EKS", "ListClusters", no)), suffix, parameter, slog.New(slog.NewTextHandler(&log, nil)))
	found := map[workload.Reference]bool{}
	for reference, err := range davit.Fleet(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		found[reference] = true
	}
	for _, reference := range fleet.following {
		if !found[reference] {
			t.Errorf("%s is not swept", reference)
		}
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "eks:ListClusters") {
		t.Errorf("the log says %s", &log)
	}
}

func TestTheFleetIsListedWhereOneListFailsOrNeverAnswers(t *testing.T) {
	silent := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, answer := range map[string]func(context.Context) error{"denied": no, "silent": silent} {
		for _, list := range []struct{ service, operation string }{{"Resource Groups Tagging API", "GetResources"}, {"DynamoDB", "Query"}} {
			t.Run(name+" "+list.operation, func(t *testing.T) {
				fleet := newFleet(t, 1, 1)
				suffix := os.Getenv("FLEET")
				if _, err := installation.Open(configuration(), suffix, "", slog.Default()).Ledger.Write(t.Context(), ledger.Record{Workload: fleet.following[0]}); err != nil {
					t.Fatal(err)
				}
				davit := installation.Open(configuration(without(list.service, list.operation, answer)), suffix, "/davit/settings/"+suffix, slog.New(slog.DiscardHandler))
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				found, failures := 0, 0
				for reference, err := range davit.Fleet(ctx) {
					if err != nil {
						failures++
					}
					if reference == fleet.following[0] {
						found++
					}
				}
				if found != 1 || failures != 1 {
					t.Errorf("it is listed %d times, with %d errors, want 1 and 1", found, failures)
				}
				if ctx.Err() != nil {
					t.Error("no time is left for the sweep")
				}
			})
		}
	}
}

// no is the answer of IAM.
func no(context.Context) error {
	return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}
}

// without has one operation of a service answer an error.
func without(service, operation string, answer func(context.Context) error) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("deny", func(ctx context.Context, in middleware.InitializeInput,
			next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if awsmiddleware.GetServiceID(ctx) == service && awsmiddleware.GetOperationName(ctx) == operation {
				return middleware.InitializeOutput{}, middleware.Metadata{}, answer(ctx)
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	}
}

// BenchmarkAPushToTenOfTenThousand counts the calls of a push that ten services of ten thousand follow. The fleet takes
// minutes to make.
func BenchmarkAPushToTenOfTenThousand(b *testing.B) {
	fleet := newFleet(b, 10_000, 10)
	for b.Loop() {
		calls := fleet.rollOut(b)
		b.ReportMetric(float64(calls.deciding), "calls-to-decide/op")
		b.ReportMetric(float64(calls.total), "calls/op")
	}
}
