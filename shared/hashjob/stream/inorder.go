package stream

import (
	"context"
	"errors"
	"io"
)

// task is one item on its way through InOrder.
type task[T any] struct {
	item T
	// last is what ended the reading with this item, failure what its work came to.
	last, failure error
	done          chan struct{}
}

// InOrder reads items, works on so many of them at once, and takes them in the order in which they were read. There are
// only a few items, which are used again. Read may fill the item and answer an error at once: io.EOF ends the work, any
// other error fails it, after the item was taken. The first error in the order of the items is the one that is told.
// When the context ends InOrder does not wait for a read that hangs.
func InOrder[T any](ctx context.Context, workers int, read, work, take func(*T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	free := make(chan *task[T], 2*workers)
	for range cap(free) {
		free <- &task[T]{done: make(chan struct{}, 1)}
	}
	waiting, ordered := make(chan *task[T], cap(free)), make(chan *task[T], cap(free))
	go readAll(ctx, free, read, waiting, ordered)
	for range workers {
		go func() {
			for next := range waiting {
				next.failure = work(&next.item)
				next.done <- struct{}{}
			}
		}()
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case next, more := <-ordered:
			if !more {
				return ctx.Err()
			}
			<-next.done
			if ended, err := finish(next, take); ended || err != nil {
				return err
			}
			free <- next
		}
	}
}

// readAll hands each item to the workers and, in order, to whoever takes them.
func readAll[T any](ctx context.Context, free <-chan *task[T], read func(*T) error, waiting, ordered chan<- *task[T]) {
	defer close(waiting)
	defer close(ordered)
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-free:
			next.last = read(&next.item)
			ended := next.last != nil // the item is the worker's from here on
			waiting <- next
			ordered <- next
			if ended {
				return
			}
		}
	}
}

// finish takes an item that is worked on, and tells whether it was the last.
func finish[T any](done *task[T], take func(*T) error) (ended bool, err error) {
	if done.failure != nil {
		return true, done.failure
	}
	if err := take(&done.item); err != nil {
		return true, err
	}
	if errors.Is(done.last, io.EOF) {
		return true, nil
	}
	return done.last != nil, done.last
}
