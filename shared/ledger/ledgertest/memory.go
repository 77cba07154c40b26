// Package ledgertest has a ledger in memory for simulations, and the contract that every ledger keeps.
package ledgertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"davit/shared/ledger"
	"davit/shared/workload"
)

// Operation is a method of the ledger.
type Operation string

// The operations.
const (
	Read      Operation = "Read"
	Write     Operation = "Write"
	Following Operation = "Following"
	History   Operation = "History"
	Workloads Operation = "Workloads"
	Incidents Operation = "Incidents"
	Fleet     Operation = "Fleet"
)

// Call is one call of the ledger, as hooks see it.
type Call struct {
	Operation Operation
	// Workload is the one that is written or whose history is read, or the only one that is read.
	Workload workload.Reference
}

// Hook is called around a call. Its error becomes the call's. It may panic, to crash its caller.
type Hook func(ctx context.Context, call Call) error

// Memory is a ledger in memory that keeps the contract of ledger.Ledger: fencing, conflicts, history, index, limits,
// and answers that share nothing with what is stored. Its fields are set before the first call; the zero value works.
type Memory struct {
	// Before is called before an operation does anything: with an error, nothing happens.
	Before Hook
	// After is called after an operation did all it does: with an error, its answer is lost and its effect is not.
	After Hook
	// Now stamps UpdatedAt; time.Now if nil.
	Now func() time.Time

	mutex   sync.Mutex
	records map[workload.Reference]ledger.Record
	history map[workload.Reference][]ledger.Entry // oldest first
	index   map[workload.Repository]map[workload.Reference]bool

	incidents map[string]ledger.Incident
	fleet     ledger.Fleet
}

// Read is ledger.Ledger's.
func (m *Memory) Read(ctx context.Context,
	references []workload.Reference) (map[workload.Reference]ledger.Record, error) {
	call := Call{Operation: Read}
	if len(references) == 1 {
		call.Workload = references[0]
	}
	if err := hook(ctx, m.Before, call); err != nil {
		return nil, fmt.Errorf("read %d records: %w", len(references), err)
	}
	records, err := m.read(references)
	if err != nil {
		return nil, err
	}
	if err := hook(ctx, m.After, call); err != nil {
		return nil, fmt.Errorf("read %d records: %w", len(references), err)
	}
	return records, nil
}

func (m *Memory) read(references []workload.Reference) (map[workload.Reference]ledger.Record, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	records := make(map[workload.Reference]ledger.Record, len(references))
	for _, reference := range references {
		if reference.IsZero() {
			return nil, errors.New("read the records: a reference is empty")
		}
		records[reference] = m.stored(reference).Clone()
	}
	return records, nil
}

// stored is the record as it is kept, or one never written.
func (m *Memory) stored(reference workload.Reference) ledger.Record {
	if record, found := m.records[reference]; found {
		return record
	}
	return ledger.Record{Workload: reference}
}

// Write is ledger.Ledger's.
func (m *Memory) Write(ctx context.Context, record ledger.Record, entries ...ledger.Entry) (ledger.Record, error) {
	call := Call{Operation: Write, Workload: record.Workload}
	if err := hook(ctx, m.Before, call); err != nil {
		return ledger.Record{}, fmt.Errorf("write the record of %s: %w", record.Workload, err)
	}
	written, err := m.write(record, entries)
	if err != nil {
		return ledger.Record{}, err
	}
	if err := hook(ctx, m.After, call); err != nil {
		return ledger.Record{}, fmt.Errorf("write the record of %s: %w", record.Workload, err)
	}
	return written, nil
}

func (m *Memory) write(record ledger.Record, entries []ledger.Entry) (ledger.Record, error) {
	written := record
	written.Version++
	written.UpdatedAt = m.now().UTC().Truncate(time.Millisecond)
	if err := ledger.Validate(written, entries...); err != nil {
		return ledger.Record{}, err
	}
	stored, err := decoded(written)
	if err != nil {
		return ledger.Record{}, err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	before := m.stored(record.Workload)
	if before.Version != record.Version {
		return ledger.Record{}, fmt.Errorf("write version %d of the record of %s: %w",
			written.Version, record.Workload, ledger.ErrConflict)
	}
	if m.records == nil {
		m.records = make(map[workload.Reference]ledger.Record)
		m.history = make(map[workload.Reference][]ledger.Entry)
		m.index = make(map[workload.Repository]map[workload.Reference]bool)
	}
	m.records[record.Workload] = stored
	m.reindex(before, stored)
	for _, entry := range entries {
		m.append(record.Workload, entry.Clone())
	}
	return written, nil
}

func (m *Memory) reindex(before, after ledger.Record) {
	for _, repository := range before.Repositories {
		delete(m.index[repository], after.Workload)
	}
	for _, repository := range after.Repositories {
		if m.index[repository] == nil {
			m.index[repository] = make(map[workload.Reference]bool)
		}
		m.index[repository][after.Workload] = true
	}
}

// append puts the entry in its place, or in that of the entry with its key.
func (m *Memory) append(reference workload.Reference, entry ledger.Entry) {
	entry.Workload = reference
	history := m.history[reference]
	place, found := slices.BinarySearchFunc(history, entry.Key(), compareKey)
	if found {
		history[place] = entry
		return
	}
	m.history[reference] = slices.Insert(history, place, entry)
}

func compareKey(entry ledger.Entry, key string) int { return strings.Compare(entry.Key(), key) }

// Following is ledger.Ledger's.
func (m *Memory) Following(ctx context.Context, repository workload.Repository) ([]workload.Reference, error) {
	call := Call{Operation: Following}
	if err := hook(ctx, m.Before, call); err != nil {
		return nil, fmt.Errorf("find the workloads that follow %s: %w", repository, err)
	}
	m.mutex.Lock()
	references := sorted(maps.Keys(m.index[repository]))
	m.mutex.Unlock()
	if err := hook(ctx, m.After, call); err != nil {
		return nil, fmt.Errorf("find the workloads that follow %s: %w", repository, err)
	}
	return references, nil
}

// History is ledger.Ledger's.
func (m *Memory) History(ctx context.Context, reference workload.Reference, limit int,
	before string) ([]ledger.Entry, error) {
	if limit < 1 || limit > ledger.MaximumHistory {
		return nil, fmt.Errorf("read the history of %s: limit %d is not 1 to %d",
			reference, limit, ledger.MaximumHistory)
	}
	call := Call{Operation: History, Workload: reference}
	if err := hook(ctx, m.Before, call); err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", reference, err)
	}
	entries := m.page(reference, limit, before)
	if err := hook(ctx, m.After, call); err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", reference, err)
	}
	return entries, nil
}

func (m *Memory) page(reference workload.Reference, limit int, before string) []ledger.Entry {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	history := m.history[reference]
	if before != "" {
		end, _ := slices.BinarySearchFunc(history, before, compareKey)
		history = history[:end]
	}
	var entries []ledger.Entry
	for _, entry := range slices.Backward(history) {
		if len(entries) == limit {
			break
		}
		entries = append(entries, entry.Clone())
	}
	return entries
}

// Workloads is ledger.Ledger's.
func (m *Memory) Workloads(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return m.list(ctx, Workloads, ledger.Record.Listed)
}

// OpenScaling is ledger.Ledger's.
func (m *Memory) OpenScaling(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return m.list(ctx, Workloads, func(record ledger.Record) bool { return record.Scaling.Unfinished() })
}

// list goes through the workloads of whose records it holds.
func (m *Memory) list(ctx context.Context, operation Operation, holds func(ledger.Record) bool) iter.Seq2[workload.Reference, error] {
	return func(yield func(workload.Reference, error) bool) {
		call := Call{Operation: operation}
		if err := hook(ctx, m.Before, call); err != nil {
			yield(workload.Reference{}, fmt.Errorf("list the workloads: %w", err))
			return
		}
		m.mutex.Lock()
		references := m.whose(holds)
		m.mutex.Unlock()
		if err := hook(ctx, m.After, call); err != nil {
			yield(workload.Reference{}, fmt.Errorf("list the workloads: %w", err))
			return
		}
		for _, reference := range references {
			if !yield(reference, nil) {
				return
			}
		}
	}
}

// whose are the workloads of whose records it holds.
func (m *Memory) whose(holds func(ledger.Record) bool) []workload.Reference {
	return sorted(func(yield func(workload.Reference) bool) {
		for reference, record := range m.records {
			if holds(record) && !yield(reference) {
				return
			}
		}
	})
}

func (m *Memory) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}

// hook fails like a call whose context is done, or as the hook says.
func hook(ctx context.Context, hook Hook, call Call) error {
	if err := ctx.Err(); err != nil || hook == nil {
		return err
	}
	return hook(ctx, call)
}

// decoded is the record as it comes back from its stored form.
func decoded(record ledger.Record) (ledger.Record, error) {
	encoded, err := json.Marshal(record)
	if err != nil {
		return ledger.Record{}, fmt.Errorf("encode the record of %s: %w", record.Workload, err)
	}
	var stored ledger.Record
	if err := json.Unmarshal(encoded, &stored); err != nil {
		return ledger.Record{}, fmt.Errorf("decode the record of %s: %w", record.Workload, err)
	}
	return stored, nil
}

func sorted(references iter.Seq[workload.Reference]) []workload.Reference {
	return slices.SortedFunc(references, func(a, b workload.Reference) int {
		return strings.Compare(a.String(), b.String())
	})
}
