package workqueue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

var _ lambda.Handler = (*Batch)(nil)

// call is one call as it came over the wire.
type call struct {
	operation string
	body      map[string]any
}

// server is SQS as the test says; without an answer every call succeeds.
type server struct {
	mutex  sync.Mutex
	calls  []call
	answer func(number int, received call) (status int, body any)
}

func (s *server) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(request.Body, 1<<24))
	received := call{operation: strings.TrimPrefix(request.Header.Get("X-Amz-Target"), "AmazonSQS.")}
	if err != nil || json.Unmarshal(raw, &received.body) != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	s.mutex.Lock()
	s.calls = append(s.calls, received)
	status, body := http.StatusOK, any(struct{}{})
	if s.answer != nil {
		status, body = s.answer(len(s.calls), received)
	}
	s.mutex.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

// hidden are the visibility timeouts that were set, by receipt handle.
func (s *server) hidden() map[string]float64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	timeouts := make(map[string]float64)
	for _, call := range s.calls {
		if call.operation == "ChangeMessageVisibility" {
			timeouts[call.body["ReceiptHandle"].(string)] = call.body["VisibilityTimeout"].(float64)
		}
	}
	return timeouts
}

func (s *server) count(operation string) (count int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, call := range s.calls {
		if call.operation == operation {
			count++
		}
	}
	return count
}

// newQueue is a queue on the server, with what it logs.
func newQueue(t *testing.T, server *server, options ...Option) (*Queue, *bytes.Buffer) {
	t.Helper()
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	client := sqs.New(sqs.Options{
		BaseEndpoint: &listener.URL,
		Region:       "ap-northeast-2",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer:      aws.NopRetryer{},
		// The server does not answer with the checksums of what it got.
		DisableMessageChecksumValidation: true,
	})
	log := new(bytes.Buffer)
	options = append([]Option{WithLogger(slog.New(slog.NewTextHandler(log, nil)))}, options...)
	queue := New(client, listener.URL+"/000000000000/work", listener.URL+"/000000000000/dead", options...)
	queue.pause = func(ctx context.Context, _ int) error { return ctx.Err() }
	return queue, log
}

// payload is a batch of the messages "m-0", "m-1", … with the bodies, at their attempts.
func payload(attempt int, bodies ...string) []byte {
	records := make([]map[string]any, len(bodies))
	for i, body := range bodies {
		records[i] = map[string]any{
			"messageId": fmt.Sprintf("m-%d", i), "receiptHandle": fmt.Sprintf("r-%d", i), "body": body,
			"attributes":        map[string]any{"ApproximateReceiveCount": strconv.Itoa(attempt), "SenderId": "x"},
			"messageAttributes": map[string]any{}, "md5OfBody": "x", "eventSource": "aws:sqs",
			"eventSourceARN": "arn:aws:sqs:ap-northeast-2:000000000000:work", "awsRegion": "ap-northeast-2",
		}
	}
	encoded, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		panic(err)
	}
	return encoded
}

func failures(ids ...string) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = `{"itemIdentifier":"` + id + `"}`
	}
	return `{"batchItemFailures":[` + strings.Join(words, ",") + `]}`
}

func TestTheAnswerNamesExactlyWhatFailed(t *testing.T) {
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		results []error
		want    string
		dead    int
	}{
		"an empty batch":       {nil, failures(), 0},
		"all handled":          {[]error{nil, nil, nil}, failures(), 0},
		"one failed":           {[]error{nil, boom, nil}, failures("m-1"), 0},
		"one is to come later": {[]error{Later(boom, time.Minute), nil}, failures("m-0"), 0},
		"one is poison":        {[]error{nil, Poison(boom)}, failures(), 1},
		"all failed":           {[]error{boom, boom}, failures("m-0", "m-1"), 0},
		"poison wrapped by the handler is poison": {[]error{fmt.Errorf("parse: %w", Poison(boom))}, failures(), 1},
		"poison wins over later":                  {[]error{Later(Poison(boom), 1), Poison(Later(boom, 1))}, failures(), 2},
	} {
		t.Run(name, func(t *testing.T) {
			server := new(server)
			queue, _ := newQueue(t, server)
			bodies := make([]string, len(test.results))
			for i := range bodies {
				bodies[i] = strconv.Itoa(i)
			}
			batch := queue.Handle(func(_ context.Context, body []byte, _ int) error {
				i, err := strconv.Atoi(string(body))
				if err != nil {
					t.Error(err)
				}
				return test.results[i]
			})
			answer, err := batch.Invoke(t.Context(), payload(1, bodies...))
			if err != nil || string(answer) != test.want {
				t.Errorf("the answer is %s and %v, not %s", answer, err, test.want)
			}
			if dead := server.count("SendMessage"); dead != test.dead {
				t.Errorf("%d messages went to the dead-letter queue, not %d", dead, test.dead)
			}
		})
	}
}

func TestTheHandlerGetsBodyAndAttempt(t *testing.T) {
	queue, _ := newQueue(t, new(server))
	const body = "{\"text\":\"\u2028<&>\\u0000 ø\"}"
	batch := queue.Handle(func(_ context.Context, got []byte, attempt int) error {
		if string(got) != body || attempt != 7 {
			t.Errorf("the handler got %q at attempt %d", got, attempt)
		}
		return nil
	})
	if _, err := batch.Invoke(t.Context(), payload(7, body)); err != nil {
		t.Error(err)
	}
}

func TestAnAttemptThatSQSDoesNotTellIsTheFirst(t *testing.T) {
	for _, count := range []string{"", "x", "0", "-3", "99999999999999999999"} {
		got := message{}
		got.Attributes.ReceiveCount = count
		if got.attempt() != 1 {
			t.Errorf("a receive count of %q is attempt %d", count, got.attempt())
		}
	}
}

func TestAFailedMessageComesAgainAfterABackoff(t *testing.T) {
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		attempt   int
		err       error
		low, high float64
	}{
		"at first soon":                        {1, boom, 1, 2},
		"then later":                           {5, boom, 1, 32},
		"in the end after ten minutes at most": {30, boom, 1, 600},
		"as asked":                             {1, Later(boom, 90*time.Second), 90, 90},
		"as asked at each attempt":             {7, Later(boom, 90*time.Second), 90, 90},
		"as asked, rounded up":                 {1, Later(boom, 1500*time.Millisecond), 2, 2},
		"as asked, but within what SQS allows": {1, Later(boom, 48*time.Hour), 42300, 42300},
		"as usual where no delay is asked":     {1, Later(boom, 0), 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			server := new(server)
			queue, _ := newQueue(t, server)
			queue.jitter = func(time.Duration) time.Duration { return 1 }
			batch := queue.Handle(func(context.Context, []byte, int) error { return test.err })
			if _, err := batch.Invoke(t.Context(), payload(test.attempt, "x")); err != nil {
				t.Error(err)
			}
			if timeout, set := server.hidden()["r-0"]; !set || timeout < test.low || timeout > test.high {
				t.Errorf("the message is hidden for %v s (%t), not %v to %v", timeout, set, test.low, test.high)
			}
		})
	}
}

func TestAMessageFailsEvenWhereItsReturnCannotBeSet(t *testing.T) {
	server := &server{answer: func(int, call) (int, any) { return http.StatusInternalServerError, struct{}{} }}
	queue, log := newQueue(t, server)
	batch := queue.Handle(func(context.Context, []byte, int) error { return errors.New("boom") })
	answer, err := batch.Invoke(t.Context(), payload(1, "x"))
	if err != nil || string(answer) != failures("m-0") {
		t.Errorf("the answer is %s and %v", answer, err)
	}
	if !strings.Contains(log.String(), "could not set when a message comes again") {
		t.Errorf("the log is %s", log)
	}
}

func TestPoisonGoesToTheDeadLetterQueueWithItsReason(t *testing.T) {
	for name, test := range map[string]struct {
		cause string
		want  func(reason string) bool
	}{
		"as it is": {"no such field: \"a\" ø\tb", func(r string) bool { return r == "no such field: \"a\" ø\tb" }},
		"cut": {strings.Repeat("ø€", 2000), func(r string) bool {
			return len(r) > maximumReason-8 && strings.HasSuffix(r, "…")
		}},
		"cleaned":        {"a\x00b\x1bc\ufffed\xffe", func(r string) bool { return r == "a?b?c?d?e" }},
		"never empty":    {"", func(r string) bool { return r == "no reason given" }},
		"never just air": {" \n", func(r string) bool { return r == "no reason given" }},
	} {
		t.Run(name, func(t *testing.T) {
			server := new(server)
			queue, _ := newQueue(t, server)
			batch := queue.Handle(func(context.Context, []byte, int) error { return Poison(errors.New(test.cause)) })
			if _, err := batch.Invoke(t.Context(), payload(1, "the body")); err != nil {
				t.Error(err)
			}
			if len(server.calls) != 1 || server.calls[0].body["MessageBody"] != "the body" ||
				!strings.HasSuffix(server.calls[0].body["QueueUrl"].(string), "/dead") {
				t.Fatalf("the calls are %v", server.calls)
			}
			attributes := server.calls[0].body["MessageAttributes"].(map[string]any)
			value := func(name string) string {
				return attributes[name].(map[string]any)["StringValue"].(string)
			}
			reason := value(AttributeReason)
			if !test.want(reason) || len(reason) > maximumReason || !utf8.ValidString(reason) {
				t.Errorf("the reason is %q", reason)
			}
			if value(AttributeMessageID) != "m-0" {
				t.Errorf("the message ID is %q", value(AttributeMessageID))
			}
		})
	}
}

func TestJitterIsAddedToWhatIsAskedFor(t *testing.T) {
	for name, test := range map[string]struct {
		asked time.Duration
		want  float64
	}{
		"at least a few seconds":                {time.Second, 1 + 3},
		"half of it":                            {40 * time.Second, 40 + 20},
		"at most a minute":                      {time.Hour, 3600 + 60},
		"and never more than what SQS allows":   {48 * time.Hour, 42300},
		"in whole seconds, as the queue counts": {7 * time.Second, 7 + 3},
	} {
		t.Run(name, func(t *testing.T) {
			server := new(server)
			queue, _ := newQueue(t, server)
			queue.jitter = func(window time.Duration) time.Duration { return window } // the most of it
			batch := queue.Handle(func(context.Context, []byte, int) error { return Later(errors.New("boom"), test.asked) })
			if _, err := batch.Invoke(t.Context(), payload(1, "x")); err != nil {
				t.Error(err)
			}
			if hidden := server.hidden()["r-0"]; hidden != test.want {
				t.Errorf("the message is hidden for %v s, not %v", hidden, test.want)
			}
		})
	}
}

// Thirty messages about one workload that was taken do not come again in step.
func TestMessagesThatWereTurnedAwayTogetherComeAgainApart(t *testing.T) {
	const messages = 30
	server := new(server)
	queue, _ := newQueue(t, server)
	batch := queue.Handle(func(context.Context, []byte, int) error { return Later(errors.New("taken"), time.Second) })
	if _, err := batch.Invoke(t.Context(), payload(1, slices.Repeat([]string{"x"}, messages)...)); err != nil {
		t.Error(err)
	}
	at := map[float64]int{}
	for _, seconds := range server.hidden() {
		at[seconds]++
	}
	for seconds, count := range at {
		if seconds < 1 || seconds > 4 || count > messages*9/10 {
			t.Errorf("after %v s come %d of %d", seconds, count, messages)
		}
	}
	if len(at) < 2 {
		t.Errorf("they come again at %v", at)
	}
}

func TestPoisonThatCannotBeBuriedFails(t *testing.T) {
	poisoned := func(context.Context, []byte, int) error { return Poison(errors.New("boom")) }
	t.Run("since the dead-letter queue refuses it", func(t *testing.T) {
		server := &server{answer: func(_ int, received call) (int, any) {
			if received.operation == "SendMessage" {
				return http.StatusBadRequest, map[string]any{"__type": "com.amazonaws.sqs#QueueDoesNotExist"}
			}
			return http.StatusOK, struct{}{}
		}}
		queue, log := newQueue(t, server)
		answer, err := queue.Handle(poisoned).Invoke(t.Context(), payload(1, "x"))
		if err != nil || string(answer) != failures("m-0") || len(server.hidden()) != 1 {
			t.Errorf("the answer is %s and %v; hidden: %v", answer, err, server.hidden())
		}
		if !strings.Contains(log.String(), "QueueDoesNotExist") {
			t.Errorf("the log is %s", log)
		}
	})
	t.Run("since there is none", func(t *testing.T) {
		server := new(server)
		queue, _ := newQueue(t, server)
		queue.deadLetterURL = ""
		answer, err := queue.Handle(poisoned).Invoke(t.Context(), payload(1, "x"))
		if err != nil || string(answer) != failures("m-0") || server.count("SendMessage") != 0 {
			t.Errorf("the answer is %s and %v", answer, err)
		}
	})
}

func TestAPanicFailsItsMessageAlone(t *testing.T) {
	queue, log := newQueue(t, new(server))
	batch := queue.Handle(func(_ context.Context, body []byte, _ int) error {
		if string(body) == "bad" {
			panic("what now")
		}
		return nil
	})
	answer, err := batch.Invoke(t.Context(), payload(1, "good", "bad", "good"))
	if err != nil || string(answer) != failures("m-1") {
		t.Errorf("the answer is %s and %v", answer, err)
	}
	for _, want := range []string{"what now", "wire_test.go", "m-1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q: %s", want, log)
		}
	}
}

func TestMessagesAreHandledSideBySideUpToTheLimit(t *testing.T) {
	const limit, messages = 3, 12
	queue, _ := newQueue(t, new(server), WithLimit(limit))
	var mutex sync.Mutex
	running, most, handled := 0, 0, 0
	full := make(chan struct{})
	batch := queue.Handle(func(ctx context.Context, _ []byte, _ int) error {
		mutex.Lock()
		running, handled = running+1, handled+1
		if most = max(most, running); running == limit && handled == limit {
			close(full)
		}
		mutex.Unlock()
		// No handler ends before as many run as may: with less than the limit at once this would never end.
		select {
		case <-full:
		case <-ctx.Done():
		}
		mutex.Lock()
		running--
		mutex.Unlock()
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	answer, err := batch.Invoke(ctx, payload(1, make([]string, messages)...))
	if err != nil || string(answer) != failures() || most != limit || handled != messages {
		t.Errorf("%d of %d were handled, %d at once at most, and %v", handled, messages, most, err)
	}
}

func TestNothingIsBegunWithoutTimeForIt(t *testing.T) {
	server := new(server)
	queue, _ := newQueue(t, server, WithLimit(1), WithMargin(5*time.Second))
	deadline := time.Now().Add(time.Hour)
	clock := deadline.Add(-time.Minute)
	queue.now = func() time.Time { return clock }
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	handled := 0
	batch := queue.Handle(func(ctx context.Context, _ []byte, _ int) error {
		handled++
		if got, limited := ctx.Deadline(); !limited || !got.Equal(deadline.Add(-reserve)) {
			t.Errorf("the handler's deadline is %v, not a little before the invocation's", got)
		}
		clock = clock.Add(28 * time.Second)
		return nil
	})
	answer, err := batch.Invoke(ctx, payload(1, "a", "b", "c", "d"))
	if err != nil || string(answer) != failures("m-2", "m-3") || handled != 2 {
		t.Errorf("%d were handled; the answer is %s and %v", handled, answer, err)
	}
	if want := map[string]float64{"r-2": 2, "r-3": 2}; !maps.Equal(server.hidden(), want) {
		t.Errorf("hidden are %v, not %v", server.hidden(), want)
	}
}

func TestAPayloadThatIsNoBatchIsAnErrorOfTheInvocation(t *testing.T) {
	queue, _ := newQueue(t, new(server))
	batch := queue.Handle(func(context.Context, []byte, int) error {
		t.Error("the handler was called")
		return nil
	})
	one := `{"Records":[{"messageId":"m","receiptHandle":"r","body":"`
	for name, payload := range map[string]string{
		"nothing":                   ``,
		"no JSON":                   `Records`,
		"no object":                 `[]`,
		"no records":                `{"detail-type":"ECR Image Action"}`,
		"null records":              `{"Records":null}`,
		"a record of another shape": `{"Records":["x"]}`,
		"a record without an ID":    `{"Records":[{"receiptHandle":"r","body":"x"}]}`,
		"a record without a handle": `{"Records":[{"messageId":"m","body":"x"}]}`,
		"too long":                  one + strings.Repeat("x", maximumPayload) + `"}]}`,
		"too many":                  `{"Records":[{}` + strings.Repeat(",{}", maximumMessages) + `]}`,
	} {
		if answer, err := batch.Invoke(t.Context(), []byte(payload)); !errors.Is(err, ErrBatch) || answer != nil {
			t.Errorf("%s: the answer is %s and %v", name, answer, err)
		}
	}
}

func TestTheLogHoldsNoBody(t *testing.T) {
	queue, log := newQueue(t, new(server))
	batch := queue.Handle(func(_ context.Context, body []byte, _ int) error { return errors.New("boom") })
	if _, err := batch.Invoke(t.Context(), payload(1, "hunter2")); err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "boom") {
		t.Errorf("the log is %s", log)
	}
}

func TestEnqueueFillsItsCalls(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 200<<10)
	for name, test := range map[string]struct {
		bodies [][]byte
		want   []int
	}{
		"nothing is no call":               {nil, nil},
		"ten a call":                       {slices.Repeat([][]byte{[]byte("x")}, 23), []int{10, 10, 3}},
		"large ones apart":                 {[][]byte{large, large, []byte("x"), large}, []int{1, 2, 1}},
		"one above the filling goes alone": {[][]byte{bytes.Repeat(large, 3), []byte("x")}, []int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			server := new(server)
			queue, _ := newQueue(t, server)
			if err := queue.Enqueue(t.Context(), test.bodies, 1100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			var sizes []int
			for _, call := range server.calls {
				entries := call.body["Entries"].([]any)
				sizes = append(sizes, len(entries))
				if entries[0].(map[string]any)["DelaySeconds"] != 2.0 {
					t.Errorf("the delay is not rounded up: %v", entries[0].(map[string]any)["DelaySeconds"])
				}
			}
			if !slices.Equal(sizes, test.want) {
				t.Errorf("the calls have %v messages, not %v", sizes, test.want)
			}
		})
	}
}

func TestEnqueueSendsAgainWhatWasRefused(t *testing.T) {
	refuse := func(fault bool, ids ...string) any {
		var failed []map[string]any
		for _, id := range ids {
			failed = append(failed, map[string]any{"Id": id, "Code": "Busy", "Message": "not now", "SenderFault": fault})
		}
		return map[string]any{"Failed": failed}
	}
	for name, test := range map[string]struct {
		answer func(number int) any
		want   []string
		fails  bool
	}{
		"until it is taken": {
			answer: func(number int) any {
				return []any{refuse(false, "0", "2"), refuse(false, "2"), struct{}{}}[number-1]
			},
			want: []string{"a b c", "a c", "c"},
		},
		"but not for ever": {
			answer: func(int) any { return refuse(false, "1") },
			want:   []string{"a b c", "b", "b", "b"},
			fails:  true,
		},
		"and not what is at fault itself": {
			answer: func(int) any { return refuse(true, "1") },
			want:   []string{"a b c"},
			fails:  true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := &server{answer: func(number int, _ call) (int, any) { return http.StatusOK, test.answer(number) }}
			queue, _ := newQueue(t, server)
			err := queue.Enqueue(t.Context(), [][]byte{[]byte("a"), []byte("b"), []byte("c")}, 0)
			if (err != nil) != test.fails || test.fails && !strings.Contains(err.Error(), "Busy: not now") {
				t.Errorf("the error is %v", err)
			}
			var sent []string
			for _, call := range server.calls {
				var bodies []string
				for _, entry := range call.body["Entries"].([]any) {
					bodies = append(bodies, entry.(map[string]any)["MessageBody"].(string))
				}
				sent = append(sent, strings.Join(bodies, " "))
			}
			if !slices.Equal(sent, test.want) {
				t.Errorf("sent were %q, not %q", sent, test.want)
			}
		})
	}
}

func TestEnqueueRefusesWhatSQSWould(t *testing.T) {
	one := [][]byte{[]byte("x")}
	for name, test := range map[string]struct {
		bodies [][]byte
		delay  time.Duration
	}{
		"an empty body":    {[][]byte{[]byte("x"), nil}, 0},
		"a body too large": {[][]byte{make([]byte, maximumBody+1)}, 0},
		"a delay too long": {one, maximumDelay + 1},
		"a delay below 0":  {one, -1},
	} {
		server := new(server)
		queue, _ := newQueue(t, server)
		if err := queue.Enqueue(t.Context(), test.bodies, test.delay); err == nil || len(server.calls) != 0 {
			t.Errorf("%s: %d calls and %v", name, len(server.calls), err)
		}
	}
}

func FuzzInvoke(f *testing.F) {
	f.Add(payload(1, "good", "bad"))
	f.Add([]byte(`{"Records":[{"messageId":"m\u0000","receiptHandle":"r","body":null,"attributes":{}}]}`))
	f.Add([]byte(`{"Records":[]}`))
	f.Add([]byte(`{"Records":null}`))
	f.Add([]byte(`{"records":[{"MESSAGEID":"m","receiptHandle":"r"}]}`))
	queue := New(accepting{}, "queue", "dead", WithLogger(slog.New(slog.DiscardHandler)))
	batch := queue.Handle(func(_ context.Context, body []byte, _ int) error {
		if len(body)%2 == 1 {
			return errors.New("boom")
		}
		return nil
	})
	f.Fuzz(func(t *testing.T, payload []byte) {
		raw, err := batch.Invoke(t.Context(), payload)
		if err != nil {
			if !errors.Is(err, ErrBatch) || raw != nil {
				t.Errorf("the answer is %s, and the error %v", raw, err)
			}
			return
		}
		var got answer
		if err := json.Unmarshal(raw, &got); err != nil || got.Failures == nil {
			t.Errorf("the answer is %s", raw)
		}
	})
}

// accepting is a client whose calls succeed.
type accepting struct{ SQSAPI }

func (accepting) ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput,
	...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

// The raw handler beside the typed one of the runtime's library, which decodes the whole event by reflection.
func BenchmarkInvoke(b *testing.B) {
	one := payload(1, strings.Repeat("x", 1500))
	queue := New(nil, "", "")
	for name, handler := range map[string]lambda.Handler{
		"raw": queue.Handle(func(context.Context, []byte, int) error { return nil }),
		"typed": lambda.NewHandler(func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
			return events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}, nil
		}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := handler.Invoke(b.Context(), one); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
