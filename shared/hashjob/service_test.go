package hashjob_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/events/davit"
	events "davit/events/hashjob"
	"davit/shared/hashjob"
)

// book is a hashjob.Book in memory.
type book struct {
	mutex   sync.Mutex
	records map[string]hashjob.Record
	writes  int
}

func (b *book) Read(_ context.Context, id string) (hashjob.Record, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.records[id], nil
}

func (b *book) Write(_ context.Context, record hashjob.Record) (hashjob.Record, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.records[record.ID].Version != record.Version {
		return hashjob.Record{}, hashjob.ErrConflict
	}
	b.writes++
	record.Version++
	b.records[record.ID] = record
	return record, nil
}

func (b *book) Progress(_ context.Context, record hashjob.Record, items uint64) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	stored := b.records[record.ID]
	if stored.Version != record.Version {
		return hashjob.ErrConflict
	}
	stored.Items = items
	b.records[record.ID] = stored
	return nil
}

// office is a service in memory, with what it did.
type office struct {
	*hashjob.Service
	bucket *bucket
	book   *book
	clock  *clock
	told   []davit.HashJob
	sent   [][]byte
	begun  map[string][]byte
	// failing makes the next call of the name fail, once.
	failing string
}

var errFailing = errors.New("AWS is busy")

func (o *office) fails(name string) error {
	if o.failing != name {
		return nil
	}
	o.failing = ""
	return errFailing
}

func newOffice() *office {
	o := &office{bucket: newBucket(), book: &book{records: map[string]hashjob.Record{}}, clock: newClock(), begun: map[string][]byte{}}
	o.Service = &hashjob.Service{
		Runner: &hashjob.Runner{Objects: o.bucket, Store: o.bucket, Now: o.clock.now}, Book: o.book, Store: o.bucket, Bucket: "davit",
		Publish: func(_ context.Context, completed davit.HashJob) error {
			if err := o.fails("publish"); err != nil {
				return err
			}
			o.told = append(o.told, completed)
			return nil
		},
		Enqueue: func(_ context.Context, body []byte) error {
			if err := o.fails("enqueue"); err != nil {
				return err
			}
			o.sent = append(o.sent, body)
			return nil
		},
		Start: func(_ context.Context, name string, input []byte) error {
			if err := o.fails("start"); err != nil {
				return err
			}
			o.begun[name] = input
			return nil
		},
		Now: o.clock.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	return o
}

// limited is the context of an invocation with so many looks at the clock, beyond what is kept for handing on.
type limited struct {
	context.Context
	deadline time.Time
}

func (l limited) Deadline() (time.Time, bool) { return l.deadline, true }

func (o *office) limited(t *testing.T, looks int) context.Context {
	return limited{t.Context(), o.clock.now().Add(10*time.Second + time.Duration(looks)*time.Second)}
}

func document(t *testing.T, job events.Job) []byte {
	t.Helper()
	written, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func rootJob(t *testing.T, o *office, leaves int) events.Job {
	t.Helper()
	raw, _ := hashes(leaves)
	o.bucket.put("in/1", raw)
	return job(t, events.MerkleRoot, func(j *events.Job) {
		j.Tree, j.Input = &events.TreeOptions{Shape: "bitcoin", Leaves: events.LeafHashes}, s3(events.FormRecords, 32)
	})
}

// goOn handles the messages that the service sent to itself, until there are none.
func (o *office) goOn(t *testing.T, looks int) (invocations int) {
	t.Helper()
	for len(o.sent) > 0 {
		message := o.sent[0]
		o.sent = o.sent[1:]
		if err := o.Handle(o.limited(t, looks), message, 1); err != nil {
			t.Fatal(err)
		}
		if invocations++; invocations > 100 {
			t.Fatal("it does not come to an end")
		}
	}
	return invocations
}

func TestDecide(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	with := func(status hashjob.Status, document string, change func(*hashjob.Record)) hashjob.Record {
		record := hashjob.Record{ID: "a", Version: 3, Status: status, Document: document, Announced: status == hashjob.Succeeded || status == hashjob.Failed}
		if change != nil {
			change(&record)
		}
		return record
	}
	leased := func(for_ time.Duration) func(*hashjob.Record) {
		return func(r *hashjob.Record) { r.Lease = now.Add(for_) }
	}
	untold := func(r *hashjob.Record) { r.Announced = false }
	for name, test := range map[string]struct {
		record hashjob.Record
		want   hashjob.Action
	}{
		"a new job begins":                                 {hashjob.Record{}, hashjob.Begin},
		"a job that runs is waited for":                    {with(hashjob.Running, "d", leased(time.Second)), hashjob.Wait},
		"a job whose invocation died is resumed":           {with(hashjob.Running, "d", leased(-time.Second)), hashjob.Resume},
		"a job that was handed on is resumed":              {with(hashjob.Running, "d", nil), hashjob.Resume},
		"a job in pieces is left to them":                  {with(hashjob.Split, "d", nil), hashjob.Leave},
		"pieces that may be starting are waited for":       {with(hashjob.Split, "d", leased(time.Second)), hashjob.Wait},
		"pieces that never started are started":            {with(hashjob.Split, "d", leased(-time.Second)), hashjob.Resume},
		"a job that was done is left":                      {with(hashjob.Succeeded, "d", nil), hashjob.Leave},
		"a job that was done and not told is told":         {with(hashjob.Succeeded, "d", untold), hashjob.Announce},
		"a job that failed is begun anew":                  {with(hashjob.Failed, "d", nil), hashjob.Begin},
		"a job that failed and was not told is told first": {with(hashjob.Failed, "d", untold), hashjob.Announce},
		"another document takes the place of a failed one": {with(hashjob.Failed, "other", nil), hashjob.Begin},
		"another document does not take that of a running": {with(hashjob.Running, "other", nil), hashjob.Refuse},
		"another document does not take that of a done":    {with(hashjob.Succeeded, "other", untold), hashjob.Refuse},
		"another document does not take that of pieces":    {with(hashjob.Split, "other", nil), hashjob.Refuse},
	} {
		t.Run(name, func(t *testing.T) {
			decision := hashjob.Decide(now, test.record, "d")
			if decision.Action != test.want || decision.Reason == "" {
				t.Errorf("%s: %s", decision.Action, decision.Reason)
			}
			if test.want == hashjob.Wait && !decision.Until.Equal(test.record.Lease) {
				t.Errorf("until %s, not until %s", decision.Until, test.record.Lease)
			}
		})
	}
}

func TestAJobGoesOnOverInvocationsAndIsToldOnce(t *testing.T) {
	o := newOffice()
	asked := rootJob(t, o, 20*4096+5)
	want := inOne(t, o.Runner, asked)
	result, err := o.Do(o.limited(t, 10), asked)
	if err != nil || result.Outcome != events.Continued || result.Items == 0 {
		t.Fatalf("the first invocation came to %+v, %v", result, err)
	}
	if invocations := o.goOn(t, 10); invocations < 3 {
		t.Errorf("it took %d more invocations", invocations)
	}
	record := o.book.records["a-job"]
	if record.Status != hashjob.Succeeded || record.Items != 20*4096+5 || !record.Announced || record.Invocations < 4 {
		t.Errorf("its record is %+v", record)
	}
	again, err := o.Do(t.Context(), asked)
	if err != nil || again.Root == nil || again.Root.Root != want.Root.Root {
		t.Errorf("its result is %+v, %v", again, err)
	}
	if len(o.told) != 1 || o.told[0].Outcome != "succeeded" || o.told[0].Items != record.Items {
		t.Errorf("told: %+v", o.told)
	}
}

func TestWhateverCallFailsOnceTheJobIsDoneInTheEnd(t *testing.T) {
	for _, failing := range []string{"publish", "enqueue"} {
		t.Run(failing, func(t *testing.T) {
			o := newOffice()
			asked := rootJob(t, o, 10*4096)
			message := document(t, asked)
			o.failing = failing
			for attempt := 1; ; attempt++ {
				err := o.Handle(o.limited(t, 10), message, attempt)
				if err == nil {
					break
				}
				if !errors.Is(err, errFailing) || attempt > 3 {
					t.Fatal(err)
				}
			}
			// What a message that the service sent to itself meets comes again by the queue.
			for len(o.sent) > 0 {
				next := o.sent[0]
				o.sent = o.sent[1:]
				if err := o.Handle(o.limited(t, 10), next, 1); errors.Is(err, errFailing) {
					o.sent = append(o.sent, next)
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if record := o.book.records["a-job"]; record.Status != hashjob.Succeeded || len(o.told) != 1 {
				t.Errorf("its record is %+v, told %+v", record, o.told)
			}
		})
	}
}

func TestTwoInvocationsAtOnceDoNotBothWork(t *testing.T) {
	o := newOffice()
	asked := rootJob(t, o, 100)
	identity, err := hashjob.Identify(asked)
	if err != nil {
		t.Fatal(err)
	}
	o.book.records["a-job"] = hashjob.Record{ID: "a-job", Version: 1, Status: hashjob.Running, Document: identity, Lease: o.clock.now().Add(time.Hour)}
	var busy *hashjob.BusyError
	if _, err := o.Do(t.Context(), asked); !errors.As(err, &busy) || o.book.writes > 0 {
		t.Errorf("%v, and %d writes", err, o.book.writes)
	}
	if err := o.Handle(t.Context(), document(t, asked), 1); err == nil || !strings.Contains(err.Error(), "another invocation") {
		t.Errorf("by the queue: %v", err)
	}
}

func TestAnInvocationThatIsTooShortFailsTheJobAndDoesNotTurnForever(t *testing.T) {
	o := newOffice()
	raw := mined(t, 13_000)
	o.bucket.put("in/1", raw[:80*6000]).put("in/2", raw[80*6000:])
	asked := job(t, events.VerifyHeaders, func(j *events.Job) {
		j.Headers, j.Input = &events.HeadersOptions{Chain: "bitcoin", Network: "regtest"}, s3(events.FormRecords, 80)
	})
	if _, err := o.Do(o.limited(t, 8), asked); err != nil {
		t.Fatal(err)
	}
	for turn := 0; len(o.sent) > 0; turn++ {
		next := o.sent[0]
		o.sent = o.sent[1:]
		_ = o.Handle(o.limited(t, 2), next, 1)
		if turn > 20 {
			t.Fatal("it turns forever")
		}
	}
	record := o.book.records["a-job"]
	if record.Status != hashjob.Failed || !strings.Contains(record.Error.Reason, "too short") {
		t.Errorf("its record is %+v", record)
	}
}

func TestPiecesAreDoneStepByStep(t *testing.T) {
	for _, form := range []events.Form{events.FormRecords, events.FormHexLines} {
		t.Run(string(form), func(t *testing.T) {
			o := newOffice()
			asked := rootJob(t, o, 3*4096+9)
			want := inOne(t, o.Runner, asked)
			raw, _ := hashes(3*4096 + 9)
			asked.Split = 4096
			if form == events.FormHexLines {
				asked.Input = s3(form, 0)
				lines := hexLines(raw, 32)
				o.bucket.put("in/1", lines[:65*5000]).put("in/2", bytes.TrimSuffix(lines[65*5000:], []byte("\n")))
			}
			if result, err := o.Do(t.Context(), asked); err != nil || result.Outcome != events.Continued {
				t.Fatalf("%+v, %v", result, err)
			}
			result := o.machine(t, 4)
			if result.Root == nil || result.Root.Root != want.Root.Root || result.Items != 3*4096+9 {
				t.Errorf("it came to %+v, %+v", result, result.Error)
			}
			if record := o.book.records["a-job"]; record.Status != hashjob.Succeeded || record.Pieces != 4 || len(o.told) != 1 {
				t.Errorf("its record is %+v, told %+v", record, o.told)
			}
		})
	}
}

// machine does what the state machine does, the pieces from the last to the first, and answers the last step's result.
func (o *office) machine(t *testing.T, pieces int) events.Result {
	t.Helper()
	if len(o.begun) != 1 {
		t.Fatalf("%d executions were started", len(o.begun))
	}
	var input map[string]any
	for _, started := range o.begun {
		if err := json.Unmarshal(started, &input); err != nil {
			t.Fatal(err)
		}
	}
	step := func(name string, more map[string]any) []byte {
		payload := map[string]any{"step": name, "id": input["id"], "attempt": input["attempt"]}
		for key, value := range more {
			payload[key] = value
		}
		written, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&hashjob.Entry{Service: o.Service}).Invoke(t.Context(), written)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	var list []struct{ Piece int }
	var where events.Location
	if err := json.Unmarshal(step("plan", nil), &where); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(o.bucket.objects[where.Key], &list); err != nil || len(list) != pieces {
		t.Fatalf("%d pieces, %v", len(list), err)
	}
	for index := len(list) - 1; index >= 0; index-- {
		step("piece", map[string]any{"piece": list[index].Piece})
	}
	var result events.Result
	if err := json.Unmarshal(step("combine", nil), &result); err != nil {
		t.Fatal(err)
	}
	return result
}

func TestAStateMachineThatFailsEndsItsJob(t *testing.T) {
	o := newOffice()
	asked := rootJob(t, o, 3*4096)
	asked.Split = 4096
	if _, err := o.Do(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	attempt := o.book.records["a-job"].Attempt
	payload := fmt.Appendf(nil, `{"step":"failed","id":"a-job","attempt":%d,"cause":{"Error":"States.Timeout","Cause":"{\"errorMessage\":\"it took too long\"}"}}`, attempt)
	if _, err := o.Step(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
	if record := o.book.records["a-job"]; record.Status != hashjob.Failed || !strings.Contains(record.Error.Reason, "it took too long") {
		t.Errorf("its record is %+v", record)
	}
	if _, err := o.Step(t.Context(), payload); err == nil {
		t.Error("it ended twice")
	}
}

func TestPiecesThatDoNotStartAreStartedAgain(t *testing.T) {
	o := newOffice()
	asked := rootJob(t, o, 3*4096)
	asked.Split = 4096
	o.failing = "start"
	if _, err := o.Do(t.Context(), asked); !errors.Is(err, errFailing) {
		t.Fatal(err)
	}
	if _, err := o.Do(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	if result := o.machine(t, 3); result.Root == nil {
		t.Errorf("it came to %+v", result)
	}
}

func TestMessagesThatAreNoJobsAreAcknowledgedOrPoison(t *testing.T) {
	event := func(source, kind, detail string) []byte {
		return fmt.Appendf(nil, `{"version":"0","id":"1","detail-type":%q,"source":%q,"account":"000000000000","time":"2026-11-22T12:00:00Z",`+
			`"region":"eu-north-1","resources":[],"detail":%s}`, kind, source, detail)
	}
	for name, test := range map[string]struct {
		body   []byte
		poison string
	}{
		"an event of others":             {event("aws.ecr", "ECR Image Action", `{}`), ""},
		"an object of another bucket":    {event("aws.s3", "Object Created", `{"bucket":{"name":"media"},"object":{"key":"jobs/a"}}`), ""},
		"an object that is no document":  {event("aws.s3", "Object Created", `{"bucket":{"name":"davit"},"object":{"key":"results/a"}}`), ""},
		"a document that is gone":        {event("aws.s3", "Object Created", `{"bucket":{"name":"davit"},"object":{"key":"jobs/a"}}`), "no such object"},
		"a request without a document":   {event("payments", "Hash Job Requested", `{}`), "version: want"},
		"an object without a key":        {event("aws.s3", "Object Created", `{"bucket":{"name":"davit"}}`), "detail.object.key"},
		"an event that cannot be read":   {[]byte(`{"detail-type":"Hash Job Requested"}`), "the event cannot be read"},
		"a text":                         {[]byte(`hello`), "no JSON object"},
		"a message to itself of nothing": {[]byte(`{"version":"1","continue":"../a"}`), "is no ID"},
	} {
		t.Run(name, func(t *testing.T) {
			err := newOffice().Handle(t.Context(), test.body, 1)
			if test.poison == "" && err != nil || test.poison != "" && (err == nil || !strings.Contains(err.Error(), test.poison)) {
				t.Errorf("%v, want %q", err, test.poison)
			}
		})
	}
}
