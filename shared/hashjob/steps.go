package hashjob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"davit/events/hashjob"
)

// The steps of a job in pieces, as the state machine asks for them.
const (
	// StepPlan cuts the job into pieces and answers where the list of them is.
	StepPlan = "plan"
	// StepPiece does one of them.
	StepPiece = "piece"
	// StepCombine puts them together and ends the job.
	StepCombine = "combine"
	// StepFailed ends a job whose state machine failed.
	StepFailed = "failed"
)

// request is what the state machine sends.
type request struct {
	Step string `json:"step"`
	// ID is the job's, Attempt that of its record.
	ID      string `json:"id"`
	Attempt int64  `json:"attempt"`
	Piece   int    `json:"piece"`
	// Cause is what a failed state said.
	Cause json.RawMessage `json:"cause,omitempty"`
}

// pieceItem is one item of the list that the state machine reads.
type pieceItem struct {
	Piece int `json:"piece"`
}

func planKey(id string) string   { return workPrefix(id) + "plan.json" }
func piecesKey(id string) string { return workPrefix(id) + "pieces.json" }
func pieceKey(id string, attempt int64, index int) string {
	return fmt.Sprintf("%s%08d.json", PiecesPrefix(id, attempt), index)
}

// PiecesPrefix is where the pieces of an attempt are that are done.
func PiecesPrefix(id string, attempt int64) string {
	return fmt.Sprintf("%spieces/%d/", workPrefix(id), attempt)
}

// split starts the state machine for the job.
func (s *Service) split(ctx context.Context, job hashjob.Job, record Record) (hashjob.Result, error) {
	if err := s.write(ctx, documentKey(job.ID), job); err != nil {
		return hashjob.Result{}, s.release(ctx, record, err)
	}
	// The record is written before the start, since the first step may come before the answer. It keeps its lease until
	// that step: should this invocation die here, the job is begun again.
	record.Status, record.Attempt = Split, record.Version+1
	record.Execution = executionName(record)
	record, err := s.Book.Write(ctx, record)
	if err != nil {
		return hashjob.Result{}, err
	}
	input, err := json.Marshal(request{ID: job.ID, Attempt: record.Attempt})
	if err != nil {
		return hashjob.Result{}, err
	}
	if err := s.Start(ctx, record.Execution, input); err != nil {
		record.Status = Running
		return hashjob.Result{}, s.release(ctx, record, fmt.Errorf("start the pieces of job %s: %w", job.ID, err))
	}
	s.Log.InfoContext(ctx, "its pieces are started", slog.String("job", job.ID), slog.String("execution", record.Execution))
	return continued(record), nil
}

// executionName is unique to the attempt, and has at most 80 characters
// (docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html).
func executionName(record Record) string {
	digest := sha256.Sum256([]byte(record.ID))
	return fmt.Sprintf("%s-%d", hex.EncodeToString(digest[:16]), record.Attempt)
}

// errOtherAttempt says that the record is no longer that of the state machine's attempt.
var errOtherAttempt = errors.New("the job was begun again, or has ended")

// Step does one step of a job in pieces and answers what the state machine needs of it.
func (s *Service) Step(ctx context.Context, payload []byte) ([]byte, error) {
	var asked request
	if err := json.Unmarshal(payload, &asked); err != nil {
		return nil, fmt.Errorf("read the step: %w", err)
	}
	if !hashjob.ValidID(asked.ID) {
		return nil, fmt.Errorf("step %q: %.200q is no ID of a job", asked.Step, asked.ID)
	}
	step, known := map[string]func(context.Context, request, hashjob.Job) (any, error){
		StepPlan: s.plan, StepPiece: s.piece, StepCombine: s.combine, StepFailed: s.fail,
	}[asked.Step]
	if !known {
		return nil, fmt.Errorf("there is no step %q", asked.Step)
	}
	var job hashjob.Job
	if err := s.read(ctx, documentKey(asked.ID), &job); err != nil {
		return nil, err
	}
	answer, err := step(ctx, asked, job)
	if err != nil {
		return nil, fmt.Errorf("step %s of job %s: %w", asked.Step, asked.ID, err)
	}
	return json.Marshal(answer)
}

// attempt is the record, if it is still that of the state machine's attempt.
func (s *Service) attempt(ctx context.Context, asked request) (Record, error) {
	record, err := s.Book.Read(ctx, asked.ID)
	if err != nil {
		return Record{}, err
	}
	if record.Status != Split || record.Attempt != asked.Attempt {
		return Record{}, errOtherAttempt
	}
	return record, nil
}

func (s *Service) plan(ctx context.Context, asked request, job hashjob.Job) (any, error) {
	record, err := s.attempt(ctx, asked)
	if err != nil {
		return nil, err
	}
	plan, err := s.Runner.Plan(ctx, job)
	if errors.As(err, &plan.Wrong) {
		err = nil // the state machine goes on without pieces, and the last step tells it
	}
	if err != nil {
		return nil, err
	}
	items := make([]pieceItem, plan.Pieces)
	for index := range items {
		items[index].Piece = index
	}
	if err := errors.Join(s.write(ctx, planKey(job.ID), plan), s.write(ctx, piecesKey(job.ID), items)); err != nil {
		return nil, err
	}
	record.Pieces, record.Lease = plan.Pieces, time.Time{}
	if _, err := s.Book.Write(ctx, record); err != nil {
		return nil, err
	}
	return hashjob.Location{Bucket: s.Bucket, Key: piecesKey(job.ID)}, nil
}

func (s *Service) piece(ctx context.Context, asked request, job hashjob.Job) (any, error) {
	var plan Plan
	if err := s.read(ctx, planKey(job.ID), &plan); err != nil {
		return nil, err
	}
	until, _ := s.bounds(ctx)
	piece, err := s.Runner.Piece(ctx, job, plan, asked.Piece, until)
	if err != nil {
		return nil, err
	}
	return struct{}{}, s.write(ctx, pieceKey(job.ID, asked.Attempt, asked.Piece), piece)
}

func (s *Service) combine(ctx context.Context, asked request, job hashjob.Job) (any, error) {
	record, err := s.attempt(ctx, asked)
	if err != nil {
		return nil, err
	}
	var plan Plan
	if err := s.read(ctx, planKey(job.ID), &plan); err != nil {
		return nil, err
	}
	result, err := Combine(job, plan, func(index int) (piece Piece, err error) {
		return piece, s.read(ctx, pieceKey(job.ID, asked.Attempt, index), &piece)
	})
	var wrong *hashjob.FieldError
	if errors.As(err, &wrong) {
		result, err = hashjob.Failure(job, wrong), nil
	}
	if err != nil {
		return nil, err
	}
	result, err = s.end(ctx, record, result)
	return result, err
}

// fail ends the job with what the failed state said.
func (s *Service) fail(ctx context.Context, asked request, job hashjob.Job) (any, error) {
	record, err := s.attempt(ctx, asked)
	if err != nil {
		return nil, err
	}
	result, err := s.end(ctx, record, hashjob.Failure(job, causeOf(asked.Cause)))
	return result, err
}

// maximumCause is how much of a cause is kept, in bytes.
const maximumCause = 2 << 10

// causeOf is the reason in what a state machine hands to the state after a failed one
// (docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).
func causeOf(document json.RawMessage) *hashjob.FieldError {
	var said struct{ Error, Cause string }
	_ = json.Unmarshal(document, &said) // what cannot be read is told as it is
	var function struct {
		Message string `json:"errorMessage"`
	}
	reason := said.Cause
	if json.Unmarshal([]byte(said.Cause), &function) == nil && function.Message != "" {
		reason = function.Message
	}
	if reason == "" {
		reason = said.Error + " " + string(document)
	}
	return hashjob.Wrong("", "the pieces could not be done: %s", reason[:min(len(reason), maximumCause)])
}
