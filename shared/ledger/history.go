package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"davit/shared/workload"
)

// MaximumHistory is how many entries one call of History answers.
const MaximumHistory = 1000

// keyTime is RFC 3339 in UTC with a fixed width, so that the order of the text is the order of time.
const keyTime = "2006-01-02T15:04:05.000Z"

// Key places the entry in its workload's history: its time to the millisecond and its ID. Keys sort by time.
func (e Entry) Key() string { return e.At.UTC().Format(keyTime) + "#" + e.ID }

// History answers up to limit entries of the workload's history, newest first; limit is 1 to MaximumHistory. Empty
// before begins with the newest. To page on, give the Key of the last entry: what is answered is older than it. Any
// beginning of a key will do, such as "2026-11-22": what is answered is older than that day.
func (l *Ledger) History(ctx context.Context, reference workload.Reference, limit int,
	before string) ([]Entry, error) {
	if limit < 1 || limit > MaximumHistory {
		return nil, fmt.Errorf("read the history of %s: limit %d is not 1 to %d", reference, limit, MaximumHistory)
	}
	bound := afterHistory
	if before != "" {
		bound = historyKey + before
	}
	found := l.query(ctx, &dynamodb.QueryInput{
		TableName:              &l.table,
		ConsistentRead:         aws.Bool(true),
		ScanIndexForward:       aws.Bool(false),
		Limit:                  aws.Int32(int32(limit)), // #nosec G115 -- at most MaximumHistory
		KeyConditionExpression: aws.String("#partition = :partition AND #sort < :before"),
		ExpressionAttributeNames: map[string]string{
			"#partition": attributePartition, "#sort": attributeSort,
		},
		ExpressionAttributeValues: item{
			":partition": textValue(workloadPartition + reference.String()), ":before": textValue(bound),
		},
	})
	var entries []Entry
	for stored, err := range found {
		if err != nil {
			return nil, fmt.Errorf("read the history of %s from table %s: %w", reference, l.table, err)
		}
		var entry Entry
		if err := json.Unmarshal([]byte(text(stored, attributeEntry)), &entry); err != nil {
			return nil, fmt.Errorf("decode %s of %s: %w", text(stored, attributeSort), reference, err)
		}
		if entries = append(entries, entry); len(entries) == limit {
			break
		}
	}
	return entries, nil
}

// query goes through all pages. It ends with the first error.
func (l *Ledger) query(ctx context.Context, input *dynamodb.QueryInput) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		page := *input
		for {
			output, err := l.client.Query(ctx, &page)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, found := range output.Items {
				if !yield(found, nil) {
					return
				}
			}
			if len(output.LastEvaluatedKey) == 0 {
				return
			}
			page.ExclusiveStartKey = output.LastEvaluatedKey
		}
	}
}
