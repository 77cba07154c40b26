package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"davit/shared/workload"
)

const (
	// batch is how many items BatchGetItem takes
	// (docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
	batch = 100
	// batchesAtOnce bounds the calls that one Read has under way.
	batchesAtOnce = 4
	// attemptsWithoutProgress is how often a batch that answers nothing new is asked again.
	attemptsWithoutProgress = 8
)

// errUnprocessed says that DynamoDB left keys of a batch unanswered too often.
var errUnprocessed = errors.New("the table is too busy to answer")

type item = map[string]types.AttributeValue

// Read answers the record of each workload with a consistent read; a workload never seen has a record of version 0. A
// reference may be given twice. Where the error is not nil, the records that could be read are in the answer all the
// same; one that cannot be decoded keeps no other from its reader.
func (l *Ledger) Read(ctx context.Context, references []workload.Reference) (map[workload.Reference]Record, error) {
	items := make(map[workload.Reference]item, len(references))
	for _, reference := range references {
		if reference.IsZero() {
			return nil, errors.New("read the records: a reference is empty")
		}
		items[reference] = nil
	}
	if err := l.fetch(ctx, items); err != nil {
		return nil, fmt.Errorf("read %s from table %s: %w", counted(references), l.table, err)
	}
	records := make(map[workload.Reference]Record, len(items))
	var broken []error
	for reference, found := range items {
		record, err := decodeRecord(reference, found)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		records[reference] = record
	}
	return records, errors.Join(broken...)
}

// fetch fills in the item of each reference; a reference without an item keeps nil.
func (l *Ledger) fetch(ctx context.Context, items map[workload.Reference]item) error {
	switch len(items) {
	case 0:
		return nil
	case 1:
		for reference := range items {
			found, err := l.fetchOne(ctx, reference)
			items[reference] = found
			return err
		}
	}
	keys := make([]item, 0, len(items))
	byPartition := make(map[string]workload.Reference, len(items))
	for reference := range items {
		partition := workloadPartition + reference.String()
		keys = append(keys, key(partition, recordKey))
		byPartition[partition] = reference
	}
	batches := (len(keys) + batch - 1) / batch
	answers := make([][]item, batches)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(batchesAtOnce)
	for i := range batches {
		group.Go(func() (err error) {
			answers[i], err = l.fetchBatch(ctx, keys[i*batch:min((i+1)*batch, len(keys))])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, answer := range answers {
		for _, found := range answer {
			if reference, asked := byPartition[text(found, attributePartition)]; asked {
				items[reference] = found
			}
		}
	}
	return nil
}

func (l *Ledger) fetchOne(ctx context.Context, reference workload.Reference) (item, error) {
	output, err := l.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &l.table,
		Key:            key(workloadPartition+reference.String(), recordKey),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	return output.Item, nil
}

// fetchBatch asks until every key was processed. DynamoDB leaves keys out when an answer reaches 16 MB or the table
// is throttled; only the second is a reason to give up.
func (l *Ledger) fetchBatch(ctx context.Context, keys []item) ([]item, error) {
	var found []item
	for attempt := 0; ; {
		output, err := l.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{
				l.table: {Keys: keys, ConsistentRead: aws.Bool(true)},
			},
		})
		if err != nil {
			return nil, err
		}
		found = append(found, output.Responses[l.table]...)
		left := output.UnprocessedKeys[l.table].Keys
		if len(left) == 0 {
			return found, nil
		}
		attempt++
		if len(left) < len(keys) {
			attempt = 0
		}
		if attempt == attemptsWithoutProgress {
			return nil, fmt.Errorf("%w: %d keys left after %d attempts", errUnprocessed, len(left), attempt)
		}
		if err := l.pause(ctx, attempt); err != nil {
			return nil, err
		}
		keys = left
	}
}

// decodeRecord reads the item of a workload; no item is a workload never seen.
func decodeRecord(reference workload.Reference, stored item) (Record, error) {
	record := Record{Workload: reference}
	if len(stored) == 0 {
		return record, nil
	}
	version, err := storedVersion(stored)
	if err != nil {
		return Record{}, fmt.Errorf("decode the record of %s: %w", reference, err)
	}
	if err := json.Unmarshal([]byte(text(stored, attributeRecord)), &record); err != nil {
		return Record{}, fmt.Errorf("decode the record of %s: %w", reference, err)
	}
	record.Workload, record.Version = reference, version
	return record, nil
}

func storedVersion(stored item) (int64, error) {
	number, _ := stored[attributeVersion].(*types.AttributeValueMemberN)
	if number == nil {
		return 0, errors.New("the item has no version")
	}
	version, err := strconv.ParseInt(number.Value, 10, 64)
	if err != nil || version < 1 {
		return 0, fmt.Errorf("%q is not a version", number.Value)
	}
	return version, nil
}

func key(partition, sort string) item {
	return item{attributePartition: textValue(partition), attributeSort: textValue(sort)}
}

func textValue(value string) types.AttributeValue { return &types.AttributeValueMemberS{Value: value} }

func numberValue(value int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(value, 10)}
}

// text is the value of a string attribute; empty where there is none.
func text(stored item, attribute string) string {
	value, _ := stored[attribute].(*types.AttributeValueMemberS)
	if value == nil {
		return ""
	}
	return value.Value
}

// counted names one workload, or says how many there are.
func counted(references []workload.Reference) string {
	if len(references) == 1 {
		return "the record of " + references[0].String()
	}
	return strconv.Itoa(len(references)) + " records"
}
