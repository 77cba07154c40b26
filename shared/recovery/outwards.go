package recovery

import (
	"fmt"

	"davit/shared/ledger"
	"davit/shared/scaling"
)

// Outwards is a step outwards, or one that is taken back: it moves the count where nobody owns that, and the bounds of
// whoever does. It sets what the act's intent says and adds to nothing, so that doing it again does nothing.
type Outwards struct {
	// Unit is what the count is called: "desired count".
	Unit string
	// By is how many more there are to be.
	By int
	// Set moves the lever to the extent.
	Set func(lever ledger.Lever, to ledger.Extent) error
}

// Take does what the act says, and answers how it is taken back.
func (o Outwards) Take(act ledger.Act) (Done, error) {
	if undo := act.Undoes; undo != nil {
		return o.takeBack(*undo)
	}
	wanted := act.Before.Desired + o.By
	if name := act.Before.Owner; name != "" {
		from := act.Before.Bounds
		to := scaling.Owner{Min: from.Min, Max: from.Max}.Keeping(wanted)
		return Done{Text: fmt.Sprintf("moved the bounds of %s, which owns the %s, from %s to %s", name, o.Unit, span(from), span(to)),
			Undo: &ledger.Undo{Do: act.Do, Owner: name, FromBounds: from, ToBounds: to}}, o.Set(ledger.LeverBounds, to)
	}
	return Done{Text: fmt.Sprintf("set the %s from %d to %d", o.Unit, act.Before.Desired, wanted),
		Undo: &ledger.Undo{Do: act.Do, From: act.Before.Desired, To: wanted}}, o.Set(ledger.LeverCount, ledger.Extent{Count: &wanted})
}

func (o Outwards) takeBack(undo ledger.Undo) (Done, error) {
	if undo.Owner != "" {
		return Done{Text: fmt.Sprintf("moved the bounds of %s from %s back to %s", undo.Owner, span(undo.ToBounds), span(undo.FromBounds))},
			o.Set(ledger.LeverBounds, undo.FromBounds)
	}
	return Done{Text: fmt.Sprintf("set the %s from %d back to %d", o.Unit, undo.To, undo.From)},
		o.Set(ledger.LeverCount, ledger.Extent{Count: &undo.From})
}

func span(bounds ledger.Extent) string { return fmt.Sprintf("%d to %d", bounds.Min, bounds.Max) }

// Quarter is a step of services: a quarter more, one at least.
func Quarter(desired int) int { return max(1, desired/4) }
