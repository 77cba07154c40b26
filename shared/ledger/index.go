package ledger

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"davit/shared/workload"
)

// Open tells whether the record has an incident or an act that must be looked at again.
func (r Record) Open() bool {
	return len(r.Recovery.Incidents) > 0 || r.Recovery.Act != nil || len(r.Recovery.Announcements) > 0
}

// unfinished tells whether something of the workload is under way, or yet to be told.
func (r Record) unfinished() bool {
	return r.Open() || r.Rollout != nil || len(r.Announcements) > 0 || r.Scaling.Unfinished()
}

// Listed tells whether Workloads lists the workload: images roll out on its kind, and it was there when it was last looked
// at, or something of it is unfinished.
func (r Record) Listed() bool {
	return r.Workload.Kind().RollsOut() && (!r.Gone || r.unfinished())
}

// Lapses tells whether the record is forgotten with its history: nothing is under way, and the workload is gone, or is one of which
// nothing but incidents is remembered and whose bounds nobody moved.
func (r Record) Lapses() bool {
	return !r.unfinished() && (r.Gone || !r.Workload.Kind().RollsOut() && r.Scaling.Owned == nil)
}

// partitions are those of the index that list the workload: sorted, each once.
func (r Record) partitions() ([]string, error) {
	var partitions []string
	for _, repository := range r.Repositories {
		name := repository.String()
		if _, err := workload.ParseRepository(name); err != nil {
			return nil, fmt.Errorf("write the record of %s: %w", r.Workload, err)
		}
		partitions = append(partitions, repositoryPartition+name)
	}
	slices.Sort(partitions)
	partitions = slices.Compact(partitions)
	if len(partitions) > MaximumRepositories {
		return nil, fmt.Errorf("write the record of %s: %w: %d repositories, at most %d",
			r.Workload, ErrTooLarge, len(partitions), MaximumRepositories)
	}
	if r.Open() {
		partitions = append(partitions, openPartition)
	}
	if r.Scaling.Unfinished() {
		partitions = append(partitions, scalingPartition)
	}
	if r.Listed() {
		partitions = append(partitions, workloadsPartition)
	}
	return partitions, nil
}

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

// Workloads goes through the workloads whose record is Listed, sorted by reference. An error ends it.
func (l *Ledger) Workloads(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return l.list(ctx, workloadsPartition, "workloads")
}

// Open goes through the workloads that have an open incident, sorted by reference. An error ends it.
func (l *Ledger) Open(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return l.list(ctx, openPartition, "open incidents")
}

// OpenScaling goes through the workloads of whose scaling something is unfinished, sorted by reference. An error ends it.
func (l *Ledger) OpenScaling(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return l.list(ctx, scalingPartition, "unfinished scaling")
}

// list goes through a partition of the index, of what is named.
func (l *Ledger) list(ctx context.Context, partition, what string) iter.Seq2[workload.Reference, error] {
	return func(yield func(workload.Reference, error) bool) {
		for reference, err := range l.members(ctx, partition) {
			if err != nil {
				yield(workload.Reference{}, fmt.Errorf("list the %s of table %s: %w", what, l.table, err))
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
