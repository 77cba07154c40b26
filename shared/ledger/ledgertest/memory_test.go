package ledgertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/workload"
)

var _ rollout.Ledger = (*Memory)(nil)

func TestMemory(t *testing.T) {
	Contract(t, &Memory{})
}

func TestMemoryHooks(t *testing.T) {
	lost := errors.New("the answer is lost")
	fail := func(of Operation) Hook {
		return func(_ context.Context, call Call) error {
			if call.Operation == of {
				return lost
			}
			return nil
		}
	}
	for name, test := range map[string]struct {
		before, after Hook
		written       int64
	}{
		"a crash before the write changes nothing": {before: fail(Write), written: 0},
		"a crash after the write keeps the write":  {after: fail(Write), written: 1},
	} {
		t.Run(name, func(t *testing.T) {
			memory := &Memory{Before: test.before, After: test.after}
			web := newScene(t, memory).workload(t, "web")
			if _, err := memory.Write(t.Context(), ledger.Record{Workload: web}); !errors.Is(err, lost) {
				t.Errorf("the write ended with %v", err)
			}
			records, err := memory.Read(t.Context(), []workload.Reference{web})
			if err != nil || records[web].Version != test.written {
				t.Errorf("the version is %d, and %v", records[web].Version, err)
			}
		})
	}
	t.Run("every operation calls both hooks with what it is about", func(t *testing.T) {
		var calls []Call
		note := func(_ context.Context, call Call) error {
			calls = append(calls, call)
			return nil
		}
		memory := &Memory{Before: note, After: note}
		s := newScene(t, memory)
		web := s.workload(t, "web")
		s.write(t, ledger.Record{Workload: web})
		s.read(t, web)
		s.follow(t, s.repository("web"))
		s.history(t, web, 1, "")
		for range s.Workloads(t.Context()) {
			break
		}
		want := []Call{{Write, web}, {Write, web}, {Read, web}, {Read, web}, {Operation: Following},
			{Operation: Following}, {History, web}, {History, web}, {Operation: Workloads}, {Operation: Workloads}}
		same(t, "the calls", calls, want)
	})
}

func TestMemoryClock(t *testing.T) {
	memory := &Memory{Now: func() time.Time { return noon }}
	s := newScene(t, memory)
	if written := s.write(t, full(s.workload(t, "web"))); !written.UpdatedAt.Equal(noon) {
		t.Errorf("the record was written at %s by the clock, not at %s", written.UpdatedAt, noon)
	}
}
