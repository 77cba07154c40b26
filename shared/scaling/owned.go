package scaling

import "davit/shared/ledger"

// ownersBounds are those that the owner of the count has of its own, where such bounds are found, and whether scaling has
// moved them. A step of an incident that is open is not the owner's: it is taken back. Whatever else differs from what
// scaling set last was set by somebody else, and is the owner's from then on.
func ownersBounds(record ledger.Record, have ledger.Extent) (bounds ledger.Extent, moved bool) {
	state := record.Scaling
	for {
		// A record of before MovedTo was written names none.
		if state.Owned != nil && (state.MovedTo == nil || state.MovedTo.Equal(have)) {
			return *state.Owned, true
		}
		before, found := beforeRemedy(record, have)
		if !found {
			return have, false
		}
		have = before
	}
}

// beforeRemedy are the bounds that a step of an open incident found and moved to those. A step only ever raises the least.
func beforeRemedy(record ledger.Record, have ledger.Extent) (ledger.Extent, bool) {
	for _, incident := range record.Recovery.Incidents {
		for _, undo := range incident.Undo {
			if undo.Owner != "" && undo.ToBounds.Equal(have) && undo.FromBounds.Min < have.Min {
				return undo.FromBounds, true
			}
		}
	}
	return ledger.Extent{}, false
}

// learnOwner forgets what the owner's bounds were once somebody else has set others, or the workload is gone and its owner with
// it. While an act is under way it is not known yet whose they are.
func (s *step) learnOwner() {
	seen, state := s.look.Observation, &s.record.Scaling
	if state.Owned == nil || state.Act != nil || s.record.Recovery.Act != nil || seen.Exists && seen.Owner == nil {
		return
	}
	if seen.Exists {
		if _, moved := ownersBounds(s.record, seen.Owner.Bounds()); moved {
			return
		}
	}
	state.Owned, state.MovedTo, s.changed = nil, nil, true
}

// rememberOwned keeps what the owner's bounds were before davit moved them, and forgets it once they are that again.
func (s *step) rememberOwned(act *ledger.ScalingAct) {
	state, moved := &s.record.Scaling, act.To
	own, _ := ownersBounds(s.record, act.From)
	state.Owned, state.MovedTo = &own, &moved
	if own.Equal(moved) {
		state.Owned, state.MovedTo = nil, nil
	}
}
