package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"davit/shared/ledger"
)

// claimAge is how old a claim to page a storm is when its maker is taken to have died.
const claimAge = 2 * time.Minute

// untoldAge is how long after its end a storm that could not be told is told no more.
const untoldAge = time.Hour

// toTell tells whether a human is yet to be told of the storm.
func toTell(storm *ledger.Storm, now time.Time) bool {
	return storm != nil && storm.PagedAt.IsZero() && now.Sub(storm.Until) < untoldAge
}

// changeFleet changes the fleet, on what it is now. The change answers whether there is anything to write.
func (s *step) changeFleet(ctx context.Context, change func(fleet *ledger.Fleet) bool) error {
	for range fleetAttempts {
		fleet := s.fleet.Clone()
		if !change(&fleet) {
			return nil
		}
		written, err := s.reconciler.Ledger.WriteFleet(ctx, fleet)
		if err == nil {
			s.fleet = written
			return nil
		}
		if !errors.Is(err, ledger.ErrConflict) {
			return err
		}
		if s.fleet, err = s.reconciler.Ledger.ReadFleet(ctx); err != nil {
			return err
		}
	}
	return &Later{After: time.Second, Reason: "many incidents change the fleet's record at once"}
}

// reserve takes a slot for the act. The guards are asked again on the fleet as it is now, if somebody else was faster.
func (s *step) reserve(ctx context.Context, act ledger.Act) error {
	var later error
	err := s.changeFleet(ctx, func(fleet *ledger.Fleet) bool {
		now := view{now: act.IntendedAt, limits: s.limits(), fleet: *fleet, seen: s.look.seen}
		if now.storm() || now.othersActedOn() >= now.share() {
			later = &Later{After: time.Second, Reason: "other workloads are acted on at this moment"}
			return false
		}
		fleet.Slots = slices.DeleteFunc(fleet.Slots, func(slot ledger.Slot) bool { return slot.Workload == s.record.Workload })
		fleet.Slots = append(fleet.Slots, ledger.Slot{Workload: s.record.Workload, Act: act.ID, At: act.IntendedAt})
		return true
	})
	return errors.Join(err, later)
}

// release gives the slot of an act back.
func (s *step) release(ctx context.Context, act string) error {
	return s.changeFleet(ctx, func(fleet *ledger.Fleet) bool {
		before := len(fleet.Slots)
		fleet.Slots = slices.DeleteFunc(fleet.Slots, func(slot ledger.Slot) bool { return slot.Act == act })
		return len(fleet.Slots) < before
	})
}

// pageStorm tells a human of a storm, once. Who claims it first does; the claim of somebody who died, or could not tell it,
// lapses.
func (s *step) pageStorm(ctx context.Context) (untold, err error) {
	now := s.reconciler.Now()
	open := func(storm *ledger.Storm) bool {
		return toTell(storm, now) && now.Sub(storm.ClaimedAt) >= claimAge
	}
	if !open(s.fleet.Storm) {
		return nil, nil
	}
	claimed := false
	if err := s.changeFleet(ctx, func(fleet *ledger.Fleet) bool {
		claimed = open(fleet.Storm)
		if claimed {
			fleet.Storm.ClaimedAt = now
		}
		return claimed
	}); err != nil || !claimed {
		return nil, err
	}
	if err := s.reconciler.Reporter.Report(ctx, stormAnnouncement(s.fleet, now)); err != nil {
		return fmt.Errorf("telling of a storm: %w", err), nil
	}
	return nil, s.changeFleet(ctx, func(fleet *ledger.Fleet) bool {
		if fleet.Storm == nil || !fleet.Storm.PagedAt.IsZero() {
			return false
		}
		fleet.Storm.PagedAt = now
		return true
	})
}
