package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"davit/shared/workload"
)

// Limits of one write.
const (
	// MaximumBytes is how large a record or an entry may be in its stored form. DynamoDB takes 400 KB an item, with
	// the names and values of all its attributes.
	MaximumBytes = 350_000
	// MaximumEntries is how many entries one write takes, and MaximumRepositories how many repositories a record
	// lists: with the record itself, a change of all its repositories and the copies of its incidents they stay within the
	// 100 actions of TransactWriteItems (docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
	MaximumEntries      = 25
	MaximumRepositories = 30
	// maximumEntryID keeps the sort key far below its limit of 1024 bytes.
	maximumEntryID = 256
)

// Write stores the record with the version after its own, and the entries, at once: in one transaction, if the stored
// version is still the record's. It stamps UpdatedAt. An entry without a Workload gets the record's. The answer is the
// record as it is stored.
//
// Where the stored version is another, or someone else writes at this moment, nothing changes and the error wraps
// ErrConflict. After any other error the write may have happened or not: only reading tells.
func (l *Ledger) Write(ctx context.Context, record Record, entries ...Entry) (Record, error) {
	return l.store(ctx, record, nil, entries)
}

// store writes the record and the entries, with the copies of incidents.
func (l *Ledger) store(ctx context.Context, record Record, copies []types.TransactWriteItem, entries []Entry) (Record, error) {
	read := record.Version
	written := record
	written.Version, written.UpdatedAt = read+1, l.now().UTC().Truncate(time.Millisecond)
	prepared, err := prepare(written, entries)
	if err != nil {
		return Record{}, err
	}
	prepared.copies = copies
	if read == 0 {
		err = l.create(ctx, prepared)
	} else {
		err = l.replace(ctx, prepared, read)
	}
	if err != nil {
		return Record{}, fmt.Errorf("write version %d of the record of %s: %w", written.Version, record.Workload, err)
	}
	return written, nil
}

// Validate tells whether Write takes the record and the entries: what they lack, or that they are too large.
func Validate(record Record, entries ...Entry) error {
	_, err := prepare(record, entries)
	return err
}

// prepared is what one write stores, in its stored form.
type prepared struct {
	workload string
	version  int64
	record   string
	// lapses is from when on the record may be forgotten after so many days as history; zero keeps it.
	lapses time.Time
	// listed are the partitions of the index that list the workload.
	listed  []string
	entries []preparedEntry
	// copies are those of incidents.
	copies []types.TransactWriteItem
}

type preparedEntry struct {
	key   string
	entry string
	at    time.Time
}

func prepare(record Record, entries []Entry) (prepared, error) {
	if record.Workload.IsZero() {
		return prepared{}, errors.New("write a record: it names no workload")
	}
	if record.Version < 0 {
		return prepared{}, fmt.Errorf("write the record of %s: version %d is negative", record.Workload, record.Version)
	}
	listed, err := record.partitions()
	if err != nil {
		return prepared{}, err
	}
	encoded, err := json.Marshal(record)
	if err != nil {
		return prepared{}, fmt.Errorf("encode the record of %s: %w", record.Workload, err)
	}
	if len(encoded) > MaximumBytes {
		return prepared{}, fmt.Errorf("write the record of %s: %w: %d bytes, at most %d",
			record.Workload, ErrTooLarge, len(encoded), MaximumBytes)
	}
	lines, err := prepareEntries(record.Workload, entries)
	if err != nil {
		return prepared{}, err
	}
	stored := prepared{workload: record.Workload.String(), version: record.Version, record: string(encoded), listed: listed, entries: lines}
	if record.Lapses() {
		stored.lapses = record.UpdatedAt
	}
	return stored, nil
}

// prepareEntries keeps the last of entries with the same time and ID: a transaction takes a key once.
func prepareEntries(reference workload.Reference, entries []Entry) ([]preparedEntry, error) {
	lines := make([]preparedEntry, 0, len(entries))
	for _, entry := range entries {
		if entry.Workload.IsZero() {
			entry.Workload = reference
		}
		if err := checkEntry(reference, entry); err != nil {
			return nil, fmt.Errorf("write the history of %s: %w", reference, err)
		}
		encoded, err := json.Marshal(entry)
		if err != nil {
			return nil, fmt.Errorf("encode the history of %s: %w", reference, err)
		}
		if len(encoded) > MaximumBytes {
			return nil, fmt.Errorf("write the history of %s: %w: entry %s has %d bytes, at most %d",
				reference, ErrTooLarge, entry.ID, len(encoded), MaximumBytes)
		}
		line := preparedEntry{key: entry.Key(), entry: string(encoded), at: entry.At}
		same := func(other preparedEntry) bool { return other.key == line.key }
		lines = append(slices.DeleteFunc(lines, same), line)
	}
	if len(lines) > MaximumEntries {
		return nil, fmt.Errorf("write the history of %s: %w: %d entries, at most %d",
			reference, ErrTooLarge, len(lines), MaximumEntries)
	}
	return lines, nil
}

func checkEntry(reference workload.Reference, entry Entry) error {
	switch {
	case entry.Workload != reference:
		return fmt.Errorf("entry %q is of %s", entry.ID, entry.Workload)
	case entry.ID == "":
		return errors.New("an entry has no ID")
	case len(entry.ID) > maximumEntryID:
		return fmt.Errorf("the ID of an entry has %d bytes, at most %d", len(entry.ID), maximumEntryID)
	case entry.At.IsZero():
		return fmt.Errorf("entry %q has no time", entry.ID)
	}
	return nil
}

// create writes the first version, with all that lists it.
func (l *Ledger) create(ctx context.Context, prepared prepared) error {
	actions := l.actions(prepared, &types.Put{
		ConditionExpression:      aws.String("attribute_not_exists(#partition)"),
		ExpressionAttributeNames: map[string]string{"#partition": attributePartition},
	})
	actions = append(actions, l.indexChanges(prepared, nil)...)
	_, err := l.transact(ctx, actions)
	return err
}

// replace writes a later version. Most writes leave the index as it is, so the first try takes that for granted and lets
// the condition check it; only where the version was right and the index was not does it write again, with the changes
// of the index. So the index never disagrees with the record, and no call is spent on asking for what seldom changes.
func (l *Ledger) replace(ctx context.Context, prepared prepared, read int64) error {
	stored, err := l.transact(ctx, l.actions(prepared, &types.Put{
		ConditionExpression:                 aws.String("#version = :read AND #listed = :listed"),
		ExpressionAttributeNames:            map[string]string{"#version": attributeVersion, "#listed": attributeListed},
		ExpressionAttributeValues:           item{":read": numberValue(read), ":listed": textValue(joined(prepared.listed))},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}))
	if !errors.Is(err, ErrConflict) || len(stored) == 0 {
		return err
	}
	if version, versionErr := storedVersion(stored); versionErr != nil || version != read {
		return errors.Join(err, versionErr)
	}
	actions := l.actions(prepared, &types.Put{
		ConditionExpression:       aws.String("#version = :read"),
		ExpressionAttributeNames:  map[string]string{"#version": attributeVersion},
		ExpressionAttributeValues: item{":read": numberValue(read)},
	})
	actions = append(actions, l.indexChanges(prepared, split(text(stored, attributeListed)))...)
	_, err = l.transact(ctx, actions)
	return err
}

// expiry is when what is of that time expires, in seconds since 1970
// (docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html).
func (l *Ledger) expiry(of time.Time) types.AttributeValue {
	days := l.historyDays()
	if days <= 0 {
		days = DefaultHistoryDays
	}
	return numberValue(of.AddDate(0, 0, days).Unix())
}

// actions are the record under its condition, always first, and the history.
func (l *Ledger) actions(prepared prepared, record *types.Put) []types.TransactWriteItem {
	partition := workloadPartition + prepared.workload
	record.TableName = &l.table
	record.Item = key(partition, recordKey)
	record.Item[attributeVersion] = numberValue(prepared.version)
	record.Item[attributeListed] = textValue(joined(prepared.listed))
	record.Item[attributeRecord] = textValue(prepared.record)
	if !prepared.lapses.IsZero() {
		record.Item[attributeExpires] = l.expiry(prepared.lapses)
	}
	actions := make([]types.TransactWriteItem, 0, 1+len(prepared.entries)+len(prepared.copies))
	actions = append(actions, types.TransactWriteItem{Put: record})
	for _, line := range prepared.entries {
		stored := key(partition, historyKey+line.key)
		stored[attributeEntry] = textValue(line.entry)
		stored[attributeExpires] = l.expiry(line.at)
		actions = append(actions, l.put(stored))
	}
	return append(actions, prepared.copies...)
}

// indexChanges lead the index from the partitions that listed the workload before to those of the record.
func (l *Ledger) indexChanges(prepared prepared, before []string) []types.TransactWriteItem {
	var actions []types.TransactWriteItem
	for _, partition := range prepared.listed {
		if !slices.Contains(before, partition) {
			actions = append(actions, l.put(key(partition, prepared.workload)))
		}
	}
	for _, partition := range before {
		if !slices.Contains(prepared.listed, partition) {
			actions = append(actions, types.TransactWriteItem{Delete: &types.Delete{
				TableName: &l.table,
				Key:       key(partition, prepared.workload),
			}})
		}
	}
	return actions
}

func (l *Ledger) put(stored item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: &l.table, Item: stored}}
}

// transact writes all or nothing. The client gives the call a token, so that a repetition after a lost answer is not
// taken for a conflict with itself. On a conflict it answers the stored record, where DynamoDB was asked for it.
func (l *Ledger) transact(ctx context.Context, actions []types.TransactWriteItem) (item, error) {
	_, err := l.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: actions})
	if err == nil {
		return nil, nil
	}
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) || len(canceled.CancellationReasons) == 0 {
		return nil, err
	}
	if first := canceled.CancellationReasons[0]; codeOf(first) == "ConditionalCheckFailed" {
		return first.Item, ErrConflict
	}
	for _, reason := range canceled.CancellationReasons {
		if codeOf(reason) == "TransactionConflict" {
			return nil, fmt.Errorf("%w: another transaction is under way", ErrConflict)
		}
	}
	return nil, fmt.Errorf("the transaction was canceled (%s): %w", reasons(canceled), err)
}

func codeOf(reason types.CancellationReason) string {
	if reason.Code == nil {
		return ""
	}
	return *reason.Code
}

// reasons lists why a transaction was canceled, by the position of the action.
func reasons(canceled *types.TransactionCanceledException) string {
	var words []string
	for position, reason := range canceled.CancellationReasons {
		code := codeOf(reason)
		if code == "" || code == "None" {
			continue
		}
		word := strconv.Itoa(position) + ": " + code
		if reason.Message != nil {
			word += ": " + *reason.Message
		}
		words = append(words, word)
	}
	return strings.Join(words, "; ")
}

func joined(partitions []string) string { return strings.Join(partitions, "\n") }

func split(partitions string) []string {
	if partitions == "" {
		return nil
	}
	return strings.Split(partitions, "\n")
}
