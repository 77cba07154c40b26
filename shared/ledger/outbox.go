package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Limits of an outbox.
const (
	// AnnouncementAge is how old an announcement is when its writer is taken to have died.
	AnnouncementAge = 2 * time.Minute
	// MaximumAnnouncements is with how many untold announcements functions no longer act on a workload.
	MaximumAnnouncements = 50
)

// Announcement is an event that must be published, and was written with the decision that it tells of.
type Announcement[Detail any] struct {
	DetailType string `json:"detailType"`
	Detail     Detail `json:"detail"`
	// Due is from when on whoever looks tells it: until then its writer may. Zero is at once: its writer does not.
	Due time.Time `json:"due,omitzero"`
}

// Reporter tells others of decisions, at least once each.
type Reporter[Detail any] interface {
	Report(ctx context.Context, announcements ...Announcement[Detail]) error
}

// Outbox is what of a record must yet be told. It is written with what it tells of, so that what the fence let pass is told
// whoever dies, and by one of those who saw the same; it is told at least once.
type Outbox[Detail any] []Announcement[Detail]

// Leave adds announcements that the caller is about to write and then to tell.
func (o *Outbox[Detail]) Leave(now time.Time, announcements ...Announcement[Detail]) {
	for _, announcement := range announcements {
		announcement.Due = now.Add(AnnouncementAge)
		*o = append(*o, announcement)
	}
}

// Tell tells all there is, empties the outbox, and writes the record that it is of.
func (o *Outbox[Detail]) Tell(ctx context.Context, reporter Reporter[Detail], write func(context.Context) error) error {
	if len(*o) == 0 {
		return nil
	}
	if err := o.report(ctx, reporter); err != nil {
		return err
	}
	return write(ctx)
}

// TellLeftovers tells what somebody wrote and did not live to tell, or could not, like Tell. What could not be told again stops
// nobody from acting, before there is too much of it: until then it is answered as untold, and not as the error.
func (o *Outbox[Detail]) TellLeftovers(ctx context.Context, now time.Time, reporter Reporter[Detail], write func(context.Context) error) (untold, err error) {
	due := func(announcement Announcement[Detail]) bool { return !now.Before(announcement.Due) }
	if !slices.ContainsFunc(*o, due) {
		return nil, nil
	}
	if untold = o.report(ctx, reporter); untold == nil {
		return nil, write(ctx)
	}
	if len(*o) >= MaximumAnnouncements {
		return nil, untold
	}
	return untold, nil
}

func (o *Outbox[Detail]) report(ctx context.Context, reporter Reporter[Detail]) error {
	if err := reporter.Report(ctx, *o...); err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	*o = nil
	return nil
}
