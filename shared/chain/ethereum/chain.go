package ethereum

import (
	"bytes"
	"fmt"

	"davit/shared/hashing"
)

// emptyUncles is the hash of the empty list, which blocks have for their uncles since the Merge.
var emptyUncles = Keccak256([]byte{0xc0})

// Block is a serialised header and what came with it.
type Block struct {
	// Header is serialised; its digest is the block's hash.
	Header []byte
	// Body is nil for a header alone.
	Body *Body
	// Receipts is the serialised list of the receipts, each as in the consensus (with its bloom), or nil if they are not
	// there.
	Receipts []byte
}

// Body are the serialised lists of a block. Withdrawals is nil for a block without the list.
type Body struct {
	Transactions, Uncles, Withdrawals []byte
}

// Summary is what a Chain has verified.
type Summary struct {
	// Headers is how many headers hold, the first of them with the number First and the hash FirstHash, the last with the
	// hash Tip.
	Headers   uint64 `json:"headers"`
	First     uint64 `json:"first_number"`
	FirstHash Hash   `json:"first_hash"`
	Tip       Hash   `json:"tip"`
	// Genesis tells that the list begins with the network's own first block. Any other list is trusted where it begins.
	Genesis bool `json:"genesis"`
	// TransactionRoots, ReceiptRoots and WithdrawalRoots are how many of these roots were computed from what came with
	// the headers, and Transactions and Receipts how many were in them.
	TransactionRoots uint64 `json:"transaction_roots"`
	Transactions     uint64 `json:"transactions"`
	ReceiptRoots     uint64 `json:"receipt_roots"`
	Receipts         uint64 `json:"receipts"`
	WithdrawalRoots  uint64 `json:"withdrawal_roots"`
	// Fork is the last header's shape, by its fork's name.
	Fork string `json:"fork"`
}

// Chain verifies blocks one after another, in memory that does not grow with their number. It is not for use by several
// goroutines at once.
type Chain struct {
	network      *Network
	parent, next *Header
	hasher       *hashing.Hasher
	trie         TrieBuilder
	values       [][]byte
	summary      Summary
	// last is the last header, serialised.
	last []byte
}

// State is how far a Chain is, as it is written down.
type State struct {
	Summary Summary `json:"summary"`
	// Last is the last header that holds, serialised.
	Last []byte `json:"last"`
}

// NewChain verifies blocks of the network; nil is one whose forks are not known.
func NewChain(network *Network) *Chain {
	return &Chain{network: network, parent: new(Header), next: new(Header), hasher: newHasher()}
}

// ContinueChain goes on where another Chain of the same network was. The state must be one that State gave.
func ContinueChain(network *Network, state State) (*Chain, error) {
	chain := NewChain(network)
	if state.Summary.Headers == 0 {
		return chain, nil
	}
	if hash := Keccak256(state.Last); hash != state.Summary.Tip {
		return nil, fmt.Errorf("the last header has the hash %s, but the summary ends with %s", hash, state.Summary.Tip)
	}
	if err := chain.parent.parse(state.Last); err != nil {
		return nil, err
	}
	chain.parent.ExtraData = nil
	chain.summary, chain.last = state.Summary, bytes.Clone(state.Last)
	return chain, nil
}

// State is how far the chain is.
func (c *Chain) State() State { return State{Summary: c.summary, Last: bytes.Clone(c.last)} }

// Summary is what was verified so far.
func (c *Chain) Summary() Summary { return c.summary }

// Add verifies the next block against those before. One that breaks a rule is an *Error, and is not taken. The block is
// not used after Add has answered.
func (c *Chain) Add(block Block) error {
	var hash Hash
	c.hasher.Append(hash[:0], block.Header)
	return c.add(block, hash)
}

// add is Add for a header whose hash is known.
func (c *Chain) add(block Block, hash Hash) error {
	found := c.summary
	err := c.next.parse(block.Header)
	if err == nil {
		err = c.checkHeader(hash)
	}
	if err == nil {
		err = c.checkContents(block, &found)
	}
	if err != nil {
		if broken, ok := err.(*Error); ok {
			broken.Index, broken.Number = c.summary.Headers, c.next.Number
		}
		return err
	}
	if found.Headers == 0 {
		found.First, found.FirstHash = c.next.Number, hash
		found.Genesis = c.next.Number == 0 && c.network.knowsForks() && c.network.genesis == hash
	}
	found.Headers++
	found.Tip, found.Fork = hash, c.next.Shape.String()
	c.summary, c.parent, c.next = found, c.next, c.parent
	c.parent.ExtraData = nil // it is the caller's
	c.last = append(c.last[:0], block.Header...)
	return nil
}

func (c *Chain) checkHeader(hash Hash) error {
	header, network := c.next, c.network
	if network.knowsForks() {
		if want := network.shape(header.Number, header.Timestamp); header.Shape != want {
			return breaks(RuleFork, "header", "it has the fields of %s; at block %d, time %d, %s has those of %s", header.Shape,
				header.Number, header.Timestamp, network, want)
		}
		if header.Number == 0 && network.genesis != (Hash{}) && hash != network.genesis {
			return breaks(RuleGenesis, "header", "the hash is %s, that of %s is %s", hash, network, network.genesis)
		}
	}
	if header.Number == 0 && c.summary.Headers == 0 {
		return nil // nobody built it by the rules of blocks
	}
	for _, check := range []func(*Header) error{c.checkAlone, c.checkStake, c.checkLink, c.checkGasLimit, c.checkBaseFee, c.checkBlobs} {
		if err := check(header); err != nil {
			return err
		}
	}
	return nil
}

// daoExtra is what ten blocks of mainnet carry (EIP-779).
const daoExtra = "dao-hard-fork"

// checkAlone checks what needs no other header.
func (c *Chain) checkAlone(header *Header) error {
	if header.GasUsed > header.GasLimit {
		return breaks(RuleGas, "gasUsed", "%d is above the gas limit, %d", header.GasUsed, header.GasLimit)
	}
	signed := header.Shape < ShapeShanghai && !header.Difficulty.IsZero() && (!c.network.knowsForks() || c.network.authorities)
	if len(header.ExtraData) > 32 && !signed {
		return breaks(RuleExtraData, "extraData", "%d bytes, want at most 32", len(header.ExtraData))
	}
	if c.network.knowsForks() && c.network.daoFork > 0 && header.Number-c.network.daoFork < 10 &&
		string(header.ExtraData) != daoExtra {
		return breaks(RuleExtraData, "extraData", "%x, want %q in the first ten blocks of the DAO fork", header.ExtraData, daoExtra)
	}
	return nil
}

// checkStake checks the fields that lost their meaning with the Merge (EIP-3675).
func (c *Chain) checkStake(header *Header) error {
	merged := header.Shape.has(ShapeShanghai) ||
		c.summary.Headers > 0 && c.parent.Number > 0 && c.parent.Difficulty.IsZero()
	switch {
	case merged && !header.Difficulty.IsZero():
		return breaks(RuleProofOfStake, "difficulty", "%s after the Merge, want 0", header.Difficulty)
	case !header.Difficulty.IsZero():
		return nil
	case header.Nonce != [8]byte{}:
		return breaks(RuleProofOfStake, "nonce", "%x after the Merge, want 0", header.Nonce)
	case header.UnclesHash != emptyUncles:
		return breaks(RuleProofOfStake, "sha3Uncles", "%s after the Merge, want the empty list's, %s", header.UnclesHash, emptyUncles)
	}
	return nil
}

func (c *Chain) checkLink(header *Header) error {
	if c.summary.Headers == 0 {
		return nil
	}
	switch {
	case header.Number != c.parent.Number+1:
		return breaks(RuleLinkage, "number", "%d comes after %d", header.Number, c.parent.Number)
	case header.ParentHash != c.summary.Tip:
		return breaks(RuleLinkage, "parentHash", "%s, the header before has the hash %s", header.ParentHash, c.summary.Tip)
	case header.Timestamp <= c.parent.Timestamp:
		return breaks(RuleTimestamp, "timestamp", "%d is not after the parent's, %d", header.Timestamp, c.parent.Timestamp)
	case header.Shape < c.parent.Shape:
		return breaks(RuleFork, "header", "it has the fields of %s, its parent those of %s", header.Shape, c.parent.Shape)
	}
	return nil
}

const (
	minimumGasLimit = 5000
	gasLimitBound   = 1024
)

func (c *Chain) checkGasLimit(header *Header) error {
	if header.GasLimit < minimumGasLimit || header.GasLimit > 1<<63-1 {
		return breaks(RuleGas, "gasLimit", "%d, want %d to 2^63-1", header.GasLimit, minimumGasLimit)
	}
	if c.summary.Headers == 0 {
		return nil
	}
	before := c.parent.GasLimit
	if header.Shape.has(ShapeLondon) && !c.parent.Shape.has(ShapeLondon) {
		before *= elasticity
	}
	difference := max(header.GasLimit, before) - min(header.GasLimit, before)
	if difference >= before/gasLimitBound {
		return breaks(RuleGas, "gasLimit", "%d is not within a %dth of the parent's, %d", header.GasLimit, gasLimitBound, before)
	}
	return nil
}

func (c *Chain) checkBaseFee(header *Header) error {
	if c.summary.Headers == 0 || !header.Shape.has(ShapeLondon) {
		return nil
	}
	want := NewQuantity(initialBaseFee)
	if c.parent.Shape.has(ShapeLondon) {
		want = nextBaseFee(c.parent)
	}
	if header.BaseFeePerGas != want {
		return breaks(RuleBaseFee, "baseFeePerGas", "%s, from the parent follows %s", header.BaseFeePerGas, want)
	}
	return nil
}

func (c *Chain) checkBlobs(header *Header) error {
	if !header.Shape.has(ShapeCancun) {
		return nil
	}
	if header.BlobGasUsed%gasPerBlob != 0 {
		return breaks(RuleBlobGas, "blobGasUsed", "%d is not of whole blobs, %d each", header.BlobGasUsed, gasPerBlob)
	}
	limit, found := c.network.blob(header.Timestamp)
	if !found {
		return nil
	}
	if most := limit.most * gasPerBlob; header.BlobGasUsed > most {
		return breaks(RuleBlobGas, "blobGasUsed", "%d, more than %d for %d blobs", header.BlobGasUsed, most, limit.most)
	}
	if c.summary.Headers == 0 {
		return nil
	}
	want, possible := nextExcessBlobGas(c.parent, limit, active(c.network.osaka, header.Timestamp))
	if !possible || header.ExcessBlobGas != want {
		return breaks(RuleBlobGas, "excessBlobGas", "%d, from the parent follows %d", header.ExcessBlobGas, want)
	}
	return nil
}

// checkRoot compares a root of the header with the computed one.
func checkRoot(field string, header, computed Hash) error {
	if header == computed {
		return nil
	}
	return breaks(RuleRoot, field, "%s in the header, %s from what came with it", header, computed)
}

// checkBloom compares the header's bloom with that of the receipts.
func checkBloom(header *Header, bloom *[256]byte) error {
	if bytes.Equal(header.LogsBloom[:], bloom[:]) {
		return nil
	}
	return breaks(RuleRoot, "logsBloom", "it is not that of the receipts")
}
