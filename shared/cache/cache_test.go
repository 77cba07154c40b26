package cache

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCacheForgetsTheLeastRecentlyUsedFirst(t *testing.T) {
	remembered := New[int](2, 0)
	remembered.Put("a", 1)
	remembered.Put("b", 2)
	remembered.get("a")
	remembered.Put("c", 3)
	for key, want := range map[string]bool{"a": true, "b": false, "c": true} {
		if _, found := remembered.get(key); found != want {
			t.Errorf("%q is found: %v, want %v", key, found, want)
		}
	}
}

func TestCacheForgetsWhatIsTooOld(t *testing.T) {
	now := time.Unix(0, 0)
	remembered := New[int](2, time.Minute)
	remembered.now = func() time.Time { return now }
	remembered.Put("a", 1)
	now = now.Add(time.Minute - 1)
	if value, found := remembered.get("a"); !found || value != 1 {
		t.Errorf("after less than its lifetime the value is %d, %v", value, found)
	}
	now = now.Add(1)
	if _, found := remembered.get("a"); found {
		t.Error("after its lifetime the value is found, though reading must not prolong it")
	}
}

func TestCacheReadsAgainWhatItWasToldToForget(t *testing.T) {
	remembered := New[int](2, 0)
	reads := 0
	read := func() (int, error) { reads++; return reads, nil }
	for want := 1; want <= 2; want++ {
		for range 2 {
			if value, err := remembered.Fetch("a", read); value != want || err != nil {
				t.Errorf("the value is %d, %v, want %d", value, err, want)
			}
		}
		remembered.Forget("a")
	}
}

// A cache answers as a list of its keys in the order of their last use would.
func TestCacheIsAsAListOfItsKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 3
		remembered := New[int](limit, 0)
		var model []string
		values := map[string]int{}
		for step := range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "key")
			at := slices.Index(model, key)
			if rapid.Bool().Draw(t, "put") {
				remembered.Put(key, step)
				values[key] = step
			} else {
				value, found := remembered.get(key)
				if found != (at >= 0) || found && value != values[key] {
					t.Fatalf("get %q is %d, %v; the list is %v", key, value, found, model)
				}
				if !found {
					continue
				}
			}
			if at >= 0 {
				model = slices.Delete(model, at, at+1)
			}
			model = slices.Insert(model, 0, key)
			model = model[:min(len(model), limit)]
		}
	})
}
