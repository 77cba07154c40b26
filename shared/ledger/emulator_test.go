package ledger_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"davit/cmd/davit/emulator/emulatortest"
	"davit/shared/ledger"
	"davit/shared/ledger/ledgertest"
	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/workload"
)

var _ rollout.Ledger = (*ledger.Ledger)(nil)

// endpoint is the emulator of this package's tests.
var endpoint string

func TestMain(m *testing.M) {
	os.Exit(emulatortest.Run(m, func(started string) { endpoint = started }))
}

func TestLedgerOnDynamoDB(t *testing.T) {
	client := newTable(t)
	ledgertest.Contract(t, ledger.New(client, names.Table))
}

func TestHistoryExpires(t *testing.T) {
	client := newTable(t)
	web := service(t, "web")
	at := time.Date(2026, 11, 22, 12, 0, 0, 500, time.UTC)
	for name, test := range map[string]struct {
		options []ledger.Option
		days    int
	}{
		"after the default":       {nil, ledger.DefaultHistoryDays},
		"after the days asked":    {[]ledger.Option{ledger.WithHistoryDays(func() int { return 30 })}, 30},
		"after the default for 0": {[]ledger.Option{ledger.WithHistoryDays(func() int { return 0 })}, ledger.DefaultHistoryDays},
	} {
		t.Run(name, func(t *testing.T) {
			tested := ledger.New(client, names.Table, test.options...)
			records, err := tested.Read(t.Context(), []workload.Reference{web})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tested.Write(t.Context(), records[web], ledger.Entry{ID: name, At: at}); err != nil {
				t.Fatal(err)
			}
			output, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
				TableName: aws.String(names.Table),
				Key: map[string]types.AttributeValue{
					names.TablePartitionKey: &types.AttributeValueMemberS{Value: "workload#" + web.String()},
					names.TableSortKey:      &types.AttributeValueMemberS{Value: "history#2026-11-22T12:00:00.000Z#" + name},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			expires, _ := output.Item[names.TableTimeToLive].(*types.AttributeValueMemberN)
			want := strconv.FormatInt(at.AddDate(0, 0, test.days).Unix(), 10)
			if expires == nil || expires.Value != want {
				t.Errorf("the entry expires at %v, not at %s", output.Item[names.TableTimeToLive], want)
			}
		})
	}
}

// Only a record that lapses expires, and once the workload is back it does not: DynamoDB would delete what is in use.
func TestWhatLapsesExpires(t *testing.T) {
	client := newTable(t)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tested := ledger.New(client, names.Table, ledger.WithHistoryDays(func() int { return 30 }), ledger.WithClock(func() time.Time { return now }))
	host, err := workload.ParseReference("ec2:i-0123456789abcdef0")
	if err != nil {
		t.Fatal(err)
	}
	rollout := &ledger.Rollout{ID: "r-1", Phase: ledger.Started}
	incidents := ledger.Recovery{Incidents: []ledger.Incident{{ID: "inc-1", Workload: host}}}
	for _, step := range []struct {
		name    string
		record  ledger.Record
		expires bool
	}{
		{"there", ledger.Record{Workload: service(t, "web")}, false},
		{"gone during a rollout", ledger.Record{Workload: service(t, "web"), Gone: true, Rollout: rollout}, false},
		{"gone", ledger.Record{Workload: service(t, "web"), Gone: true}, true},
		{"back", ledger.Record{Workload: service(t, "web")}, false},
		{"a host with an incident", ledger.Record{Workload: host, Recovery: incidents}, false},
		{"a host without", ledger.Record{Workload: host}, true},
	} {
		records, err := tested.Read(t.Context(), []workload.Reference{step.record.Workload})
		if err != nil {
			t.Fatal(err)
		}
		step.record.Version = records[step.record.Workload].Version
		if _, err := tested.Write(t.Context(), step.record); err != nil {
			t.Fatal(err)
		}
		output, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
			TableName: aws.String(names.Table),
			Key: map[string]types.AttributeValue{
				names.TablePartitionKey: &types.AttributeValueMemberS{Value: "workload#" + step.record.Workload.String()},
				names.TableSortKey:      &types.AttributeValueMemberS{Value: "record"},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := output.Item[names.TableTimeToLive].(*types.AttributeValueMemberN)
		want := strconv.FormatInt(now.AddDate(0, 0, 30).Unix(), 10)
		if step.expires && (got == nil || got.Value != want) || !step.expires && got != nil {
			t.Errorf("%s: the record expires at %v; it expires: %t, at %s", step.name, output.Item[names.TableTimeToLive], step.expires, want)
		}
	}
}

func TestFollowingGoesThroughAllPages(t *testing.T) {
	client := newTable(t)
	tested := ledger.New(client, names.Table)
	repository := workload.Repository{Registry: "000000000000", Region: "ap-northeast-2", Name: "web"}
	const count = 40
	for i := range count {
		record := ledger.Record{Workload: service(t, fmt.Sprintf("web-%03d", i))}
		record.Repositories = []workload.Repository{repository}
		if _, err := tested.Write(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	paged := ledger.New(smallPages{client}, names.Table)
	references, err := paged.Following(t.Context(), repository)
	if err != nil || len(references) != count {
		t.Errorf("%d workloads follow, and %v", len(references), err)
	}
	listed := 0
	for _, err := range paged.Workloads(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		listed++
	}
	if listed != count {
		t.Errorf("%d workloads are listed, not %d", listed, count)
	}
}

// smallPages makes every page of a query small.
type smallPages struct{ ledger.DynamoDBAPI }

func (s smallPages) Query(ctx context.Context, input *dynamodb.QueryInput,
	options ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	input.Limit = aws.Int32(7)
	return s.DynamoDBAPI.Query(ctx, input, options...)
}

func service(t *testing.T, name string) workload.Reference {
	t.Helper()
	reference, err := workload.ECSService("davit", name)
	if err != nil {
		t.Fatal(err)
	}
	return reference
}

// newTable makes the ledger's table, empty, and deletes it after the test.
func newTable(t *testing.T) *dynamodb.Client {
	t.Helper()
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint,
		Region:       "ap-northeast-2",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	attribute := func(name string, kind types.KeyType) (types.AttributeDefinition, types.KeySchemaElement) {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS},
			types.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	partition, hash := attribute(names.TablePartitionKey, types.KeyTypeHash)
	sort, sortRange := attribute(names.TableSortKey, types.KeyTypeRange)
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            aws.String(names.Table),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{partition, sort},
		KeySchema:            []types.KeySchemaElement{hash, sortRange},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context is done by now.
		_, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: aws.String(names.Table)})
		if err != nil {
			t.Error(err)
		}
	})
	return client
}
