package demo

import (
	"context"
	"fmt"
)

// sweeps sends what the schedule sends, and sees that the version that failed is not tried again.
func (s *stage) sweeps(ctx context.Context, failed, runs string) error {
	before, err := s.view.look(ctx)
	if err != nil {
		return err
	}
	revisions, err := s.view.revisions(ctx)
	if err != nil {
		return err
	}
	rule, err := s.Site.Sweep(ctx)
	if err != nil {
		return err
	}
	s.Console.Line("sent to the queue what the rule %s sends every time its schedule comes round", rule)
	if err := s.Site.AwaitQuiet(ctx, s.Console); err != nil {
		return err
	}
	after, err := s.view.revisions(ctx)
	if err != nil {
		return err
	}
	if after != revisions {
		return fmt.Errorf("the sweep registered a revision: there were %d, there are %d", revisions, after)
	}
	s.Console.Good("the sweep was handled, with no new revision and no new deployment: %s stays set aside", failed)
	return s.unchanged(ctx, before, runs)
}
