// Package merkle computes roots and proofs of Merkle trees: Bitcoin's, and the one of Certificate Transparency (RFC 6962,
// kept by RFC 9162). A root or a proof of n leaves takes O(log n) memory. Long lists can be cut into pieces that are
// reduced apart, on other cores or other machines; the tree's own structure puts them together.
package merkle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"davit/shared/hashing/lanes"
)

// Hash is a node of a tree, a leaf or a root, in internal byte order: as SHA-256 gives it. Bitcoin's tools show hashes of
// blocks and transactions reversed.
type Hash = lanes.Digest

// Shape is a way to make a tree of a list. The zero value is none.
type Shape uint8

const (
	// Bitcoin is the tree of transactions in a block: a node is the double SHA-256 of its children, and a node without a
	// sibling is paired with itself (developer.bitcoin.org/reference/block_chain.html#merkle-trees). A list of which a
	// longer or shorter one has the same root (CVE-2012-2459) is refused with an AmbiguousError. The leaves are
	// transaction IDs.
	Bitcoin Shape = iota + 1
	// RFC6962 is the tree of RFC 6962, section 2.1: leaves and nodes are SHA-256 with different prefixes, and the left
	// part of a tree is always the largest power of two. Its leaves are what LeafHash gives.
	RFC6962
)

// leafPrefix is what leaves begin with (RFC 6962, section 2.1).
const leafPrefix = 0x00

// ErrNoLeaves says that an empty list has no root in Bitcoin's tree: every block has a transaction.
var ErrNoLeaves = errors.New("a bitcoin tree has at least one leaf")

// ParseShape reads "bitcoin" or "rfc6962".
func ParseShape(text string) (Shape, error) {
	switch text {
	case "bitcoin":
		return Bitcoin, nil
	case "rfc6962":
		return RFC6962, nil
	}
	return 0, fmt.Errorf("%.40q is no tree: it is bitcoin or rfc6962", text)
}

// String is what ParseShape reads.
func (s Shape) String() string {
	switch s {
	case Bitcoin:
		return "bitcoin"
	case RFC6962:
		return "rfc6962"
	}
	return fmt.Sprintf("Shape(%d)", uint8(s))
}

func (s Shape) check() error {
	if s != Bitcoin && s != RFC6962 {
		return fmt.Errorf("%s is no tree", s)
	}
	return nil
}

// MarshalText writes the name.
func (s Shape) MarshalText() ([]byte, error) {
	return []byte(s.String()), s.check()
}

// UnmarshalText reads the name.
func (s *Shape) UnmarshalText(text []byte) (err error) {
	*s, err = ParseShape(string(text))
	return err
}

// pairs sets to[i] to the parent of from[2i] and from[2i+1].
func (s Shape) pairs(to, from []Hash) {
	if s == Bitcoin {
		lanes.DoublePairs(to, from)
		return
	}
	lanes.PrefixedPairs(lanes.NodePrefix, to, from)
}

func (s Shape) node(left, right Hash) Hash {
	if s == Bitcoin {
		return lanes.DoublePair(left, right)
	}
	return lanes.PrefixedPair(lanes.NodePrefix, left, right)
}

// LeafHash is the leaf of the RFC6962 tree for an entry of any length. Short entries, below 256 bytes, cost no allocation.
func LeafHash(entry []byte) Hash {
	var short [256]byte
	if len(entry) < len(short) {
		short[0] = leafPrefix
		return sha256.Sum256(short[:1+copy(short[1:], entry)])
	}
	whole := sha256.New()
	_, _ = whole.Write([]byte{leafPrefix}) // a hash never fails
	_, _ = whole.Write(entry)
	return Hash(whole.Sum(nil))
}

// Leaves computes what LeafHash does for many entries, several side by side. It is made by NewLeaves, and is not for several
// goroutines at once.
type Leaves struct {
	messages *lanes.Messages
}

var leafStart = []byte{leafPrefix}

// NewLeaves is ready for entries.
func NewLeaves() *Leaves { return &Leaves{messages: lanes.NewSHA256()} }

// Add takes a copy of the entry. Its leaf is in to after Flush, or before.
func (l *Leaves) Add(to *Hash, entry []byte) { l.messages.Add(to, leafStart, entry) }

// Flush computes the leaves that are not there yet.
func (l *Leaves) Flush() { l.messages.Flush() }

// ParseHash reads 64 hexadecimal digits, in internal byte order.
func ParseHash(text string) (Hash, error) {
	var hash Hash
	if len(text) != hex.EncodedLen(len(hash)) {
		return Hash{}, fmt.Errorf("it has %d characters; a hash has %d hexadecimal digits", len(text), hex.EncodedLen(len(hash)))
	}
	if _, err := hex.Decode(hash[:], []byte(text)); err != nil {
		return Hash{}, fmt.Errorf("read a hash: %w", err)
	}
	return hash, nil
}

// AmbiguousError refuses a list for Bitcoin's tree: two neighbouring runs of leaves are the same, so that a list with
// another number of leaves may have the same root (CVE-2012-2459). As in Bitcoin Core, it is enough that they meet as the
// two children of one node, wherever they are; transaction IDs of one block never repeat.
type AmbiguousError struct {
	// First is the index of the first run's first leaf, from 0; the second run begins at First+Length.
	First uint64
	// Length is how many leaves each run has.
	Length uint64
}

// Error names the leaves.
func (a *AmbiguousError) Error() string {
	if a.Length == 1 {
		return fmt.Sprintf("leaf %d is the same as leaf %d: a list without it can have the same root (CVE-2012-2459)",
			a.First+1, a.First)
	}
	return fmt.Sprintf("leaves %d to %d are the same as leaves %d to %d: a list without them can have the same root (CVE-2012-2459)",
		a.First+a.Length, a.First+2*a.Length-1, a.First, a.First+a.Length-1)
}
