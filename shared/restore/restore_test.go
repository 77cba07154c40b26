package restore

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hour is a moment, in hours of one day.
func hour(h int) time.Time { return time.Date(2026, 11, 20, h, 0, 0, 0, time.UTC) }

func version(id string, h int, class string) Version {
	return Version{Key: "k", ID: id, Size: 10, StorageClass: class, Modified: hour(h)}
}

func marker(id string, h int) Version {
	return Version{Key: "k", ID: id, Modified: hour(h), IsMarker: true}
}

func TestDecide(t *testing.T) {
	overwritten := []Version{version("c", 3, "STANDARD"), version("b", 2, "STANDARD"), version("a", 1, "STANDARD")}
	deleted := []Version{marker("d2", 5), marker("d1", 4), version("b", 2, "STANDARD"), version("a", 1, Deep)}
	archived := []Version{version("b", 2, Flexible), version("a", 1, Deep)}
	buried := []Version{marker("d", 4), version("b", 2, Flexible)}
	tests := []struct {
		name     string
		versions []Version
		wish     Wish
		kind     Kind
		wanted   string
		markers  []string
		reason   string
	}{
		{"an object that is as it should be", overwritten, Wish{}, Nothing, "c", nil, "is the current one"},
		{"an object that was overwritten, from before that", overwritten, Wish{At: hour(2)}, Copy, "b", nil, "overwritten"},
		{"between two versions the earlier one is right", overwritten, Wish{At: hour(2).Add(time.Minute)}, Copy, "b", nil, ""},
		{"an object that came later", overwritten, Wish{At: hour(0)}, Nothing, "", nil, "it came later"},
		{"a moment after the last change", overwritten, Wish{At: hour(9)}, Nothing, "c", nil, "is the current one"},
		{"one version by name", overwritten, Wish{VersionID: "a"}, Copy, "a", nil, ""},
		{"a version that is not there", overwritten, Wish{VersionID: "x"}, Nothing, "", nil, "no version x"},
		{"an object that was deleted twice", deleted, Wish{}, Uncover, "b", []string{"d2", "d1"}, "deleted"},
		{"a moment at which it was deleted", deleted, Wish{At: hour(4)}, Nothing, "", nil, "deleted at that moment"},
		{"a version that is a delete marker", deleted, Wish{VersionID: "d1"}, Nothing, "", nil, "is a delete marker"},
		{"an archived version below a deleted one", deleted, Wish{At: hour(1)}, ThawAndCopy, "a", nil, Deep},
		{"an object with delete markers alone", []Version{marker("d", 1)}, Wish{}, Nothing, "", nil, "have expired"},
		{"no object", nil, Wish{}, Nothing, "", nil, "no such object"},
		{"an archived object", archived, Wish{}, Thaw, "b", nil, Flexible},
		{"an archived object, for good", archived, Wish{Keep: true}, ThawAndCopy, "b", nil, ""},
		{"an archived version under a current one", archived, Wish{At: hour(1)}, ThawAndCopy, "a", nil, ""},
		{"an archive that is to stay closed", archived, Wish{LeaveArchived: true}, Nothing, "b", nil, "stay closed"},
		{"an archived object that was deleted moves no data", buried, Wish{}, Uncover, "b", []string{"d"}, "deleted"},
		{"an archived object that was deleted, for good", buried, Wish{Keep: true}, ThawAndCopy, "b", nil, ""},
		{"Glacier Instant Retrieval is no archive", []Version{version("a", 1, "GLACIER_IR")}, Wish{Keep: true}, Nothing, "a", nil, ""},
		{"an archive tier of Intelligent-Tiering is one", []Version{{Key: "k", ID: "a", StorageClass: IntelligentTiering,
			InArchive: true}}, Wish{}, Thaw, "a", nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			have := Decide(test.versions, test.wish)
			if have.Kind != test.kind || have.Wanted.ID != test.wanted || !strings.Contains(have.Reason, test.reason) {
				t.Errorf("have %+v", have)
			}
			if difference := cmp.Diff(test.markers, have.Markers); difference != "" {
				t.Errorf("-want +have of the markers:\n%s", difference)
			}
		})
	}
}

func TestWhatOpeningArchivesCosts(t *testing.T) {
	steps := func(class string, gigabytes ...float64) []Step {
		var made []Step
		for _, size := range gigabytes {
			made = append(made, Step{Kind: Thaw, Wanted: Version{Key: "k", StorageClass: class, Size: int64(size * (1 << 30))}})
		}
		return made
	}
	tests := []struct {
		name    string
		steps   []Step
		tier    Tier
		days    int
		dollars float64
		takes   time.Duration
	}{
		// 3 × (0.01 + 0.023 × 30 / 30) + 2 × 0.05 / 1000
		{"from Flexible Retrieval", steps(Flexible, 1, 2), Standard, 30, 0.0991, 5 * time.Hour},
		// 4 × (0.0025 + 0.023 × 3 / 30) + 0.025 / 1000
		{"from Deep Archive in bulk", steps(Deep, 4), Bulk, 3, 0.019225, 48 * time.Hour},
		{"the slowest tells how long", append(steps(Flexible, 0), steps(Deep, 0)...), Standard, 1, 0.00015, 12 * time.Hour},
		{"from Intelligent-Tiering for nothing", steps(IntelligentTiering, 5), Standard, 30, 0, 5 * time.Hour},
		{"what opens no archive", []Step{{Kind: Copy, Wanted: Version{Size: 1 << 40}}}, Standard, 30, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			have, err := EstimateSteps(test.steps, "us-east-1", test.tier, test.days)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(have.Dollars-test.dollars) > 1e-9 || have.Takes != test.takes {
				t.Errorf("have $%v and %s", have.Dollars, have.Takes)
			}
		})
	}
	if _, err := EstimateSteps(steps(Deep, 1), "us-east-1", Expedited, 1); err == nil || !strings.Contains(err.Error(), "has no tier") {
		t.Errorf("Deep Archive in minutes: %v", err)
	}
	if have, _ := EstimateSteps(steps(Flexible, 1), "af-south-1", Standard, 1); have.Region != usualRegion {
		t.Errorf("prices of nowhere are said to be of %s", have.Region)
	}
}

func TestEveryPriceHasASourceAndADate(t *testing.T) {
	rows, err := prices()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if _, err := time.Parse(time.DateOnly, row.Date); err != nil || row.Source == "" || row.Tier.Takes(row.StorageClass) == 0 {
			t.Errorf("%+v", row)
		}
	}
	for _, class := range []string{Flexible, Deep} {
		for _, tier := range []Tier{Expedited, Standard, Bulk} {
			if price, _ := find(rows, usualRegion, class, tier); tier.Takes(class) > 0 && price.Source == "" {
				t.Errorf("%s by %s has no price", class, tier)
			}
		}
	}
}

func TestTheSourceOfACopyIsNamedAsAHeaderTakesIt(t *testing.T) {
	bucket := &Bucket{Name: "b"}
	for key, want := range map[string]string{
		"a/b.txt":           "b/a/b.txt?versionId=v1",
		"a b+c?d#é/100%.md": "b/a%20b%2Bc%3Fd%23%C3%A9/100%25.md?versionId=v1",
	} {
		if have := *bucket.source(Version{Key: key, ID: "v1"}); have != want {
			t.Errorf("have %s, want %s", have, want)
		}
	}
}
