package ledgertest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"davit/shared/ledger"
	"davit/shared/workload"
)

// WriteIncidents is ledger.Ledger's.
func (m *Memory) WriteIncidents(ctx context.Context, record ledger.Record, incidents []ledger.Incident,
	entries ...ledger.Entry) (ledger.Record, error) {
	written, err := m.Write(ctx, record, entries...)
	if err != nil {
		return ledger.Record{}, err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.incidents == nil {
		m.incidents = map[string]ledger.Incident{}
	}
	for _, incident := range incidents {
		m.incidents[incident.ID] = incident.Clone()
	}
	return written, nil
}

// Open is ledger.Ledger's.
func (m *Memory) Open(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return m.list(ctx, Incidents, ledger.Record.Open)
}

// Incidents is ledger.Ledger's.
func (m *Memory) Incidents(ctx context.Context, limit int, before string) ([]ledger.Incident, error) {
	if limit < 1 || limit > ledger.MaximumListed {
		return nil, fmt.Errorf("list the incidents: limit %d is not 1 to %d", limit, ledger.MaximumListed)
	}
	if err := hook(ctx, m.Before, Call{Operation: Incidents}); err != nil {
		return nil, fmt.Errorf("list the incidents: %w", err)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var incidents []ledger.Incident
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(m.incidents))) {
		if (before == "" || id < before) && len(incidents) < limit {
			incidents = append(incidents, m.incidents[id].Clone())
		}
	}
	return incidents, nil
}

// Incident is ledger.Ledger's.
func (m *Memory) Incident(ctx context.Context, id string) (ledger.Incident, error) {
	if err := hook(ctx, m.Before, Call{Operation: Incidents}); err != nil {
		return ledger.Incident{}, fmt.Errorf("read incident %s: %w", id, err)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	incident, found := m.incidents[id]
	if !found {
		return ledger.Incident{}, fmt.Errorf("%w: %s", ledger.ErrNoIncident, id)
	}
	return incident.Clone(), nil
}

// ReadFleet is ledger.Ledger's.
func (m *Memory) ReadFleet(ctx context.Context) (ledger.Fleet, error) {
	if err := hook(ctx, m.Before, Call{Operation: Fleet}); err != nil {
		return ledger.Fleet{}, fmt.Errorf("read the fleet: %w", err)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.fleet.Clone(), nil
}

// WriteFleet is ledger.Ledger's.
func (m *Memory) WriteFleet(ctx context.Context, fleet ledger.Fleet) (ledger.Fleet, error) {
	if err := hook(ctx, m.Before, Call{Operation: Fleet}); err != nil {
		return ledger.Fleet{}, fmt.Errorf("write the fleet: %w", err)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.fleet.Version != fleet.Version {
		return ledger.Fleet{}, fmt.Errorf("write version %d of the fleet: %w", fleet.Version+1, ledger.ErrConflict)
	}
	fleet.Version++
	m.fleet = fleet.Clone()
	return fleet, nil
}
