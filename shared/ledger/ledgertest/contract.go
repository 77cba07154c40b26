package ledgertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/workload"
)

// Ledger is everything that a ledger does.
type Ledger interface {
	Read(ctx context.Context, references []workload.Reference) (map[workload.Reference]ledger.Record, error)
	Write(ctx context.Context, record ledger.Record, entries ...ledger.Entry) (ledger.Record, error)
	Following(ctx context.Context, repository workload.Repository) ([]workload.Reference, error)
	History(ctx context.Context, reference workload.Reference, limit int, before string) ([]ledger.Entry, error)
	Workloads(ctx context.Context) iter.Seq2[workload.Reference, error]
	WriteIncidents(ctx context.Context, record ledger.Record, incidents []ledger.Incident, entries ...ledger.Entry) (ledger.Record, error)
	Open(ctx context.Context) iter.Seq2[workload.Reference, error]
	OpenScaling(ctx context.Context) iter.Seq2[workload.Reference, error]
	Incidents(ctx context.Context, limit int, before string) ([]ledger.Incident, error)
	Incident(ctx context.Context, id string) (ledger.Incident, error)
	ReadFleet(ctx context.Context) (ledger.Fleet, error)
	WriteFleet(ctx context.Context, fleet ledger.Fleet) (ledger.Fleet, error)
}

// Contract tests that a ledger keeps the contract. It uses workloads and repositories with names of its own, so the
// ledger need not be empty.
func Contract(t *testing.T, tested Ledger) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, scene){
		"a workload never seen has a record of version 0":                neverSeen,
		"what was written is read back":                                  readBack,
		"a write on another version changes nothing":                     staleWrite,
		"many records are read at once, and one given twice is one":      readMany,
		"an empty reference is an error":                                 emptyReference,
		"the index follows the repositories of the record":               indexFollows,
		"a record that was not read through the ledger is indexed right": indexOfForeignRecord,
		"all repositories and entries that fit can change at once":       largestWrite,
		"history is newest first and is read in pages":                   historyPages,
		"an entry written twice is there once":                           entryTwice,
		"entries of the same moment are all there":                       sameMoment,
		"every workload is listed once":                                  listed,
		"what is gone is listed until nothing of it is unfinished":       listedUntilGone,
		"answers share nothing with what is stored":                      nothingShared,
		"what cannot be stored is refused and changes nothing":           refused,
		"a context that is done changes nothing":                         contextDone,
		"of many writers of one version exactly one wins":                manyWriters,
		"incidents are listed newest first, and found by their ID":       incidentsListed,
		"a workload is open as long as its record has an incident":       openWhile,
		"what scaling has yet to finish is listed, of a group too":       openScalingWhile,
		"the fleet is fenced":                                            fleetFenced,
	} {
		t.Run(name, func(t *testing.T) { test(t, newScene(t, tested)) })
	}
}

// scene is one test with names of its own.
type scene struct {
	Ledger
	cluster string
}

func newScene(t *testing.T, tested Ledger) scene {
	t.Helper()
	return scene{Ledger: tested, cluster: fmt.Sprintf("c%016x", rand.Uint64())} // #nosec G404 -- a name
}

func (s scene) workload(t *testing.T, service string) workload.Reference {
	t.Helper()
	reference, err := workload.ECSService(s.cluster, service)
	if err != nil {
		t.Fatal(err)
	}
	return reference
}

func (s scene) repository(name string) workload.Repository {
	return workload.Repository{Registry: "000000000000", Region: "ap-northeast-2", Name: s.cluster + "/" + name}
}

func (s scene) read(t *testing.T, reference workload.Reference) ledger.Record {
	t.Helper()
	records, err := s.Read(t.Context(), []workload.Reference{reference})
	if err != nil {
		t.Fatal(err)
	}
	record, found := records[reference]
	if !found || len(records) != 1 {
		t.Fatalf("reading %s answered %v", reference, records)
	}
	return record
}

func (s scene) write(t *testing.T, record ledger.Record, entries ...ledger.Entry) ledger.Record {
	t.Helper()
	written, err := s.Write(t.Context(), record, entries...)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func (s scene) history(t *testing.T, reference workload.Reference, limit int, before string) []ledger.Entry {
	t.Helper()
	entries, err := s.History(t.Context(), reference, limit, before)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func (s scene) follow(t *testing.T, repository workload.Repository, want ...workload.Reference) {
	t.Helper()
	got, err := s.Following(t.Context(), repository)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the workloads that follow "+repository.String(), got, want)
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	options := cmp.Options{cmpopts.EquateComparable(workload.Reference{}), cmpopts.EquateEmpty()}
	if difference := cmp.Diff(want, got, options); difference != "" {
		t.Errorf("%s (-want +got):\n%s", what, difference)
	}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func digest(number int) string { return fmt.Sprintf("sha256:%064x", number) }

// full is a record with every field set.
func full(reference workload.Reference, repositories ...workload.Repository) ledger.Record {
	image := ledger.Image{Digest: digest(1), Tag: "1.1.0", PushedAt: noon, At: noon.Add(time.Minute)}
	return ledger.Record{
		Workload:     reference,
		Repositories: repositories,
		Good:         []ledger.Image{image},
		SetAside:     []ledger.SetAside{{Image: image, Reason: "it exits 1 <at once> & says \"no\""}},
		Rollout: &ledger.Rollout{
			ID: "r-1", Phase: ledger.Started, Image: image, Containers: []string{"app", "sidecar"},
			From: "web:1", FromDigest: digest(2), Revision: "web:2", Deployment: "ecs-svc/1", Cause: "a push",
			IntendedAt: noon, StartedAt: noon.Add(time.Second), Failure: "it failed", Overdue: true,
		},
		Hold:    &ledger.Hold{Who: "operator", Why: "a test", At: noon, Until: noon.Add(time.Hour)},
		Request: &ledger.Request{Image: image, Who: "operator", Why: "a hotfix", Override: true, At: noon, Newest: noon.Add(-time.Hour)},
		Refusal: &ledger.Refusal{Code: "older", Digest: digest(3), Text: "older than 1.1.0"},
	}
}

func entry(id string, at time.Time) ledger.Entry {
	return ledger.Entry{
		At: at, ID: id, Cause: "a push", Action: "roll", Code: "newer-image", Reason: "1.1.0 is newer than 1.0.0",
		Image: &ledger.Image{Digest: digest(1), Tag: "1.1.0"}, Rollout: "r-1", Evidence: []string{"exit code 1"},
	}
}

func neverSeen(t *testing.T, s scene) {
	reference := s.workload(t, "web")
	same(t, "the record", s.read(t, reference), ledger.Record{Workload: reference})
	same(t, "the history", s.history(t, reference, 10, ""), []ledger.Entry(nil))
	s.follow(t, s.repository("web"))
}

func readBack(t *testing.T, s scene) {
	reference := s.workload(t, "web")
	begun := time.Now().Add(-time.Hour)
	first := s.write(t, full(reference, s.repository("web")), entry("e-1", noon))
	if first.Version != 1 || first.UpdatedAt.Before(begun) {
		t.Errorf("the first write answered version %d of %s", first.Version, first.UpdatedAt)
	}
	same(t, "the first version", s.read(t, reference), first)
	first.Rollout, first.Hold, first.Good = nil, nil, nil
	second := s.write(t, first, entry("e-2", noon.Add(time.Second)))
	if second.Version != 2 {
		t.Errorf("the second write answered version %d", second.Version)
	}
	same(t, "the second version", s.read(t, reference), second)
	want := []ledger.Entry{entry("e-2", noon.Add(time.Second)), entry("e-1", noon)}
	want[0].Workload, want[1].Workload = reference, reference
	same(t, "the history", s.history(t, reference, 10, ""), want)
}

func staleWrite(t *testing.T, s scene) {
	reference, old, other := s.workload(t, "web"), s.repository("old"), s.repository("other")
	first := s.write(t, full(reference, old))
	second := s.write(t, first, entry("e-1", noon))
	for name, version := range map[string]int64{
		"a version that was replaced": 1, "a record taken for new": 0, "a version that is not there yet": 3,
	} {
		stale := full(reference, other)
		stale.Version = version
		if _, err := s.Write(t.Context(), stale, entry("e-2", noon)); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("a write on %s ended with %v, not a conflict", name, err)
		}
	}
	missing := full(s.workload(t, "missing"), other)
	missing.Version = 1
	if _, err := s.Write(t.Context(), missing); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("a write on a version of a record that does not exist ended with %v, not a conflict", err)
	}
	same(t, "the record", s.read(t, reference), second)
	s.follow(t, old, reference)
	s.follow(t, other)
	if entries := s.history(t, reference, 10, ""); len(entries) != 1 || entries[0].ID != "e-1" {
		t.Errorf("the history is %v", entries)
	}
}

func readMany(t *testing.T, s scene) {
	const count, written = 230, 12
	references := make([]workload.Reference, count)
	for i := range references {
		references[i] = s.workload(t, fmt.Sprintf("web-%03d", i))
	}
	for i := range written {
		s.write(t, full(references[i*19], s.repository("web")))
	}
	records, err := s.Read(t.Context(), append(slices.Clone(references), references[0], references[19]))
	if err != nil || len(records) != count {
		t.Fatalf("reading answered %d records and %v", len(records), err)
	}
	for i, reference := range references {
		want := int64(0)
		if i%19 == 0 && i/19 < written {
			want = 1
		}
		if record := records[reference]; record.Version != want || record.Workload != reference {
			t.Errorf("the record of %s is version %d of %s", reference, record.Version, record.Workload)
		}
	}
	none, err := s.Read(t.Context(), nil)
	if err != nil || len(none) != 0 {
		t.Errorf("reading nothing answered %v and %v", none, err)
	}
}

func emptyReference(t *testing.T, s scene) {
	if _, err := s.Read(t.Context(), []workload.Reference{s.workload(t, "web"), {}}); err == nil {
		t.Error("reading the record of no workload was no error")
	}
}

func indexFollows(t *testing.T, s scene) {
	a, b, c := s.repository("a"), s.repository("b"), s.repository("c")
	web, api := s.workload(t, "web"), s.workload(t, "api")
	s.write(t, full(api, b))
	record := s.write(t, full(web, a, b, a))
	s.follow(t, a, web)
	s.follow(t, b, api, web)
	record.Repositories = []workload.Repository{c, b}
	record = s.write(t, record)
	s.follow(t, a)
	s.follow(t, b, api, web)
	s.follow(t, c, web)
	record.Repositories = []workload.Repository{b, c}
	record = s.write(t, record)
	s.follow(t, c, web)
	record.Repositories = nil
	record = s.write(t, record)
	s.follow(t, b, api)
	s.follow(t, c)
	record.Repositories = []workload.Repository{a}
	s.write(t, record)
	s.follow(t, a, web)
	s.follow(t, workload.Repository{Registry: "111111111111", Region: a.Region, Name: a.Name})
}

func indexOfForeignRecord(t *testing.T, s scene) {
	web, a, b := s.workload(t, "web"), s.repository("a"), s.repository("b")
	encoded, err := json.Marshal(s.write(t, full(web, a)))
	if err != nil {
		t.Fatal(err)
	}
	var foreign ledger.Record
	if err := json.Unmarshal(encoded, &foreign); err != nil {
		t.Fatal(err)
	}
	foreign.Repositories = []workload.Repository{b}
	s.write(t, foreign, entry("e-1", noon))
	s.follow(t, a)
	s.follow(t, b, web)
	if entries := s.history(t, web, 10, ""); len(entries) != 1 {
		t.Errorf("the history has %d entries, not 1", len(entries))
	}
}

func largestWrite(t *testing.T, s scene) {
	record := full(s.workload(t, "web"))
	var entries []ledger.Entry
	for i := range ledger.MaximumEntries {
		entries = append(entries, entry(fmt.Sprintf("e-%02d", i), noon))
	}
	for _, generation := range []string{"old", "new"} {
		record.Repositories = nil
		for i := range ledger.MaximumRepositories {
			record.Repositories = append(record.Repositories, s.repository(fmt.Sprintf("%s-%d", generation, i)))
		}
		record = s.write(t, record, entries...)
	}
	s.follow(t, s.repository("old-0"))
	s.follow(t, s.repository("new-0"), record.Workload)
	s.follow(t, s.repository(fmt.Sprintf("new-%d", ledger.MaximumRepositories-1)), record.Workload)
	if found := s.history(t, record.Workload, 100, ""); len(found) != ledger.MaximumEntries {
		t.Errorf("the history has %d entries, not %d", len(found), ledger.MaximumEntries)
	}
}

func historyPages(t *testing.T, s scene) {
	web := s.workload(t, "web")
	s.write(t, full(s.workload(t, "web-2")), entry("another workload's", noon.Add(time.Hour)))
	record := full(web)
	var want []string
	for i := range 25 {
		id := fmt.Sprintf("e-%02d", i)
		// A zone of its own and times that no longer sort as text once the zone is kept.
		at := noon.Add(time.Duration(i) * 7 * time.Hour).In(time.FixedZone("", (i%9-4)*3600))
		record = s.write(t, record, entry(id, at))
		want = append([]string{id}, want...)
	}
	var got []string
	before := ""
	for page := range 10 {
		entries := s.history(t, web, 4, before)
		if page < 6 && len(entries) != 4 {
			t.Fatalf("page %d has %d entries, not 4", page, len(entries))
		}
		if len(entries) == 0 {
			break
		}
		for _, entry := range entries {
			got = append(got, entry.ID)
		}
		before = entries[len(entries)-1].Key()
	}
	same(t, "the pages", got, want)
	got = nil
	for _, entry := range s.history(t, web, ledger.MaximumHistory, "2026-11-24") {
		got = append(got, entry.ID)
	}
	same(t, "the history before a day", got, want[len(want)-6:])
	for _, limit := range []int{0, -1, ledger.MaximumHistory + 1} {
		if _, err := s.History(t.Context(), web, limit, ""); err == nil {
			t.Errorf("a limit of %d was no error", limit)
		}
	}
}

func entryTwice(t *testing.T, s scene) {
	web := s.workload(t, "web")
	changed := entry("e-1", noon)
	changed.Reason = "the later one"
	record := s.write(t, full(web), entry("e-1", noon), entry("e-2", noon), changed)
	s.write(t, record, entry("e-2", noon))
	entries := s.history(t, web, 10, "")
	if len(entries) != 2 || entries[0].ID != "e-2" || entries[1].Reason != "the later one" {
		t.Errorf("the history is %v", entries)
	}
}

func sameMoment(t *testing.T, s scene) {
	web := s.workload(t, "web")
	s.write(t, full(web), entry("e-2", noon), entry("e-1", noon.Add(time.Microsecond)), entry("e-3", noon))
	var got []string
	before := ""
	for range 3 {
		entries := s.history(t, web, 1, before)
		if len(entries) != 1 {
			t.Fatalf("after %v comes %v", got, entries)
		}
		got, before = append(got, entries[0].ID), entries[0].Key()
	}
	same(t, "the entries", got, []string{"e-3", "e-2", "e-1"})
}

func listed(t *testing.T, s scene) {
	web, api := s.workload(t, "web"), s.workload(t, "api")
	record := s.write(t, full(web))
	s.write(t, record)
	s.write(t, full(api))
	all := s.Workloads(t.Context())
	for range 2 { // the sequence can be gone through again
		var got []workload.Reference
		for reference, err := range all {
			if err != nil {
				t.Fatal(err)
			}
			if reference.Cluster() == s.cluster {
				got = append(got, reference)
			}
		}
		same(t, "the workloads", got, []workload.Reference{api, web})
	}
	for range all {
		break // leaving early is no error
	}
}

func listedUntilGone(t *testing.T, s scene) {
	host, err := workload.ParseReference("ec2:i-" + s.cluster[1:])
	if err != nil {
		t.Fatal(err)
	}
	web := s.workload(t, "web")
	rollout := &ledger.Rollout{ID: "r-1", Phase: ledger.Started}
	record := s.read(t, web)
	s.write(t, ledger.Record{Workload: host})
	for _, step := range []struct {
		name   string
		change func(record *ledger.Record)
		listed bool
	}{
		{"there", func(*ledger.Record) {}, true},
		{"gone during a rollout", func(record *ledger.Record) { record.Gone, record.Rollout = true, rollout }, true},
		{"gone", func(record *ledger.Record) { record.Rollout = nil }, false},
		{"gone and held", func(record *ledger.Record) { record.Hold = &ledger.Hold{Who: "operator"} }, false},
		{"gone with something to tell", func(record *ledger.Record) { record.Announcements = ledger.Outbox[davit.Rollout]{{}} }, true},
		{"gone with everything told", func(record *ledger.Record) { record.Announcements = nil }, false},
		{"back", func(record *ledger.Record) { record.Gone = false }, true},
	} {
		step.change(&record)
		record = s.write(t, record)
		same(t, step.name, s.read(t, web), record)
		var got, want []workload.Reference
		for reference, err := range s.Workloads(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if reference == web || reference == host {
				got = append(got, reference)
			}
		}
		if step.listed {
			want = append(want, web)
		}
		same(t, "the workloads with one "+step.name, got, want)
	}
}

func nothingShared(t *testing.T, s scene) {
	web, repository := s.workload(t, "web"), s.repository("web")
	line := entry("e-1", noon)
	given := full(web, repository)
	written := s.write(t, given, line)
	want := written.Clone()
	spoil := func(record ledger.Record) {
		record.Repositories[0].Name = "spoiled"
		record.Good[0].Tag = "spoiled"
		record.SetAside[0].Reason = "spoiled"
		record.Rollout.Containers[0] = "spoiled"
		record.Rollout.ID, record.Hold.Who, record.Request.Who, record.Refusal.Text = "x", "x", "x", "x"
	}
	spoil(given)
	spoil(s.read(t, web))
	line.Image.Tag, line.Evidence[0] = "spoiled", "spoiled"
	entries := s.history(t, web, 1, "")
	entries[0].Image.Tag, entries[0].Evidence[0] = "spoiled", "spoiled"
	same(t, "the record", s.read(t, web), want)
	unspoiled := entry("e-1", noon)
	unspoiled.Workload = web
	same(t, "the history", s.history(t, web, 1, ""), []ledger.Entry{unspoiled})
	s.follow(t, repository, web)
}

func refused(t *testing.T, s scene) {
	web := s.workload(t, "web")
	record := s.write(t, full(web, s.repository("web")))
	large := strings.Repeat("x", ledger.MaximumBytes)
	changed := func(change func(*ledger.Record)) ledger.Record {
		copied := record.Clone()
		change(&copied)
		return copied
	}
	changedEntry := func(change func(*ledger.Entry)) []ledger.Entry {
		line := entry("e-1", noon)
		change(&line)
		return []ledger.Entry{line}
	}
	var many []ledger.Entry
	for i := range ledger.MaximumEntries + 1 {
		many = append(many, entry(fmt.Sprintf("e-%d", i), noon))
	}
	for name, test := range map[string]struct {
		record   ledger.Record
		entries  []ledger.Entry
		tooLarge bool
	}{
		"a record that names no workload": {record: ledger.Record{Version: 1}},
		"a record of a negative version":  {record: changed(func(r *ledger.Record) { r.Version = -2 })},
		"a record that is too large": {
			record:   changed(func(r *ledger.Record) { r.Rollout.Failure = large }),
			tooLarge: true,
		},
		"a repository without a name": {
			record: changed(func(r *ledger.Record) { r.Repositories = append(r.Repositories, workload.Repository{}) }),
		},
		"too many repositories": {
			record: changed(func(r *ledger.Record) {
				for i := range ledger.MaximumRepositories {
					r.Repositories = append(r.Repositories, s.repository(fmt.Sprintf("web-%d", i)))
				}
			}),
			tooLarge: true,
		},
		"too many entries":        {record: record, entries: many, tooLarge: true},
		"an entry without an ID":  {record: record, entries: changedEntry(func(e *ledger.Entry) { e.ID = "" })},
		"an entry with a long ID": {record: record, entries: changedEntry(func(e *ledger.Entry) { e.ID = large[:257] })},
		"an entry without a time": {record: record, entries: changedEntry(func(e *ledger.Entry) { e.At = time.Time{} })},
		"another workload's entry": {
			record:  record,
			entries: changedEntry(func(e *ledger.Entry) { e.Workload = s.workload(t, "api") }),
		},
		"an entry that is too large": {
			record:   record,
			entries:  changedEntry(func(e *ledger.Entry) { e.Reason = large }),
			tooLarge: true,
		},
	} {
		_, err := s.Write(t.Context(), test.record, test.entries...)
		if err == nil || errors.Is(err, ledger.ErrConflict) || errors.Is(err, ledger.ErrTooLarge) != test.tooLarge {
			t.Errorf("%s ended with %v", name, err)
		}
	}
	same(t, "the record", s.read(t, web), record)
	same(t, "the history", s.history(t, web, 10, ""), []ledger.Entry(nil))
}

func contextDone(t *testing.T, s scene) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	web := s.workload(t, "web")
	if _, err := s.Write(ctx, full(web)); !errors.Is(err, context.Canceled) {
		t.Errorf("the write ended with %v", err)
	}
	if _, err := s.Read(ctx, []workload.Reference{web}); !errors.Is(err, context.Canceled) {
		t.Errorf("the read ended with %v", err)
	}
	for _, err := range s.Workloads(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the list ended with %v", err)
		}
	}
	if record := s.read(t, web); record.Version != 0 {
		t.Errorf("the record has version %d", record.Version)
	}
}

func manyWriters(t *testing.T, s scene) {
	const writers, rounds = 50, 4
	web := s.workload(t, "web")
	for round := range rounds {
		record := s.read(t, web)
		won := make(chan ledger.Record, writers)
		var group sync.WaitGroup
		for writer := range writers {
			group.Go(func() {
				tried := record.Clone()
				tried.Repositories = []workload.Repository{s.repository(fmt.Sprintf("web-%d", writer))}
				written, err := s.Write(t.Context(), tried, entry(fmt.Sprintf("writer-%d", writer), noon))
				if err == nil {
					won <- written
				} else if !errors.Is(err, ledger.ErrConflict) {
					t.Errorf("writer %d ended with %v", writer, err)
				}
			})
		}
		group.Wait()
		if len(won) != 1 {
			t.Fatalf("%d of %d writers won version %d", len(won), writers, round+1)
		}
		winner := <-won
		same(t, "the record", s.read(t, web), winner)
		for writer := range writers {
			repository := s.repository(fmt.Sprintf("web-%d", writer))
			if slices.Contains(winner.Repositories, repository) {
				s.follow(t, repository, web)
			} else if writer%10 == 0 { // a sample of the losers
				s.follow(t, repository)
			}
		}
	}
}

func incidentsListed(t *testing.T, s scene) {
	reference := s.workload(t, "web")
	record := s.read(t, reference)
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var want []ledger.Incident
	for number := range 3 {
		incident := ledger.Incident{ID: ledger.IncidentID(at.Add(time.Duration(number)*time.Second), []byte(s.cluster[1:])),
			Workload: reference, Playbook: "service-unhealthy", Cause: "alarm", OpenedAt: at,
			Tried: []ledger.Attempt{{Do: "restart", At: at, Outcome: ledger.NoHelp}}}
		record.Recovery.Incidents = []ledger.Incident{incident}
		var err error
		if record, err = s.WriteIncidents(t.Context(), record, record.Recovery.Incidents, entry("e"+incident.ID, at)); err != nil {
			t.Fatal(err)
		}
		want = append([]ledger.Incident{incident}, want...)
	}
	same(t, "the record", s.read(t, reference), record)
	got, err := s.Incidents(t.Context(), 3, ledger.IncidentID(at.Add(3*time.Second), nil))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the list", got, want)
	got, err = s.Incidents(t.Context(), 1, want[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the next page", got, want[1:2])
	one, err := s.Incident(t.Context(), want[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the one", one, want[1])
	if _, err := s.Incident(t.Context(), "inc-none"); !errors.Is(err, ledger.ErrNoIncident) {
		t.Errorf("an incident that is not there is %v", err)
	}
}

func openWhile(t *testing.T, s scene) {
	reference := s.workload(t, "web")
	open := func() bool {
		for found, err := range s.Open(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if found == reference {
				return true
			}
		}
		return false
	}
	record := s.read(t, reference)
	for _, incidents := range [][]ledger.Incident{{{ID: "inc-" + s.cluster, Workload: reference}}, nil} {
		record.Recovery.Incidents = incidents
		var err error
		if record, err = s.WriteIncidents(t.Context(), record, incidents); err != nil {
			t.Fatal(err)
		}
		if got := open(); got != (len(incidents) > 0) {
			t.Errorf("with %d incidents open is %t", len(incidents), got)
		}
		stale := record
		stale.Version--
		stale.Recovery.Incidents = []ledger.Incident{{ID: "inc-" + s.cluster, Workload: reference}}
		if _, err := s.WriteIncidents(t.Context(), stale, nil); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("a stale write is %v", err)
		}
		if got := open(); got != (len(incidents) > 0) {
			t.Errorf("a stale write made open %t", got)
		}
	}
}

func openScalingWhile(t *testing.T, s scene) {
	group, err := workload.ParseReference("asg:" + s.cluster)
	if err != nil {
		t.Fatal(err)
	}
	record := s.read(t, group)
	for name, scaling := range map[string]ledger.Scaling{
		"an act": {Act: &ledger.ScalingAct{ID: "act-1"}}, "an announcement": {Announcements: ledger.Outbox[davit.Scaling]{{}}}, "nothing": {},
	} {
		record.Scaling = scaling
		record = s.write(t, record)
		var got, want []workload.Reference
		for reference, err := range s.OpenScaling(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if reference == group {
				got = append(got, reference)
			}
		}
		if name != "nothing" {
			want = append(want, group)
		}
		same(t, "the open scaling with "+name, got, want)
	}
}

func fleetFenced(t *testing.T, s scene) {
	fleet, err := s.ReadFleet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	changed := fleet.Clone()
	changed.Workloads = 7
	changed.Slots = []ledger.Slot{{Workload: s.workload(t, "web"), Act: "act", At: at}}
	changed.Storm = &ledger.Storm{ID: "storm", Since: at, Until: at}
	written, err := s.WriteFleet(t.Context(), changed)
	if err != nil {
		t.Fatal(err)
	}
	changed.Version++
	same(t, "what was written", written, changed)
	if _, err := s.WriteFleet(t.Context(), fleet); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("a stale write is %v", err)
	}
	read, err := s.ReadFleet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what is read back", read, changed)
}
