package ledger

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
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"davit/shared/workload"
)

// The tests of this file speak with the real client to a server that says what the emulator never says.

// call is one call as it came over the wire.
type call struct {
	operation string
	body      map[string]any
}

// reply is an answer: status 0 is 200.
type reply struct {
	status int
	body   any
}

// table answers calls as the test says, and keeps them.
type table struct {
	mutex  sync.Mutex
	calls  []call
	pauses int
	answer func(number int, call call) reply
}

func (f *table) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(request.Body, 1<<22))
	received := call{operation: strings.TrimPrefix(request.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")}
	if err != nil || json.Unmarshal(raw, &received.body) != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	f.mutex.Lock()
	f.calls = append(f.calls, received)
	answer := f.answer(len(f.calls), received)
	f.mutex.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if answer.status != 0 {
		w.WriteHeader(answer.status)
	}
	if err := json.NewEncoder(w).Encode(answer.body); err != nil {
		panic(err)
	}
}

func (f *table) operations() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	var names []string
	for _, call := range f.calls {
		names = append(names, call.operation)
	}
	return names
}

// newLedger is a ledger on the table. Pauses are counted and take no time.
func newLedger(t *testing.T, table *table) *Ledger {
	t.Helper()
	server := httptest.NewServer(table)
	t.Cleanup(server.Close)
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: &server.URL,
		Region:       "ap-northeast-2",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer:      retryAtOnce{dynamodb.New(dynamodb.Options{Region: "ap-northeast-2"}).Options().Retryer},
	})
	tested := New(client, "ledger", WithClock(func() time.Time { return time.Unix(1_800_000_000, 0) }))
	tested.pause = func(ctx context.Context, _ int) error {
		table.mutex.Lock()
		defer table.mutex.Unlock()
		table.pauses++
		return ctx.Err()
	}
	return tested
}

// retryAtOnce is the client's own retryer without its waiting.
type retryAtOnce struct{ aws.Retryer }

func (retryAtOnce) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

func references(t *testing.T, count int) []workload.Reference {
	t.Helper()
	list := make([]workload.Reference, count)
	for i := range list {
		reference, err := workload.ECSService("davit", fmt.Sprintf("web-%03d", i))
		if err != nil {
			t.Fatal(err)
		}
		list[i] = reference
	}
	return list
}

// keysOf are the partitions that a BatchGetItem asks for.
func keysOf(received call) (keys []any, consistent bool) {
	asked := received.body["RequestItems"].(map[string]any)["ledger"].(map[string]any)
	consistent, _ = asked["ConsistentRead"].(bool)
	return asked["Keys"].([]any), consistent
}

// stored is the item of the key, at version 7.
func stored(key any) map[string]any {
	partition := key.(map[string]any)["pk"]
	return map[string]any{
		"pk": partition, "sk": map[string]any{"S": "record"}, "version": map[string]any{"N": "7"},
		"listed": map[string]any{"S": "workloads"}, "record": map[string]any{"S": `{}`},
	}
}

func TestReadTakesAsFewCallsAsDynamoDBAllows(t *testing.T) {
	for name, test := range map[string]struct {
		workloads int
		want      []string
	}{
		"none":                  {0, nil},
		"one":                   {1, []string{"GetItem"}},
		"a hundred":             {100, []string{"BatchGetItem"}},
		"two hundred and fifty": {250, []string{"BatchGetItem", "BatchGetItem", "BatchGetItem"}},
	} {
		t.Run(name, func(t *testing.T) {
			table := &table{answer: func(_ int, received call) reply {
				if received.operation == "GetItem" {
					if received.body["ConsistentRead"] != true {
						t.Error("the read is not consistent")
					}
					return reply{body: map[string]any{"Item": stored(received.body["Key"])}}
				}
				keys, consistent := keysOf(received)
				if len(keys) > 100 || !consistent {
					t.Errorf("%d keys are asked for, consistently: %t", len(keys), consistent)
				}
				var items []any
				for _, key := range keys {
					items = append(items, stored(key))
				}
				return reply{body: map[string]any{"Responses": map[string]any{"ledger": items}}}
			}}
			asked := references(t, test.workloads)
			records, err := newLedger(t, table).Read(t.Context(), asked)
			if err != nil || len(records) != test.workloads {
				t.Errorf("%d records and %v", len(records), err)
			}
			for reference, record := range records {
				if record.Version != 7 || record.Workload != reference {
					t.Errorf("the record of %s is version %d of %s", reference, record.Version, record.Workload)
				}
			}
			if got := table.operations(); !slices.Equal(got, test.want) {
				t.Errorf("the calls are %v, not %v", got, test.want)
			}
		})
	}
}

func TestReadAsksAgainForWhatWasLeftOut(t *testing.T) {
	asked := references(t, 20)
	t.Run("as long as something comes", func(t *testing.T) {
		table := &table{answer: func(_ int, received call) reply {
			keys, _ := keysOf(received)
			answer := map[string]any{"Responses": map[string]any{"ledger": []any{stored(keys[0])}}}
			if len(keys) > 1 {
				answer["UnprocessedKeys"] = map[string]any{"ledger": map[string]any{"Keys": keys[1:]}}
			}
			return reply{body: answer}
		}}
		records, err := newLedger(t, table).Read(t.Context(), asked)
		if err != nil || len(records) != 20 || len(table.calls) != 20 || table.pauses != 19 {
			t.Errorf("%d records after %d calls and %d pauses, and %v", len(records), len(table.calls), table.pauses, err)
		}
		for reference, record := range records {
			if record.Version != 7 {
				t.Errorf("the record of %s was left out", reference)
			}
		}
	})
	t.Run("but not for ever", func(t *testing.T) {
		table := &table{answer: func(_ int, received call) reply {
			keys, _ := keysOf(received)
			return reply{body: map[string]any{
				"Responses":       map[string]any{},
				"UnprocessedKeys": map[string]any{"ledger": map[string]any{"Keys": keys}},
			}}
		}}
		_, err := newLedger(t, table).Read(t.Context(), asked)
		if !errors.Is(err, errUnprocessed) || len(table.calls) != attemptsWithoutProgress {
			t.Errorf("after %d calls: %v", len(table.calls), err)
		}
	})
}

func TestOneBrokenRecordKeepsNoOtherFromItsReader(t *testing.T) {
	asked := references(t, 4)
	table := &table{answer: func(_ int, received call) reply {
		keys, _ := keysOf(received)
		items := make([]any, len(keys))
		for i, key := range keys {
			item := stored(key)
			switch item["pk"].(map[string]any)["S"] {
			case "workload#" + asked[0].String():
				item["record"] = map[string]any{"S": "{"}
			case "workload#" + asked[1].String():
				delete(item, "version")
			case "workload#" + asked[2].String():
				item["version"] = map[string]any{"N": "-1"}
			}
			items[i] = item
		}
		return reply{body: map[string]any{"Responses": map[string]any{"ledger": items}}}
	}}
	records, err := newLedger(t, table).Read(t.Context(), asked)
	if err == nil || len(records) != 1 || records[asked[3]].Version != 7 {
		t.Errorf("the answer is %v and %v", records, err)
	}
	for _, broken := range asked[:3] {
		if !strings.Contains(fmt.Sprint(err), broken.String()) {
			t.Errorf("the error does not name %s: %v", broken, err)
		}
	}
}

// canceled is the answer to a transaction that failed for the reasons.
func canceled(reasons ...map[string]any) reply {
	return reply{status: http.StatusBadRequest, body: map[string]any{
		"__type":              "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
		"message":             "Transaction cancelled",
		"CancellationReasons": reasons,
	}}
}

func TestWriteTellsConflictsFromFaults(t *testing.T) {
	none := map[string]any{"Code": "None"}
	for name, test := range map[string]struct {
		reasons  []map[string]any
		conflict bool
		text     string
	}{
		"another version": {
			reasons:  []map[string]any{{"Code": "ConditionalCheckFailed"}, none},
			conflict: true,
		},
		"another transaction on the record": {
			reasons:  []map[string]any{{"Code": "TransactionConflict"}, none},
			conflict: true,
		},
		"another transaction on the history": {
			reasons:  []map[string]any{none, {"Code": "TransactionConflict"}},
			conflict: true,
		},
		"a throttled table": {
			reasons: []map[string]any{none, {"Code": "ThrottlingError", "Message": "too fast"}},
			text:    "1: ThrottlingError: too fast",
		},
		"an item that DynamoDB refuses": {
			reasons: []map[string]any{{"Code": "ValidationError", "Message": "too big"}, none},
			text:    "0: ValidationError: too big",
		},
		"no reason at all": {text: "TransactionCanceledException"},
	} {
		t.Run(name, func(t *testing.T) {
			table := &table{answer: func(int, call) reply { return canceled(test.reasons...) }}
			web := references(t, 1)[0]
			record := Record{Workload: web, Version: 7}
			_, err := newLedger(t, table).Write(t.Context(), record, Entry{ID: "e-1", At: time.Unix(1, 0)})
			if err == nil || errors.Is(err, ErrConflict) != test.conflict {
				t.Errorf("the error is %v; a conflict: %t", err, errors.Is(err, ErrConflict))
			}
			if text := fmt.Sprint(err); !strings.Contains(text, test.text) || !strings.Contains(text, web.String()) {
				t.Errorf("the error does not say %q and the workload: %s", test.text, text)
			}
			if len(table.calls) != 1 {
				t.Errorf("%d calls were made", len(table.calls))
			}
		})
	}
}

func TestWriteTakesOneCallUnlessTheIndexChanged(t *testing.T) {
	repository := workload.Repository{Registry: "000000000000", Region: "ap-northeast-2", Name: "web"}
	web := references(t, 1)[0]
	record := Record{Workload: web, Version: 7, Repositories: []workload.Repository{repository}}
	t.Run("unchanged", func(t *testing.T) {
		table := &table{answer: func(int, call) reply { return reply{body: map[string]any{}} }}
		if _, err := newLedger(t, table).Write(t.Context(), record); err != nil || len(table.calls) != 1 {
			t.Errorf("%d calls and %v", len(table.calls), err)
		}
	})
	t.Run("changed", func(t *testing.T) {
		table := &table{answer: func(number int, _ call) reply {
			if number > 1 {
				return reply{body: map[string]any{}}
			}
			item := stored(map[string]any{"pk": map[string]any{"S": "workload#" + web.String()}})
			item["listed"] = map[string]any{"S": "repository#000000000000/ap-northeast-2/old\nworkloads"}
			return canceled(map[string]any{"Code": "ConditionalCheckFailed", "Item": item})
		}}
		if _, err := newLedger(t, table).Write(t.Context(), record); err != nil || len(table.calls) != 2 {
			t.Fatalf("%d calls and %v", len(table.calls), err)
		}
		text := fmt.Sprint(table.calls[1].body["TransactItems"])
		for _, want := range []string{
			"Delete:map[Key:map[pk:map[S:repository#000000000000/ap-northeast-2/old] sk:map[S:" + web.String() + "]]",
			"Put:map[Item:map[pk:map[S:repository#000000000000/ap-northeast-2/web] sk:map[S:" + web.String() + "]]",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the second transaction has no %s: %s", want, text)
			}
		}
		if strings.Contains(text, "pk:map[S:workloads]") {
			t.Errorf("the second transaction changes what has not changed: %s", text)
		}
	})
	t.Run("changed, but the version is another", func(t *testing.T) {
		table := &table{answer: func(int, call) reply {
			item := stored(map[string]any{"pk": map[string]any{"S": "workload#" + web.String()}})
			item["version"] = map[string]any{"N": "8"}
			return canceled(map[string]any{"Code": "ConditionalCheckFailed", "Item": item})
		}}
		_, err := newLedger(t, table).Write(t.Context(), record)
		if !errors.Is(err, ErrConflict) || len(table.calls) != 1 {
			t.Errorf("after %d calls: %v", len(table.calls), err)
		}
	})
	t.Run("changed, and the record is taken in between", func(t *testing.T) {
		table := &table{answer: func(number int, _ call) reply {
			item := stored(map[string]any{"pk": map[string]any{"S": "workload#" + web.String()}})
			if number > 1 {
				item["version"] = map[string]any{"N": "8"}
			}
			return canceled(map[string]any{"Code": "ConditionalCheckFailed", "Item": item})
		}}
		_, err := newLedger(t, table).Write(t.Context(), record)
		if !errors.Is(err, ErrConflict) || len(table.calls) != 2 {
			t.Errorf("after %d calls: %v", len(table.calls), err)
		}
	})
}

func TestWriteRepeatsALostAnswerUnderTheSameToken(t *testing.T) {
	table := &table{answer: func(number int, _ call) reply {
		if number == 1 {
			return reply{status: http.StatusInternalServerError, body: map[string]any{"__type": "InternalServerError"}}
		}
		return reply{body: map[string]any{}}
	}}
	written, err := newLedger(t, table).Write(t.Context(), Record{Workload: references(t, 1)[0]})
	if err != nil || written.Version != 1 || len(table.calls) != 2 {
		t.Fatalf("version %d after %d calls, and %v", written.Version, len(table.calls), err)
	}
	first, second := table.calls[0].body["ClientRequestToken"], table.calls[1].body["ClientRequestToken"]
	if first == nil || first != second {
		t.Errorf("the tokens are %v and %v", first, second)
	}
}
