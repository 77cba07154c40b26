package ethereum

import (
	"slices"

	"davit/shared/chain/ethereum/rlp"
	"davit/shared/hashing"
)

// EmptyTrie is the root of a trie without entries: the hash of the empty string's serialisation.
var EmptyTrie = Keccak256([]byte{0x80})

// IndexRoot is the root of the Merkle-Patricia trie that has the values under their positions, each position serialised
// (Yellow Paper, 4.3.2 and appendix D): how a header commits to its transactions, receipts and withdrawals. No value may
// be empty.
func IndexRoot(values [][]byte) Hash {
	var builder TrieBuilder
	return builder.IndexRoot(values)
}

// TrieBuilder computes roots one after another without new memory for each. The zero value is ready. It is not for use
// by several goroutines at once.
type TrieBuilder struct {
	hasher  *hashing.Hasher
	entries []entry
	keys    []byte
	// nodes is a stack of serialised nodes that are being put together.
	nodes []byte
}

// entry is a value under its key, a half byte each.
type entry struct {
	key, value []byte
}

// IndexRoot is the function of the same name.
func (t *TrieBuilder) IndexRoot(values [][]byte) (root Hash) {
	if len(values) == 0 {
		return EmptyTrie
	}
	if t.hasher == nil {
		t.hasher = newHasher()
	}
	t.index(values)
	t.nodes = t.nodes[:0]
	t.appendNode(t.entries, 0)
	t.hasher.Append(root[:0], t.nodes)
	return root
}

// longestKey is how many half bytes the serialisation of a position has at most.
const longestKey = 18

// index fills the entries in the order of their keys. Serialised, 0 comes after 127 and before 128; else the order is
// that of the positions.
func (t *TrieBuilder) index(values [][]byte) {
	t.entries = t.entries[:0]
	t.keys = slices.Grow(t.keys[:0], longestKey*len(values)) // keys stay where they are
	for position := 1; position < len(values); position++ {
		if position == 128 {
			t.add(0, values[0])
		}
		t.add(position, values[position])
	}
	if len(values) <= 128 {
		t.add(0, values[0])
	}
}

func (t *TrieBuilder) add(position int, value []byte) {
	var room [9]byte
	start := len(t.keys)
	for _, digit := range rlp.AppendUint64(room[:0], uint64(position)) { // #nosec G115 -- never negative
		t.keys = append(t.keys, digit>>4, digit&15)
	}
	t.entries = append(t.entries, entry{t.keys[start:len(t.keys):len(t.keys)], value})
}

// appendNode puts the node of the entries, which share their keys up to the depth, on top of the stack. The stack below
// is left as it is.
func (t *TrieBuilder) appendNode(entries []entry, depth int) {
	first, last := entries[0].key[depth:], entries[len(entries)-1].key[depth:]
	if len(entries) == 1 {
		t.appendPair(first, true, func() { t.nodes = rlp.AppendString(t.nodes, entries[0].value) })
		return
	}
	shared := 0 // no key is the beginning of another, so it ends before both do
	for first[shared] == last[shared] {
		shared++
	}
	if shared > 0 {
		t.appendPair(first[:shared], false, func() { t.appendReference(entries, depth+shared) })
		return
	}
	t.appendListOf(func() {
		for digit := range byte(16) {
			count := 0
			for count < len(entries) && entries[count].key[depth] == digit {
				count++
			}
			if count == 0 {
				t.nodes = append(t.nodes, 0x80)
				continue
			}
			t.appendReference(entries[:count], depth+1)
			entries = entries[count:]
		}
		t.nodes = append(t.nodes, 0x80) // nothing ends at a branch
	})
}

// appendPair puts a leaf or an extension on the stack: a path, and what append puts after it.
func (t *TrieBuilder) appendPair(path []byte, leaf bool, appendValue func()) {
	t.appendListOf(func() {
		var room [1 + longestKey/2]byte
		t.nodes = rlp.AppendString(t.nodes, appendPath(room[:0], path, leaf))
		appendValue()
	})
}

// appendPath appends half bytes in whole ones, with the marks of a leaf and of an odd number before them (Yellow Paper,
// appendix C).
func appendPath(to, path []byte, leaf bool) []byte {
	first := byte(0)
	if leaf {
		first = 0x20
	}
	if len(path)%2 == 1 {
		first |= 0x10 | path[0]
		path = path[1:]
	}
	to = append(to, first)
	for ; len(path) > 0; path = path[2:] {
		to = append(to, path[0]<<4|path[1])
	}
	return to
}

// appendReference puts on the stack what stands for a node in the one above: itself if it is shorter than a hash, else
// its hash.
func (t *TrieBuilder) appendReference(entries []entry, depth int) {
	start := len(t.nodes)
	t.appendNode(entries, depth)
	if len(t.nodes)-start < len(Hash{}) {
		return
	}
	var hash Hash
	t.hasher.Append(hash[:0], t.nodes[start:])
	t.nodes = rlp.AppendString(t.nodes[:start], hash[:])
}

// appendListOf puts a list of what is appended on the stack.
func (t *TrieBuilder) appendListOf(appendItems func()) {
	start := len(t.nodes)
	appendItems()
	length := len(t.nodes) - start
	var room [9]byte
	t.nodes = slices.Insert(t.nodes, start, rlp.AppendPrefix(room[:0], length, true)...)
}
