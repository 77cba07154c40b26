package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"davit/shared/backoff"
	"davit/shared/names"
)

// The layout of the table. One item a workload holds the record, so that reading it is one key and fencing it is one
// condition:
//
//	pk                                  sk                          attributes
//	workload#REFERENCE                  record                      version (N), listed (S), record (S), expires (N)
//	workload#REFERENCE                  history#TIME#ID             entry (S), expires (N)
//	repository#ACCOUNT/REGION/NAME      REFERENCE
//	open-incidents                      REFERENCE
//	open-scaling                        REFERENCE
//	workloads                           REFERENCE
//
// The last four are the index: what of it lists a workload follows from the record alone. The record is a JSON string
// beside its version and not a map of attributes: it is read and written whole, never in part, so a map would only cost
// a second encoding of the same types and DynamoDB's 3 bytes a nested element. What a condition must see stands beside
// it: the version, and the partitions of the index that list the workload. A record that lapses expires like history.
//
// Nothing of a workload's partition sorts before its history, which lets a history page be bounded from above alone.
const (
	workloadPartition   = "workload#"
	repositoryPartition = "repository#"
	openPartition       = "open-incidents"
	scalingPartition    = "open-scaling"
	workloadsPartition  = "workloads"
	recordKey           = "record"
	historyKey          = "history#"
	// afterHistory sorts after every key that begins with historyKey, and before recordKey.
	afterHistory = "history$"

	attributeVersion   = "version"
	attributeListed    = "listed"
	attributeRecord    = "record"
	attributeEntry     = "entry"
	attributePartition = names.TablePartitionKey
	attributeSort      = names.TableSortKey
	attributeExpires   = names.TableTimeToLive
)

// DefaultHistoryDays is how long history is kept where nothing else was asked for.
const DefaultHistoryDays = 400

// ErrConflict is wrapped by the error of a write whose record is no longer the one that was read. Read again, decide
// again.
var ErrConflict = errors.New("the record was changed by someone else")

// ErrTooLarge is wrapped by the error of a write that DynamoDB could not store
// (docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html). Trying it again cannot help.
var ErrTooLarge = errors.New("too large for the ledger")

// DynamoDBAPI is the part of the DynamoDB client that the ledger uses.
type DynamoDBAPI interface {
	GetItem(ctx context.Context, input *dynamodb.GetItemInput,
		options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(ctx context.Context, input *dynamodb.BatchGetItemInput,
		options ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	TransactWriteItems(ctx context.Context, input *dynamodb.TransactWriteItemsInput,
		options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
	Query(ctx context.Context, input *dynamodb.QueryInput,
		options ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Ledger keeps records and their history in a DynamoDB table. It holds no state of its own: making one costs nothing,
// and several may work on one table at once.
type Ledger struct {
	client DynamoDBAPI
	table  string
	// historyDays answers how long history is kept.
	historyDays func() int
	now         func() time.Time
	pause       func(ctx context.Context, attempt int) error
}

// Option changes how a Ledger works.
type Option func(*Ledger)

// WithHistoryDays sets how many days history is kept, asked at each write; DefaultHistoryDays where it answers 0 or
// less. It concerns the entries that this Ledger writes, not those written before. DynamoDB deletes what expired within
// a few days.
func WithHistoryDays(days func() int) Option {
	return func(l *Ledger) { l.historyDays = days }
}

// WithClock sets the clock that stamps UpdatedAt; time.Now if absent.
func WithClock(now func() time.Time) Option {
	return func(l *Ledger) { l.now = now }
}

// New is the ledger in the named table. It makes no call.
func New(client DynamoDBAPI, table string, options ...Option) *Ledger {
	ledger := &Ledger{
		client:      client,
		table:       table,
		historyDays: func() int { return DefaultHistoryDays },
		now:         time.Now,
		pause:       pause,
	}
	for _, option := range options {
		option(ledger)
	}
	return ledger
}

// pause waits before a batch that was not answered whole is asked for again.
func pause(ctx context.Context, attempt int) error {
	return backoff.Wait(ctx, backoff.Delay(50*time.Millisecond, 2*time.Second, attempt))
}
