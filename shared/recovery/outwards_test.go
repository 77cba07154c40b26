package recovery

import (
	"errors"
	"testing"

	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/scaling"
)

func TestAStepOutwardsLeavesWhatSomebodyElseMovedMeanwhile(t *testing.T) {
	count := &ledger.Undo{Do: "scale-out", From: 2, To: 3}
	bounds := &ledger.Undo{Do: "scale-out", Owner: "a policy", FromBounds: ledger.Extent{Min: 1, Max: 9}, ToBounds: ledger.Extent{Min: 3, Max: 9}}
	counted, owned := ledger.Act{Do: "scale-out", Undo: count}, ledger.Act{Do: "scale-out", Undo: bounds}
	countedBack, ownedBack := ledger.Act{Do: "scale-out", Undoes: count}, ledger.Act{Do: "scale-out", Undoes: bounds}
	owner := func(least, most int) *scaling.Owner { return &scaling.Owner{Name: "a policy", Min: least, Max: most} }
	for _, test := range []struct {
		name    string
		act     ledger.Act
		desired int
		owner   *scaling.Owner
		sets    bool
	}{
		{"a count as it was before", counted, 2, nil, true},
		{"a count that is as wanted", counted, 3, nil, true},
		{"a count that somebody changed", counted, 7, nil, false},
		{"a count that somebody owns by now", counted, 2, owner(1, 9), false},
		{"a count to take back", countedBack, 3, nil, true},
		{"a count that was taken back", countedBack, 2, nil, true},
		{"a count to take back that somebody changed", countedBack, 7, nil, false},
		{"bounds as they were before", owned, 2, owner(1, 9), true},
		{"bounds that are as wanted", owned, 2, owner(3, 9), true},
		{"bounds that somebody moved", owned, 2, owner(1, 4), false},
		{"bounds whose owner is gone", owned, 2, nil, false},
		{"bounds to take back", ownedBack, 2, owner(3, 9), true},
		{"a count of an intent that names none", ledger.Act{Do: "scale-out"}, 2, nil, false},
		{"bounds to take back that somebody moved", ownedBack, 2, owner(3, 4), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			set := false
			seen := Observation{Owner: test.owner}
			seen.Desired = test.desired
			_, err := Outwards{Unit: "desired count", Set: func(ledger.Lever, ledger.Extent) error { set = true; return nil }}.Take(seen, test.act)
			var refused *rollout.Refused
			if set != test.sets || errors.As(err, &refused) == test.sets {
				t.Errorf("it set: %t, and answered %v", set, err)
			}
		})
	}
}
