package rollout

import (
	"context"
	"time"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/workload"
)

// What humans do to a workload by the command line, as actions.
const (
	HumanHold     Action = "hold"
	HumanResume   Action = "resume"
	HumanForgive  Action = "forgive"
	HumanRollback Action = "rollback"
	HumanRollout  Action = "rollout"
)

// Order is what a human does to one workload by the command line.
type Order struct {
	// Action is one of those of humans.
	Action   Action
	Workload workload.Reference
	Who      string
}

// Cause says the order in words.
func (o Order) Cause() string { return "davit " + string(o.Action) + " by " + o.Who }

// Give reads the workload's record, alters it, and writes it with a line of history and with what is told of it, fenced by
// the version that was read: where somebody else was faster, its error wraps ledger.ErrConflict and nothing has changed. Whoever
// gives an order needs no leave to publish; the next look tells it, except of a host, of which the history alone tells. What
// alter answers is completed; its error ends the order.
func (o Order) Give(ctx context.Context, book Ledger, now time.Time, alter func(*ledger.Record) (ledger.Entry, error)) (ledger.Entry, error) {
	records, err := book.Read(ctx, []workload.Reference{o.Workload})
	if err != nil {
		return ledger.Entry{}, err
	}
	record := records[o.Workload].Clone()
	entry, err := alter(&record)
	if err != nil {
		return ledger.Entry{}, err
	}
	entry.Workload, entry.At, entry.Cause, entry.Action, entry.Code = o.Workload, now.UTC(), o.Cause(), string(o.Action), string(Requested)
	entry.ID = ledger.EntryID(record.Version, entry.Action, entry.Code)
	if o.Workload.Kind().RollsOut() { // of hosts nobody looks for what is to be told of orders
		record.Announcements = append(record.Announcements, o.announcement(record, entry))
	}
	_, err = book.Write(ctx, record, entry)
	return entry, err
}

// announcement is what is told of the order, by whoever looks next.
func (o Order) announcement(record ledger.Record, entry ledger.Entry) ledger.Announcement[davit.Rollout] {
	record.Rollout = nil // the order is not about the one in progress
	told := announce(Decision{Action: o.Action, Code: Requested, Reason: entry.Reason, Image: entry.Image}, Cause{Text: entry.Cause},
		record, record.Repositories, nil)[0]
	told.Detail.Who = o.Who
	return told
}

// Hold leaves the workload alone.
func Hold(record *ledger.Record, hold ledger.Hold) ledger.Entry {
	record.Hold = &hold
	reason := hold.Why
	if !hold.Until.IsZero() {
		reason += ", until " + hold.Until.UTC().Format(time.RFC3339)
	}
	return ledger.Entry{Reason: reason}
}

// Resume ends the hold that the record has.
func Resume(record *ledger.Record, why string) ledger.Entry {
	if why != "" {
		why += "; "
	}
	reason := why + "it was held " + describeHold(*record.Hold)
	record.Hold = nil
	tellAnew(record, Held)
	return ledger.Entry{Reason: reason}
}

// Forgive lets the images be tried again, or all that are set aside where none is given.
func Forgive(record *ledger.Record, digests ...string) {
	if len(digests) == 0 {
		record.Forgive("") // and what is passed over without being named
	}
	for _, digest := range digests {
		record.Forgive(digest)
	}
	tellAnew(record, BadDigest)
}

// Ask asks for an image. Whatever is said of the request is said anew.
func Ask(record *ledger.Record, request ledger.Request) ledger.Entry {
	record.Request, record.Refusal = &request, nil
	return ledger.Entry{Image: &request.Image, Reason: request.Why}
}

// tellAnew lets a refusal with the code be told again, should there be one after this change.
func tellAnew(record *ledger.Record, code Code) {
	if record.Refusal != nil && record.Refusal.Code == string(code) {
		record.Refusal = nil
	}
}
