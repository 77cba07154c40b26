package hashjob

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"davit/events/davit"
	"davit/events/hashjob"
)

const (
	// reserve is how long before the invocation's end a job stops, so that there is time to hand the rest on.
	reserve = 10 * time.Second
	// shortest is how long a job works at least, where an invocation is short.
	shortest = time.Second
	// grace is how long after the end of an invocation its claim ends.
	grace = 5 * time.Second
	// unlimited is how long a claim lasts where the invocation has no end.
	unlimited = 15 * time.Minute
	// progressEvery is how often the record is told how far a job is.
	progressEvery = 3 * time.Second
	// maximumState bounds what is read of what invocations hand on, in bytes.
	maximumState = 64 << 20
)

// Service does the jobs that come to the deployed function: each once by its ID, with its result in the bucket and an event
// on the bus.
type Service struct {
	Runner *Runner
	Book   Book
	Store  Store
	// Bucket is the store's bucket.
	Bucket string
	// Publish puts the event of a job's end on the bus.
	Publish func(ctx context.Context, completed davit.HashJob) error
	// Enqueue sends a message to the function's own queue.
	Enqueue func(ctx context.Context, body []byte) error
	// Start has the pieces of a job worked on side by side, by an execution of the name.
	Start func(ctx context.Context, name string, input []byte) error
	Now   func() time.Time
	Log   *slog.Logger
}

// BusyError says that another invocation works on the job until then.
type BusyError struct{ Until time.Time }

// Error says until when.
func (b *BusyError) Error() string {
	return "another invocation works on the job, until " + b.Until.UTC().Format(time.RFC3339)
}

// Do does a job, or as much of it as there is time for. The answer is the result as it is stored, or one whose outcome says
// that the job goes on by itself. What is wrong with the job is in the result of one that failed; an error that wraps a
// *hashjob.FieldError refuses the job and leaves what its ID stands for alone, a *BusyError says to come back, and any other
// error may pass.
func (s *Service) Do(ctx context.Context, job hashjob.Job) (hashjob.Result, error) {
	document, err := Identify(job)
	if err != nil {
		return hashjob.Result{}, err
	}
	record, err := s.Book.Read(ctx, job.ID)
	if err != nil {
		return hashjob.Result{}, err
	}
	decision := Decide(s.Now(), record, document)
	s.Log.InfoContext(ctx, "job", slog.String("job", job.ID), slog.String("kind", string(job.Kind)),
		slog.String("action", string(decision.Action)), slog.String("reason", decision.Reason))
	switch decision.Action {
	case Refuse:
		return hashjob.Result{}, hashjob.Wrong("id", "%s", decision.Reason)
	case Wait:
		return hashjob.Result{}, &BusyError{decision.Until}
	case Leave:
		return s.standing(ctx, record)
	case Announce:
		result, err := s.standing(ctx, record)
		if err != nil {
			return hashjob.Result{}, err
		}
		return result, s.announce(ctx, record, result)
	case Begin:
		record = Record{ID: job.ID, Kind: job.Kind, Document: document, Version: record.Version, BegunAt: s.Now().UTC()}
	}
	return s.work(ctx, job, record)
}

// standing is the result of a job that has one, or that goes on.
func (s *Service) standing(ctx context.Context, record Record) (hashjob.Result, error) {
	if record.Result == nil {
		return continued(record), nil
	}
	document, err := s.Store.Get(ctx, record.Result.Key, maximumState)
	if err != nil {
		return hashjob.Result{}, fmt.Errorf("read the result of job %s: %w", record.ID, err)
	}
	var result hashjob.Result
	if err := json.Unmarshal(document, &result); err != nil {
		return hashjob.Result{}, fmt.Errorf("read the result of job %s: %w", record.ID, err)
	}
	return result, nil
}

func continued(record Record) hashjob.Result {
	return hashjob.Result{Version: hashjob.Version, ID: record.ID, Kind: record.Kind, Outcome: hashjob.Continued, Items: record.Items}
}

// work claims the job, does what there is time for, and writes down what came of it.
func (s *Service) work(ctx context.Context, job hashjob.Job, record Record) (hashjob.Result, error) {
	until, lease := s.bounds(ctx)
	record.Status, record.Lease, record.Trouble = Running, lease, ""
	record.Invocations++
	record, err := s.Book.Write(ctx, record)
	if err != nil {
		return hashjob.Result{}, err
	}
	if job.Split > 0 {
		return s.split(ctx, job, record)
	}
	step, err := s.run(ctx, job, record, until)
	var wrong *hashjob.FieldError
	switch {
	case errors.As(err, &wrong):
		return s.end(ctx, record, hashjob.Failure(job, wrong))
	case err != nil:
		return hashjob.Result{}, s.release(ctx, record, err)
	case step.Next == nil:
		return s.end(ctx, record, step.Result)
	}
	return s.handOn(ctx, job, record, *step.Next)
}

// bounds are when to stop, and until when the job is claimed.
func (s *Service) bounds(ctx context.Context) (until, lease time.Time) {
	deadline, limited := ctx.Deadline()
	if !limited {
		return time.Time{}, s.Now().Add(unlimited).UTC()
	}
	now := s.Now()
	until = deadline.Add(-reserve)
	if earliest := now.Add(shortest); until.Before(earliest) {
		until = earliest
	}
	return until, deadline.Add(grace).UTC()
}

func (s *Service) run(ctx context.Context, job hashjob.Job, record Record, until time.Time) (Step, error) {
	invocation := Invocation{Until: until, Tell: s.progress(ctx, record)}
	if record.Checkpoint == "" {
		return s.Runner.Run(ctx, job, invocation)
	}
	invocation.From = new(Checkpoint)
	if err := s.read(ctx, record.Checkpoint, invocation.From); err != nil {
		return Step{}, err
	}
	before := invocation.From.done()
	step, err := s.Runner.Run(ctx, job, invocation)
	if err == nil && step.Next != nil && step.Next.done() <= before {
		return Step{}, hashjob.Wrong("", "an invocation is too short for any of the rest: "+
			"raise the function's timeout, or cut the input into smaller objects")
	}
	return step, err
}

// progress tells the record now and then, and one call at a time.
func (s *Service) progress(ctx context.Context, record Record) func(uint64) {
	next := s.Now().Add(progressEvery)
	var telling sync.Mutex
	return func(items uint64) {
		now := s.Now()
		if now.Before(next) || !telling.TryLock() {
			return
		}
		next = now.Add(progressEvery)
		go func() {
			defer telling.Unlock()
			if err := s.Book.Progress(ctx, record, items); err != nil && !errors.Is(err, ErrConflict) && ctx.Err() == nil {
				s.Log.WarnContext(ctx, "could not note how far a job is", slog.String("job", record.ID), slog.Any("error", err))
			}
		}()
	}
}

func (s *Service) read(ctx context.Context, key string, into any) error {
	document, err := s.Store.Get(ctx, key, maximumState)
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	if err := json.Unmarshal(document, into); err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

func (s *Service) write(ctx context.Context, key string, value any) error {
	document, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = s.Store.Put(ctx, key, jsonType, document, nil)
	return err
}

// release ends the claim, so that the next attempt need not wait for it.
func (s *Service) release(ctx context.Context, record Record, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	record.Lease, record.Trouble = time.Time{}, cause.Error()
	if _, err := s.Book.Write(ctx, record); err != nil {
		s.Log.WarnContext(ctx, "could not end the claim on a job", slog.String("job", record.ID), slog.Any("error", err))
	}
	return cause
}

func documentKey(id string) string { return workPrefix(id) + "document.json" }

// handOn writes down how far the job came, and sends the message with which it goes on.
func (s *Service) handOn(ctx context.Context, job hashjob.Job, record Record, next Checkpoint) (hashjob.Result, error) {
	key := fmt.Sprintf("%scheckpoint-%06d.json", workPrefix(job.ID), record.Invocations)
	if err := errors.Join(s.write(ctx, documentKey(job.ID), job), s.write(ctx, key, next)); err != nil {
		return hashjob.Result{}, s.release(ctx, record, err)
	}
	record.Checkpoint, record.Items, record.Lease = key, next.Items, time.Time{}
	record, err := s.Book.Write(ctx, record)
	if err != nil {
		return hashjob.Result{}, err
	}
	message, err := json.Marshal(continuation{Version: hashjob.Version, Continue: job.ID})
	if err != nil {
		return hashjob.Result{}, err
	}
	return continued(record), s.Enqueue(ctx, message)
}

// end writes the result, then the record, then the event.
func (s *Service) end(ctx context.Context, record Record, result hashjob.Result) (hashjob.Result, error) {
	result.Stored = &hashjob.Location{Bucket: s.Bucket, Key: ResultKey(record.ID)}
	if err := s.write(ctx, result.Stored.Key, result); err != nil {
		return hashjob.Result{}, s.release(ctx, record, err)
	}
	record.Status, record.Error = Succeeded, result.Error
	if result.Outcome == hashjob.Failed {
		record.Status = Failed
	}
	record.Items, record.Result, record.Lease, record.EndedAt = result.Items, result.Stored, time.Time{}, s.Now().UTC()
	record, err := s.Book.Write(ctx, record)
	if err != nil {
		return hashjob.Result{}, err
	}
	return result, s.announce(ctx, record, result)
}

// announce publishes the event of a job's end, and then notes that it did.
func (s *Service) announce(ctx context.Context, record Record, result hashjob.Result) error {
	completed := davit.HashJob{Version: davit.Version, Job: record.ID, Kind: string(record.Kind), Outcome: string(record.Status),
		Items: result.Items, Command: "davit job show " + record.ID}
	if record.Result != nil {
		completed.Result = &davit.HashJobResult{Bucket: record.Result.Bucket, Key: record.Result.Key}
	}
	if result.Error != nil {
		completed.Field, completed.Index, completed.Reason = result.Error.Field, result.Error.Index, result.Error.Reason
	}
	if err := s.Publish(ctx, completed); err != nil {
		return err
	}
	record.Announced = true
	_, err := s.Book.Write(ctx, record)
	if errors.Is(err, ErrConflict) {
		return nil // another invocation announced it as well, or the job was sent again
	}
	return err
}
