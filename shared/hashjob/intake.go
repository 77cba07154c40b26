package hashjob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"davit/events/davit"
	"davit/events/envelope"
	"davit/events/hashjob"
	"davit/events/s3"
	"davit/shared/workqueue"
)

// continuation is the message with which a job goes on.
type continuation struct {
	Version  string `json:"version"`
	Continue string `json:"continue"`
}

// Handle is a workqueue.Handler: a message is a job's document, an event with one, an event of a document that was put into
// the bucket, or a message that the function sent to itself.
func (s *Service) Handle(ctx context.Context, body []byte, _ int) error {
	var seen struct {
		DetailType *string `json:"detail-type"`
		Continue   *string `json:"continue"`
	}
	if err := json.Unmarshal(body, &seen); err != nil {
		return workqueue.Poison(fmt.Errorf("the message is no JSON object: %w", err))
	}
	switch {
	case seen.Continue != nil:
		return s.message(ctx, s.goOn(ctx, *seen.Continue))
	case seen.DetailType != nil:
		return s.event(ctx, body)
	}
	return s.message(ctx, s.document(ctx, body))
}

// event takes the document out of an event.
func (s *Service) event(ctx context.Context, body []byte) error {
	event, err := envelope.Decode(body)
	if err != nil {
		return workqueue.Poison(fmt.Errorf("the event cannot be read: %w", err))
	}
	switch {
	case event.DetailType == davit.DetailTypeHashJobRequested:
		return s.message(ctx, s.document(ctx, event.Detail))
	case event.Source == s3.Source && event.DetailType == s3.DetailTypeObjectCreated:
		return s.message(ctx, s.object(ctx, event))
	}
	s.Log.InfoContext(ctx, "acknowledged", slog.String("event", event.ID),
		slog.String("reason", fmt.Sprintf("%q of %s is no job", event.DetailType, event.Source)))
	return nil
}

// object reads a document that was put into the bucket.
func (s *Service) object(ctx context.Context, event envelope.Envelope) error {
	var created s3.ObjectCreated
	if err := json.Unmarshal(event.Detail, &created); err != nil {
		return hashjob.Wrong("detail", "%s", err)
	}
	if err := created.Complete(event); err != nil {
		return hashjob.Wrong("detail", "%s", err)
	}
	if created.Bucket.Name != s.Bucket || !strings.HasPrefix(created.Object.Key, DocumentsPrefix) {
		s.Log.InfoContext(ctx, "acknowledged", slog.String("event", event.ID), slog.String("reason", "the object is no document of a job"))
		return nil
	}
	document, err := s.Store.Get(ctx, created.Object.Key, hashjob.MaximumDocument)
	if errors.Is(err, ErrNoObject) {
		return hashjob.Wrong("", "s3://%s/%s: %s", s.Bucket, created.Object.Key, err)
	}
	if err != nil {
		return err
	}
	if err := s.document(ctx, document); err != nil {
		return fmt.Errorf("s3://%s/%s: %w", s.Bucket, created.Object.Key, err)
	}
	return nil
}

// document does the job of a document. A job that failed is an error as well, so that its message goes to the dead letters.
func (s *Service) document(ctx context.Context, document []byte) error {
	result, err := s.Submit(ctx, document)
	if err != nil {
		return err
	}
	return failure(result)
}

func failure(result hashjob.Result) error {
	if result.Outcome != hashjob.Failed {
		return nil
	}
	return fmt.Errorf("job %s failed: %w", result.ID, result.Error)
}

// Submit reads a document and does its job. Where the document is wrong and has an ID all the same, that is its result,
// unless the ID stands for another job.
func (s *Service) Submit(ctx context.Context, document []byte) (hashjob.Result, error) {
	job, err := hashjob.Parse(document)
	var wrong *hashjob.FieldError
	if !errors.As(err, &wrong) {
		return s.Do(ctx, job)
	}
	if job.ID == "" {
		return hashjob.Result{}, wrong
	}
	record, err := s.Book.Read(ctx, job.ID)
	if err != nil {
		return hashjob.Result{}, err
	}
	if record.Version > 0 && record.Status != Failed {
		return hashjob.Result{}, fmt.Errorf("job %s: %w", job.ID, wrong)
	}
	begun := Record{ID: job.ID, Kind: job.Kind, Version: record.Version, BegunAt: s.Now().UTC()}
	return s.end(ctx, begun, hashjob.Failure(job, wrong))
}

// goOn works on a job that was handed on.
func (s *Service) goOn(ctx context.Context, id string) error {
	if !hashjob.ValidID(id) {
		return hashjob.Wrong("continue", "%.200q is no ID", id)
	}
	var job hashjob.Job
	if err := s.read(ctx, documentKey(id), &job); err != nil {
		return err
	}
	result, err := s.Do(ctx, job)
	if err != nil {
		return err
	}
	return failure(result)
}

// message puts an error in the queue's words.
func (s *Service) message(_ context.Context, err error) error {
	var wrong *hashjob.FieldError
	var busy *BusyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return workqueue.Poison(err)
	case errors.As(err, &busy):
		return workqueue.Later(err, busy.Until.Sub(s.Now()))
	}
	return err
}

// Entry is the function's handler for every way in: a batch of its queue, a step of the state machine, or a document by
// direct invocation, whose answer is the result.
type Entry struct {
	Service *Service
	// Batch handles a batch of the queue.
	Batch interface {
		Invoke(ctx context.Context, payload []byte) ([]byte, error)
	}
}

// Invoke handles one invocation.
func (e *Entry) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var seen struct {
		Records json.RawMessage `json:"Records"`
		Step    *string         `json:"step"`
	}
	if err := json.Unmarshal(payload, &seen); err == nil && seen.Records != nil {
		return e.Batch.Invoke(ctx, payload)
	}
	if seen.Step != nil {
		return e.Service.Step(ctx, payload)
	}
	return e.direct(ctx, bytes.Clone(payload))
}

// direct answers the result. A job that is refused has one, too, which is kept nowhere.
func (e *Entry) direct(ctx context.Context, document []byte) ([]byte, error) {
	result, err := e.Service.Submit(ctx, document)
	var wrong *hashjob.FieldError
	if errors.As(err, &wrong) {
		result, err = hashjob.Failure(hashjob.Job{}, wrong), nil
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(result)
}
