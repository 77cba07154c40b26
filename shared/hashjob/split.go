package hashjob

import (
	"context"
	"errors"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"

	"davit/events/hashjob"
)

// maximumPieces is how many pieces a job has at most.
const maximumPieces = 10_000

// Plan is how a job is cut into pieces of the same number of inputs; the last may have fewer. Each piece is a whole part of
// the tree, so that the pieces together are the tree.
type Plan struct {
	Objects []Object `json:"objects"`
	// Firsts are the index of each object's first input in the whole list, and at the end the number of all.
	Firsts []uint64 `json:"firsts"`
	// Length is how many inputs a piece has: a power of two.
	Length uint64 `json:"length"`
	// Pieces is how many there are.
	Pieces int `json:"pieces"`
	// Wrong is what is wrong with a job that cannot be cut; it has no pieces.
	Wrong *hashjob.FieldError `json:"wrong,omitempty"`
}

// Piece is what a piece came to.
type Piece struct {
	Items uint64 `json:"items"`
	Tree  []Part `json:"tree,omitempty"`
	// Wrong is what is wrong with the job in this piece.
	Wrong *hashjob.FieldError `json:"wrong,omitempty"`
}

// Plan cuts a job with Split into pieces.
func (r *Runner) Plan(ctx context.Context, job hashjob.Job) (Plan, error) {
	list, err := resolve(ctx, r.Objects, job.Input)
	if err != nil {
		return Plan{}, err
	}
	if err := r.measure(ctx, list); err != nil {
		return Plan{}, err
	}
	plan := Plan{Objects: list, Firsts: make([]uint64, 0, len(list)+1), Length: job.Split}
	var total uint64
	for index, object := range list {
		plan.Firsts = append(plan.Firsts, total)
		count, err := inputsOf(job.Input.S3, index, object)
		if err != nil {
			return Plan{}, err
		}
		total += count
	}
	plan.Firsts = append(plan.Firsts, total)
	pieces := (total + job.Split - 1) / job.Split
	switch {
	case total == 0:
		return Plan{}, hashjob.Wrong("input.s3", "there are no inputs")
	case pieces > maximumPieces:
		return Plan{}, hashjob.Wrong("split", "%d inputs make %d pieces, more than %d: choose a larger one", total, pieces, maximumPieces)
	}
	plan.Pieces = int(pieces) // #nosec G115 -- bounded above
	return plan, nil
}

// measure asks for the sizes that are not known.
func (r *Runner) measure(ctx context.Context, list []Object) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(objectsAtOnce)
	for index := range list {
		if list[index].Size >= 0 {
			continue
		}
		group.Go(func() error {
			object, err := r.Objects.Stat(ctx, list[index].Bucket, list[index].Key)
			if err != nil {
				place := uint64(index) // #nosec G115 -- an index
				return unreadable("input.s3.keys", &place, list[index], err)
			}
			list[index] = object
			return nil
		})
	}
	return group.Wait()
}

// hexLine is the length of a line with a hash and its end.
const hexLine = 2*32 + 1

// inputsOf is how many inputs an object has, by its size alone.
func inputsOf(from *hashjob.S3Input, index int, object Object) (uint64, error) {
	place, size := uint64(index), uint64(object.Size) // #nosec G115 -- an index, and a size that was asked for
	switch from.Form {
	case hashjob.FormObjects:
		return 1, nil
	case hashjob.FormRecords:
		record := uint64(from.RecordBytes) // #nosec G115 -- checked
		if size%record != 0 {
			return 0, hashjob.WrongAt("input.s3", place, "s3://%s/%s has %d bytes, which are no records of %d", object.Bucket, object.Key, size, record)
		}
		return size / record, nil
	}
	if rest := size % hexLine; rest != 0 && rest != hexLine-1 {
		return 0, hashjob.WrongAt("input.s3", place, "s3://%s/%s has %d bytes, which are no lines of %d digits and one character for the end",
			object.Bucket, object.Key, size, hexLine-1)
	}
	return (size + 1) / hexLine, nil
}

// start is where the piece begins.
func (p Plan) start(from *hashjob.S3Input, piece int) Position {
	first := uint64(piece) * p.Length // #nosec G115 -- an index
	object := sort.Search(len(p.Objects), func(index int) bool { return p.Firsts[index+1] > first })
	at := Position{Object: object, Item: first}
	switch inside := int64(first - p.Firsts[object]); from.Form { // #nosec G115 -- below the object's size
	case hashjob.FormRecords:
		at.Offset = inside * int64(from.RecordBytes)
	case hashjob.FormHexLines:
		at.Offset = inside * hexLine
	}
	return at
}

// Piece does one piece of a job. What is wrong with the job is in the answer; an error may pass.
func (r *Runner) Piece(ctx context.Context, job hashjob.Job, plan Plan, index int, until time.Time) (Piece, error) {
	if index < 0 || index >= plan.Pieces {
		return Piece{}, hashjob.Wrong("piece", "%d is not 0 to %d", index, plan.Pieces-1)
	}
	current := &run{Runner: r, Invocation: Invocation{From: &Checkpoint{}, Until: until}, ctx: ctx, job: job, list: plan.Objects}
	tree, err := newTree(current)
	if err != nil {
		return Piece{}, err
	}
	at := plan.start(job.Input.S3, index)
	tree.spine.count = at.Item
	from := &source{ctx: ctx, objects: r.Objects, input: job.Input, list: plan.Objects, at: at, end: at.Item + plan.Length, stop: current.late}
	items, err := current.read(from, &root{tree})
	var wrong *hashjob.FieldError
	switch {
	case errors.Is(err, errPaused):
		return Piece{Wrong: hashjob.Wrong("split", "a piece of %d inputs takes longer than an invocation: choose a smaller one", plan.Length)}, nil
	case errors.As(err, &wrong):
		return Piece{Items: items, Wrong: wrong}, nil
	case err != nil:
		return Piece{}, err
	}
	return Piece{Items: items, Tree: tree.spine.write()}, nil
}

// Combine puts the pieces together, of which next answers one after another. What is wrong with the job is an error that
// wraps a *hashjob.FieldError: that of the first piece that has one.
func Combine(job hashjob.Job, plan Plan, next func(index int) (Piece, error)) (hashjob.Result, error) {
	if plan.Wrong != nil {
		return hashjob.Result{}, plan.Wrong
	}
	tree, err := newTree(&run{job: job})
	if err != nil {
		return hashjob.Result{}, err
	}
	result := hashjob.Result{Version: hashjob.Version, ID: job.ID, Kind: job.Kind, Outcome: hashjob.Succeeded}
	for index := range plan.Pieces {
		piece, err := next(index)
		if err != nil {
			return hashjob.Result{}, err
		}
		if piece.Wrong != nil {
			return hashjob.Result{}, piece.Wrong
		}
		if err := tree.spine.read(piece.Tree); err != nil {
			return hashjob.Result{}, refused(job.Input, err)
		}
		result.Items += piece.Items
	}
	if result.Items != plan.Firsts[len(plan.Objects)] {
		return hashjob.Result{}, hashjob.Wrong("input.s3", "%d inputs were read, not %d: %s", result.Items, plan.Firsts[len(plan.Objects)], ErrChanged)
	}
	result.Root, err = tree.spine.root()
	return result, refused(job.Input, err)
}
