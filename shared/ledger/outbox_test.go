package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"davit/events/davit"
	"davit/shared/ledger"
)

// bus is a reporter that counts what it is told, or refuses.
type bus struct {
	told int
	down error
}

func (b *bus) Report(_ context.Context, announcements ...ledger.Announcement[davit.Rollout]) error {
	if b.down == nil {
		b.told += len(announcements)
	}
	return b.down
}

// TestOutbox holds who tells what: its writer at once, everybody once it is due, and nobody acts on when too much is untold.
func TestOutbox(t *testing.T) {
	now, down := time.Date(2026, time.May, 4, 3, 0, 0, 0, time.UTC), errors.New("no bus")
	left := func(count int, at time.Time) (outbox ledger.Outbox[davit.Rollout]) {
		for range count {
			outbox.Leave(at, ledger.Announcement[davit.Rollout]{DetailType: davit.DetailTypeRolloutFailed})
		}
		return outbox
	}
	long := now.Add(-ledger.AnnouncementAge)
	for name, test := range map[string]struct {
		outbox         ledger.Outbox[davit.Rollout]
		mine           bool
		down, write    error
		told, written  int
		kept           int
		untold, failed error
	}{
		"nothing of mine":            {mine: true},
		"mine":                       {outbox: left(2, now), mine: true, told: 2, written: 1},
		"mine, without a bus":        {outbox: left(1, now), mine: true, down: down, kept: 1, failed: down},
		"mine, and somebody faster":  {outbox: left(1, now), mine: true, write: ledger.ErrConflict, told: 1, written: 1, failed: ledger.ErrConflict},
		"no leftovers":               {},
		"its writer may yet tell":    {outbox: left(1, long.Add(time.Second)), kept: 1},
		"leftovers":                  {outbox: append(left(1, now), left(1, long)...), told: 2, written: 1},
		"of one who does not tell":   {outbox: ledger.Outbox[davit.Rollout]{{}}, told: 1, written: 1},
		"leftovers, without a bus":   {outbox: left(1, long), down: down, kept: 1, untold: down},
		"too many, without a bus":    {outbox: left(ledger.MaximumAnnouncements, long), down: down, kept: ledger.MaximumAnnouncements, failed: down},
		"leftovers, somebody faster": {outbox: left(1, long), write: ledger.ErrConflict, told: 1, written: 1, failed: ledger.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			reporter, written := &bus{down: test.down}, 0
			write := func(context.Context) error { written++; return test.write }
			var untold, err error
			if test.mine {
				err = test.outbox.Tell(t.Context(), reporter, write)
			} else {
				untold, err = test.outbox.TellLeftovers(t.Context(), now, reporter, write)
			}
			if !errors.Is(err, test.failed) || !errors.Is(untold, test.untold) {
				t.Errorf("untold %v, failed %v; want %v, %v", untold, err, test.untold, test.failed)
			}
			if reporter.told != test.told || written != test.written || len(test.outbox) != test.kept {
				t.Errorf("told %d, wrote %d, keeps %d; want %d, %d, %d", reporter.told, written, len(test.outbox), test.told, test.written, test.kept)
			}
		})
	}
}
