package ledger

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"davit/shared/workload"
)

// Following answers the workloads whose record lists the repository, sorted by reference. It costs a call a thousand
// or so workloads that match, whatever the number of those that do not.
func (l *Ledger) Following(ctx context.Context, repository workload.Repository) ([]workload.Reference, error) {
	var references []workload.Reference
	for reference, err := range l.members(ctx, repositoryPartition+repository.String()) {
		if err != nil {
			return nil, fmt.Errorf("find the workloads that follow %s in table %s: %w", repository, l.table, err)
		}
		references = append(references, reference)
	}
	return references, nil
}

// Workloads goes through every workload that has a record, sorted by reference. An error ends it.
func (l *Ledger) Workloads(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return func(yield func(workload.Reference, error) bool) {
		for reference, err := range l.members(ctx, workloadsPartition) {
			if err != nil {
				yield(workload.Reference{}, fmt.Errorf("list the workloads of table %s: %w", l.table, err))
				return
			}
			if !yield(reference, nil) {
				return
			}
		}
	}
}

// members are the references in a partition of the index.
func (l *Ledger) members(ctx context.Context, partition string) iter.Seq2[workload.Reference, error] {
	found := l.query(ctx, &dynamodb.QueryInput{
		TableName:              &l.table,
		ConsistentRead:         aws.Bool(true),
		KeyConditionExpression: aws.String("#partition = :partition"),
		ExpressionAttributeNames: map[string]string{
			"#partition": attributePartition,
		},
		ExpressionAttributeValues: item{":partition": textValue(partition)},
	})
	return func(yield func(workload.Reference, error) bool) {
		for stored, err := range found {
			if err != nil {
				yield(workload.Reference{}, err)
				return
			}
			reference, err := workload.ParseReference(text(stored, attributeSort))
			if err != nil {
				yield(workload.Reference{}, err)
				return
			}
			if !yield(reference, nil) {
				return
			}
		}
	}
}
