package publisher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

// entry is an entry of PutEvents as it comes over the wire.
type entry struct {
	Source, DetailType, Detail, EventBusName string
	Resources                                []string
}

// bus answers PutEvents as the test says, and keeps what came. The codes are those of the entries; empty is taken.
type bus struct {
	calls  [][]entry
	answer func(number int, entries []entry) (status int, codes []string)
}

func (b *bus) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(request.Body, 1<<22))
	var body struct{ Entries []entry }
	if err != nil || json.Unmarshal(raw, &body) != nil || request.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	b.calls = append(b.calls, body.Entries)
	status, codes := http.StatusOK, make([]string, len(body.Entries))
	if b.answer != nil {
		status, codes = b.answer(len(b.calls), body.Entries)
	}
	failed := 0
	results := make([]map[string]string, len(codes))
	for i, code := range codes {
		results[i] = map[string]string{"EventId": fmt.Sprint("event-", i)}
		if code != "" {
			failed++
			results[i] = map[string]string{"ErrorCode": code, "ErrorMessage": "not now"}
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": failed, "Entries": results}); err != nil {
		panic(err)
	}
}

// newPublisher is a publisher to the bus. Pauses take no time.
func newPublisher(t *testing.T, bus *bus) *Publisher {
	t.Helper()
	server := httptest.NewServer(bus)
	t.Cleanup(server.Close)
	client := eventbridge.New(eventbridge.Options{
		BaseEndpoint: &server.URL,
		Region:       "ap-northeast-2",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer:      aws.NopRetryer{},
	})
	publisher := New(client, "davit")
	publisher.pause = func(ctx context.Context, _ int) error { return ctx.Err() }
	return publisher
}

type detail struct {
	Text string `json:"text"`
}

func events(texts ...string) []Event {
	list := make([]Event, len(texts))
	for i, text := range texts {
		list[i] = Event{DetailType: "Rollout Completed", Detail: detail{text}}
	}
	return list
}

func TestAnEventReachesTheBusWhole(t *testing.T) {
	bus := new(bus)
	resources := []string{"arn:aws:ecs:ap-northeast-2:000000000000:service/davit/web"}
	err := newPublisher(t, bus).Publish(t.Context(), "Rollout Failed", detail{"exit <1>"}, resources)
	if err != nil || len(bus.calls) != 1 || len(bus.calls[0]) != 1 {
		t.Fatalf("%v, and the calls are %v", err, bus.calls)
	}
	got := bus.calls[0][0]
	var decoded detail
	if err := json.Unmarshal([]byte(got.Detail), &decoded); err != nil || decoded.Text != "exit <1>" {
		t.Errorf("the detail is %s, and %v", got.Detail, err)
	}
	if got.Source != "davit" || got.DetailType != "Rollout Failed" || got.EventBusName != "davit" ||
		!slices.Equal(got.Resources, resources) {
		t.Errorf("the entry is %+v", got)
	}
}

func TestCallsAreFilledAsTheBusAllows(t *testing.T) {
	large := strings.Repeat("x", 100<<10)
	for name, test := range map[string]struct {
		texts []string
		want  []int
	}{
		"nothing is no call": {nil, nil},
		"ten a call":         {make([]string, 23), []int{10, 10, 3}},
		"large ones apart":   {[]string{large, large, large, "x"}, []int{2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			bus := new(bus)
			if err := newPublisher(t, bus).PublishAll(t.Context(), events(test.texts...)); err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, entries := range bus.calls {
				got = append(got, len(entries))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("the calls have %v entries, not %v", got, test.want)
			}
		})
	}
}

func TestWhatTheBusRefusesIsSentAgain(t *testing.T) {
	for name, test := range map[string]struct {
		// codes are by the number of the call.
		codes [][]string
		want  []string
		fails bool
	}{
		"until it is taken": {
			codes: [][]string{{"Busy", "", "Busy"}, {"", "Busy"}, {""}},
			want:  []string{"a b c", "a c", "c"},
		},
		"but not for ever": {
			codes: [][]string{{"", "Busy", ""}, {"Busy"}, {"Busy"}, {"Busy"}},
			want:  []string{"a b c", "b", "b", "b"},
			fails: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			bus := &bus{answer: func(number int, _ []entry) (int, []string) {
				return http.StatusOK, test.codes[number-1]
			}}
			err := newPublisher(t, bus).PublishAll(t.Context(), events("a", "b", "c"))
			if (err != nil) != test.fails || test.fails && !strings.Contains(err.Error(), "Busy: not now") {
				t.Errorf("the error is %v", err)
			}
			var sent []string
			for _, entries := range bus.calls {
				var texts []string
				for _, entry := range entries {
					texts = append(texts, strings.Trim(strings.TrimPrefix(entry.Detail, `{"text":`), `"}`))
				}
				sent = append(sent, strings.Join(texts, " "))
			}
			if !slices.Equal(sent, test.want) {
				t.Errorf("sent were %q, not %q", sent, test.want)
			}
		})
	}
}

func TestAFailedCallKeepsNoOtherFromTheBus(t *testing.T) {
	bus := &bus{answer: func(number int, entries []entry) (int, []string) {
		if number == 1 {
			return http.StatusBadRequest, nil
		}
		return http.StatusOK, make([]string, len(entries))
	}}
	err := newPublisher(t, bus).PublishAll(t.Context(), events(make([]string, 15)...))
	if err == nil || !strings.Contains(err.Error(), "Rollout Completed") || len(bus.calls) != 2 {
		t.Errorf("%d calls, and %v", len(bus.calls), err)
	}
}

func TestWhatIsNoEventIsNotSent(t *testing.T) {
	for name, test := range map[string]struct {
		detail   any
		tooLarge bool
	}{
		"a detail that is no object":      {detail: "text"},
		"a detail that is null":           {detail: nil},
		"a detail that cannot be encoded": {detail: func() {}},
		"a detail that is too large":      {detail: detail{strings.Repeat("x", maximumBytes)}, tooLarge: true},
	} {
		bus := new(bus)
		err := newPublisher(t, bus).Publish(t.Context(), "Rollout Failed", test.detail, nil)
		if err == nil || errors.Is(err, ErrTooLarge) != test.tooLarge || len(bus.calls) != 0 {
			t.Errorf("%s: %d calls, and %v", name, len(bus.calls), err)
		}
	}
}

func TestAContextThatIsDoneEndsTheRepetition(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	bus := &bus{answer: func(_ int, entries []entry) (int, []string) {
		return http.StatusOK, slices.Repeat([]string{"Busy"}, len(entries))
	}}
	publisher := newPublisher(t, bus)
	publisher.pause = func(ctx context.Context, _ int) error {
		cancel()
		return ctx.Err()
	}
	if err := publisher.Publish(ctx, "Rollout Failed", detail{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if len(bus.calls) != 1 {
		t.Errorf("%d calls were made", len(bus.calls))
	}
}
