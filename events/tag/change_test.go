package tag_test

import (
	"testing"

	"davit/events/tag"
)

func TestChangedLooksAtTheChangedKeysAlone(t *testing.T) {
	change := tag.Change{
		ChangedTagKeys: []string{"team", "davit/policy"},
		Tags:           map[string]string{"davit/hold": "me", "team": "shop"},
	}
	for prefix, want := range map[string]bool{"davit/": true, "davit/policy": true, "davit/hold": false, "owner": false} {
		if got := change.Changed(prefix); got != want {
			t.Errorf("%q: changed %t, want %t", prefix, got, want)
		}
	}
}
