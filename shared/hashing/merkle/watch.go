package merkle

import "slices"

// watch follows one subtree while a list is built, and collects the siblings on its way to the root.
type watch struct {
	level int
	first uint64
	// known tells whether the subtree is complete, and node is its root.
	known bool
	node  Hash
	path  []Hash
}

func (w *watch) clone() *watch {
	copied := *w
	copied.path = slices.Clone(w.path)
	return &copied
}

func (w *watch) siblings() []Hash {
	if w == nil {
		return nil
	}
	return w.path
}

// inside tells whether the watched subtree is smaller than the piece and part of it.
func (w *watch) inside(piece Piece) bool {
	return int(piece.Level) > w.level && piece.First <= w.first && w.first < piece.First+piece.Length()
}

// formed is told of each complete subtree.
func (w *watch) formed(level int, first uint64, node Hash) {
	if w != nil && level == w.level && first == w.first {
		w.known, w.node = true, node
	}
}

// merged is told of each merge of a complete left subtree of the level, which begins at first, with what is right of it.
func (w *watch) merged(level int, first uint64, left, right Hash) {
	switch {
	case w == nil || level < w.level || !w.known || w.first < first:
	case w.first < first+1<<level:
		w.path = append(w.path, right)
	default:
		w.path = append(w.path, left)
	}
}
