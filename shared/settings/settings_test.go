package settings

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // so that the tests do not need the machine's

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const full = `{
  "version": "1",
  "policies": {"stable": "semver: \">=1.4 <2\"", "production": "glob: \"prod-*\""},
  "freezes": [
    {"name": "weekend", "cron": "0 18 * * 5", "duration": "62h", "timeZone": "Europe/Oslo",
     "workloads": ["ecs:production/*"]},
    {"name": "night", "cron": "0 22 * * *", "duration": "90m"}
  ],
  "outcomeTimeout": "45m",
  "historyDays": 90
}`

func TestParseReadsEveryField(t *testing.T) {
	got, err := Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Version:  "1",
		Policies: map[string]string{"stable": `semver: ">=1.4 <2"`, "production": `glob: "prod-*"`},
		Freezes: []Freeze{
			{Name: "weekend", Cron: "0 18 * * 5", Duration: Duration(62 * time.Hour), TimeZone: "Europe/Oslo",
				Workloads: []string{"ecs:production/*"}},
			{Name: "night", Cron: "0 22 * * *", Duration: Duration(90 * time.Minute)},
		},
		OutcomeTimeout: Duration(45 * time.Minute),
		HistoryDays:    90,
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("settings differ (-want +got):\n%s", difference)
	}
}

func TestWhatIsLeftOutHasItsDefault(t *testing.T) {
	want := Settings{Version: "1", OutcomeTimeout: Duration(30 * time.Minute), HistoryDays: 400}
	for name, document := range map[string]string{
		"nothing": "", "only space": " \n\t", "only the version": `{"version":"1"}`,
		"null for each field": `{"version":"1","policies":null,"freezes":null,"outcomeTimeout":null,"historyDays":null}`,
	} {
		got, err := Parse([]byte(document))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if difference := cmp.Diff(want, got); difference != "" {
			t.Errorf("%s: settings differ (-want +got):\n%s", name, difference)
		}
	}
	if difference := cmp.Diff(want, Settings{}.WithDefaults()); difference != "" {
		t.Errorf("defaults differ (-want +got):\n%s", difference)
	}
}

// freezeWith is a document with one freeze that has a field set otherwise; an empty value leaves the field out.
func freezeWith(field, value string) string {
	fields := map[string]string{"name": `"night"`, "cron": `"0 22 * * *"`, "duration": `"90m"`}
	if fields[field] = value; value == "" {
		delete(fields, field)
	}
	var list []string
	for name, text := range fields {
		list = append(list, `"`+name+`":`+text)
	}
	return `{"version":"1","freezes":[{` + strings.Join(list, ",") + `}]}`
}

func TestParseNamesTheFieldThatIsWrong(t *testing.T) {
	for _, test := range []struct{ name, document, want string }{
		{"no version", `{}`, "version: "},
		{"another version", `{"version":"2"}`, "version: "},
		{"version of a number", `{"version":1}`, "version: "},
		{"an unknown field", `{"version":"1","freeze":[]}`, `unknown field "freeze"`},
		{"an unknown field of a freeze", freezeWith("until", `"x"`), `unknown field "until"`},
		{"not JSON", `version: 1`, "JSON"},
		{"cut off", `{"version":"1"`, "JSON"},
		{"a list", `[]`, "JSON object"},
		{"null", `null`, "version: "},
		{"more after it", `{"version":"1"} {}`, "follows the document"},
		{"too long", `{"version":"1"}` + strings.Repeat(" ", MaximumDocument), "more than 65536"},
		{"a policy that cannot be read", `{"version":"1","policies":{"a":"semver:x.y"}}`, `policies["a"]: `},
		{"a policy that names another", `{"version":"1","policies":{"a":"policy:b","b":"newest"}}`, `policies["a"]: `},
		{"a policy with a name that is none", `{"version":"1","policies":{"a b":"newest"}}`, `policies["a b"]: `},
		{"a policy without a name", `{"version":"1","policies":{"":"newest"}}`, `policies[""]: `},
		{"a policy that is a number", `{"version":"1","policies":{"a":1}}`, "policies"},
		{"a timeout of a number", `{"version":"1","outcomeTimeout":30}`, "outcomeTimeout: "},
		{"a timeout without a unit", `{"version":"1","outcomeTimeout":"30"}`, "outcomeTimeout: "},
		{"a timeout of nothing", `{"version":"1","outcomeTimeout":"0s"}`, "outcomeTimeout: "},
		{"a timeout too short", `{"version":"1","outcomeTimeout":"59s"}`, "outcomeTimeout: want 1m to 24h, not 59s"},
		{"a timeout too long", `{"version":"1","outcomeTimeout":"25h"}`, "outcomeTimeout: want 1m to 24h, not 25h"},
		{"a negative timeout", `{"version":"1","outcomeTimeout":"-5m"}`, "outcomeTimeout: "},
		{"no day of history", `{"version":"1","historyDays":0}`, "historyDays: "},
		{"a negative day of history", `{"version":"1","historyDays":-1}`, "historyDays: "},
		{"too many days of history", `{"version":"1","historyDays":3651}`, "historyDays: "},
		{"half a day of history", `{"version":"1","historyDays":1.5}`, "historyDays: "},
		{"a freeze without name", freezeWith("name", ""), "freezes[0].name: "},
		{"a freeze with a blank name", freezeWith("name", `"  "`), "freezes[0].name: "},
		{"a freeze with a long name", freezeWith("name", `"`+strings.Repeat("a", 101)+`"`), "freezes[0].name: "},
		{"two freezes of one name", `{"version":"1","freezes":[{"name":"a","cron":"0 0 * * *","duration":"1h"},` +
			`{"name":"a","cron":"0 1 * * *","duration":"1h"}]}`, "freezes[1].name: "},
		{"a freeze without cron", freezeWith("cron", ""), "freezes[0].cron: "},
		{"a cron of six fields", freezeWith("cron", `"0 0 22 * * *"`), "freezes[0].cron: "},
		{"a cron in a word", freezeWith("cron", `"@daily"`), "freezes[0].cron: "},
		{"a cron with a zone", freezeWith("cron", `"CRON_TZ=UTC 0 22 * * *"`), "freezes[0].cron: "},
		{"a cron with half a zone", freezeWith("cron", `"TZ=UTC"`), "freezes[0].cron: "},
		{"a cron out of range", freezeWith("cron", `"60 22 * * *"`), "freezes[0].cron: "},
		{"a cron on a day that never comes", freezeWith("cron", `"0 0 30 2 *"`), "freezes[0].cron: "},
		{"a freeze without duration", freezeWith("duration", ""), "freezes[0].duration: "},
		{"a freeze too short", freezeWith("duration", `"30s"`), "freezes[0].duration: want 1m to 744h"},
		{"a freeze too long", freezeWith("duration", `"745h"`), "freezes[0].duration: want 1m to 744h"},
		{"a freeze of a number", freezeWith("duration", `90`), "freezes[0].duration: "},
		{"an unknown zone", freezeWith("timeZone", `"Europe/Atlantis"`), "freezes[0].timeZone: "},
		{"a zone without a place", freezeWith("timeZone", `"Local"`), "freezes[0].timeZone: "},
		{"a zone out of its folder", freezeWith("timeZone", `"../etc/passwd"`), "freezes[0].timeZone: "},
		{"a freeze of no workload", freezeWith("workloads", `[]`), "freezes[0].workloads: "},
		{"an empty pattern", freezeWith("workloads", `["ecs:a/*",""]`), "freezes[0].workloads[1]: "},
		{"a pattern that stays open", freezeWith("workloads", `["[a"]`), "freezes[0].workloads[0]: "},
		{"a pattern that is too long", freezeWith("workloads", `["`+strings.Repeat("a", 601)+`"]`),
			"freezes[0].workloads[0]: "},
		{"a hundred and one freezes", `{"version":"1","freezes":[` + strings.Repeat(`{},`, 100) + `{}]}`, "freezes: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse([]byte(test.document))
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v; want an error that says %q", err, test.want)
			}
			if difference := cmp.Diff(Settings{}, got); difference != "" {
				t.Errorf("got settings with the error:\n%s", difference)
			}
		})
	}
}

func TestValidateSaysEverythingThatIsWrong(t *testing.T) {
	err := Settings{
		Version:        "3",
		OutcomeTimeout: Duration(time.Second),
		Policies:       map[string]string{"a": "what"},
		Freezes:        []Freeze{{Name: "n", Cron: "x", Duration: Duration(time.Hour), TimeZone: "Nowhere"}},
	}.Validate()
	for _, want := range []string{"version: ", "outcomeTimeout: ", `policies["a"]: `, "freezes[0].cron: ",
		"freezes[0].timeZone: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestDurationIsWrittenInTheLargestWholeUnit(t *testing.T) {
	for text, duration := range map[string]time.Duration{
		`"90m"`: 90 * time.Minute, `"24h"`: 24 * time.Hour, `"1m30s"`: 90 * time.Second, `"0s"`: 0, `"-30m"`: -30 * time.Minute,
	} {
		written, err := json.Marshal(Duration(duration))
		if err != nil || string(written) != text {
			t.Errorf("%v is written %s, %v; want %s", duration, written, err, text)
		}
		var read Duration
		if err := json.Unmarshal(written, &read); err != nil || read != Duration(duration) {
			t.Errorf("%s reads as %v, %v", written, read, err)
		}
	}
}

func TestWhatEncodeWritesParseReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policies := rapid.MapOfN(rapid.StringMatching(`[a-z]{1,8}`),
			rapid.SampledFrom([]string{"newest", "semver:1.x", `glob: "a*"`, "tag:latest"}), 0, 3).Draw(t, "policies")
		freeze := rapid.Custom(func(t *rapid.T) Freeze {
			return Freeze{
				Name:      rapid.StringMatching(`[a-zA-Z <&]{0,8}x`).Draw(t, "name"),
				Cron:      rapid.SampledFrom([]string{"0 18 * * 5", "*/5 1-3 1,15 * MON-FRI"}).Draw(t, "cron"),
				Duration:  Duration(rapid.Int64Range(int64(time.Minute), int64(31*24*time.Hour)).Draw(t, "duration")),
				TimeZone:  rapid.SampledFrom([]string{"", "UTC", "Asia/Seoul"}).Draw(t, "zone"),
				Workloads: rapid.SampledFrom([][]string{nil, {"ecs:a/*"}, {"ecs:*/web", "eks:*/*/*"}}).Draw(t, "workloads"),
			}
		})
		given := Settings{
			Version:        Version,
			Policies:       policies,
			Freezes:        rapid.SliceOfNDistinct(freeze, 0, 3, func(f Freeze) string { return f.Name }).Draw(t, "freezes"),
			OutcomeTimeout: Duration(rapid.Int64Range(int64(time.Minute), int64(24*time.Hour)).Draw(t, "timeout")),
			HistoryDays:    rapid.IntRange(1, 3650).Draw(t, "days"),
		}
		document, err := given.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(document)
		if err != nil {
			t.Fatal(err)
		}
		if len(given.Policies) == 0 {
			given.Policies = nil
		}
		if len(given.Freezes) == 0 {
			given.Freezes = nil
		}
		if difference := cmp.Diff(given, got); difference != "" {
			t.Fatalf("settings differ (-given +read):\n%s", difference)
		}
	})
}

func TestEncodeRefusesWhatParseWould(t *testing.T) {
	if document, err := (Settings{HistoryDays: -1}).Encode(); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %s, %v", document, err)
	}
	large := Settings{Policies: map[string]string{}}
	for i := range 300 {
		large.Policies["p"+strings.Repeat("x", i%40)+time.Duration(i).String()] = "glob:" + strings.Repeat("a", 240)
	}
	if _, err := large.Encode(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "more than 65536") {
		t.Errorf("a large document: %v", err)
	}
	if document, err := (Settings{}).Encode(); err != nil || string(document) !=
		`{"version":"1","outcomeTimeout":"30m","historyDays":400}` {
		t.Errorf("the defaults: got %s, %v", document, err)
	}
}

// FuzzParse holds that nothing makes Parse panic and that what it reads can be written, and read to the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", full, `{"version":"1"}`, freezeWith("cron", `"TZ=UTC"`),
		freezeWith("cron", `"*/0 * * * *"`)} {
		f.Add([]byte(seed))
	}
	now := time.Date(2026, time.March, 29, 1, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, document []byte) {
		settings, err := Parse(document)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("error does not wrap ErrInvalid: %v", err)
			}
			return
		}
		if window, frozen := settings.Frozen("ecs:davit/web", now); frozen && !window.Ends.After(now) {
			t.Fatalf("frozen by %+v, which has ended", window)
		}
		written, err := settings.Encode()
		if err != nil {
			if strings.Contains(err.Error(), "bytes, more than") {
				return // escapes and defaults can take a document that just fitted over the limit
			}
			t.Fatalf("write %+v: %v", settings, err)
		}
		again, err := Parse(written)
		if err != nil {
			t.Fatalf("read %s again: %v", written, err)
		}
		rewritten, err := again.Encode()
		if err != nil || string(rewritten) != string(written) {
			t.Fatalf("first %s, then %s, %v", written, rewritten, err)
		}
	})
}
