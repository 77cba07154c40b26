package recovery

import (
	"fmt"

	"davit/shared/ledger"
	"davit/shared/rollout"
)

// Outwards is a step outwards, or one that is taken back: it moves the count where nobody owns that, and the bounds of
// whoever does. It sets what the act's intent says and adds to nothing, so that doing it again does nothing.
type Outwards struct {
	// Unit is what the count is called: "desired count".
	Unit string
	// Set moves the lever to the extent.
	Set func(lever ledger.Lever, to ledger.Extent) error
}

// Take does what the act says. What somebody else moved since the intent is left: an act is finished minutes later where its
// first actor died.
func (o Outwards) Take(seen Observation, act ledger.Act) (Done, error) {
	if undo := act.Undoes; undo != nil {
		return o.takeBack(seen, *undo)
	}
	step := act.Undo
	if step == nil {
		return Done{}, rollout.Refusef("its intent does not say what to set the %s to", o.Unit)
	}
	if step.Owner != "" {
		return Done{Text: fmt.Sprintf("moved the bounds of %s, which owns the %s, from %s to %s", step.Owner, o.Unit, span(step.FromBounds), span(step.ToBounds))},
			o.moveBounds(seen, step.Owner, step.FromBounds, step.ToBounds)
	}
	return Done{Text: fmt.Sprintf("set the %s from %d to %d", o.Unit, step.From, step.To)}, o.moveCount(seen, step.From, step.To)
}

func (o Outwards) takeBack(seen Observation, undo ledger.Undo) (Done, error) {
	if undo.Owner != "" {
		return Done{Text: fmt.Sprintf("moved the bounds of %s from %s back to %s", undo.Owner, span(undo.ToBounds), span(undo.FromBounds))},
			o.moveBounds(seen, undo.Owner, undo.ToBounds, undo.FromBounds)
	}
	return Done{Text: fmt.Sprintf("set the %s from %d back to %d", o.Unit, undo.To, undo.From)},
		o.moveCount(seen, undo.To, undo.From)
}

func (o Outwards) moveBounds(seen Observation, name string, from, to ledger.Extent) error {
	if seen.Owner == nil {
		return rollout.Refusef("%s owns the %s no more", name, o.Unit)
	}
	if have := seen.Owner.Bounds(); !have.Equal(from) && !have.Equal(to) {
		return rollout.Refusef("somebody else moved the bounds of %s to %s meanwhile", seen.Owner.Name, span(have))
	}
	return o.Set(ledger.LeverBounds, to)
}

func (o Outwards) moveCount(seen Observation, from, to int) error {
	if seen.Owner != nil {
		return rollout.Refusef("%s owns the %s now", seen.Owner.Name, o.Unit)
	}
	if seen.Desired != from && seen.Desired != to {
		return rollout.Refusef("somebody else set the %s to %d meanwhile", o.Unit, seen.Desired)
	}
	return o.Set(ledger.LeverCount, ledger.Extent{Count: &to})
}

func span(bounds ledger.Extent) string { return fmt.Sprintf("%d to %d", bounds.Min, bounds.Max) }
