package hashjob

// Outcome is what became of a job.
type Outcome string

// The outcomes.
const (
	// Succeeded: the result is there. That a proof does not hold, or that no nonce was found, is a result as well.
	Succeeded Outcome = "succeeded"
	// Failed: Error says why.
	Failed Outcome = "failed"
	// Continued: the time was up, and the rest goes on by itself.
	Continued Outcome = "continued"
)

// Result is what a job came to.
type Result struct {
	// Version is "1".
	Version string  `json:"version"`
	ID      string  `json:"id"`
	Kind    Kind    `json:"kind,omitempty"`
	Outcome Outcome `json:"outcome"`
	// Error is what is wrong with the job, of one that failed.
	Error *FieldError `json:"error,omitempty"`
	// Items is how many inputs were read, or nonces tried.
	Items uint64 `json:"items"`
	// Exactly one of these is there for a job that succeeded: that of its kind.
	Digest  *DigestResult  `json:"digest,omitempty"`
	Root    *RootResult    `json:"merkle_root,omitempty"`
	Proof   *Proof         `json:"merkle_proof,omitempty"`
	Verify  *VerifyResult  `json:"merkle_verify,omitempty"`
	Headers *HeadersResult `json:"verify_headers,omitempty"`
	Work    *WorkResult    `json:"proof_of_work,omitempty"`
	Anchor  *AnchorResult  `json:"anchor,omitempty"`
	Sign    *SignResult    `json:"sign,omitempty"`
	// Stored is where the result is kept; a job in process has none.
	Stored *Location `json:"stored,omitempty"`
}

// Location is an object in S3.
type Location struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// DigestResult is the result of digest: the digests in hexadecimal, in the order of the inputs, here or, where they are
// many, a line each in an object.
type DigestResult struct {
	Algorithm string    `json:"algorithm"`
	Digests   []string  `json:"digests,omitzero"`
	Object    *Location `json:"object,omitempty"`
}

// RootResult is the result of merkle-root, in internal byte order.
type RootResult struct {
	Tree   string `json:"tree"`
	Leaves uint64 `json:"leaves"`
	Root   string `json:"root"`
}

// VerifyResult is the result of merkle-verify.
type VerifyResult struct {
	Valid  bool   `json:"valid"`
	Proof  string `json:"proof"`
	Tree   string `json:"tree"`
	Leaves uint64 `json:"leaves"`
	Root   string `json:"root"`
	// Reason is why the proof is not valid.
	Reason string `json:"reason,omitempty"`
}

// HeadersResult is the result of verify-headers. Tip is as explorers show it: reversed for bitcoin.
type HeadersResult struct {
	Valid       bool   `json:"valid"`
	Chain       string `json:"chain"`
	Network     string `json:"network"`
	Headers     uint64 `json:"headers"`
	FirstHeight uint64 `json:"first_height"`
	Tip         string `json:"tip"`
	// Retargets is how many changes of the target were computed, RetargetsBounded how many could only be held to a factor
	// of four, MedianTimes how many headers were held to the median time.
	// They are of bitcoin.
	Retargets        uint64 `json:"retargets"`
	RetargetsBounded uint64 `json:"retargets_bounded"`
	MedianTimes      uint64 `json:"median_times"`
	// Ethereum is what else was verified of Ethereum's blocks.
	Ethereum *EthereumResult `json:"ethereum,omitempty"`
	// Wrong is the first header that does not hold.
	Wrong *WrongHeader `json:"wrong,omitempty"`
}

// EthereumResult is what was verified of Ethereum's blocks beside the headers.
type EthereumResult struct {
	// Genesis tells that the list begins with the network's own first block. Any other is trusted where it begins.
	Genesis bool `json:"genesis"`
	// Fork is the last one that changed the header.
	Fork string `json:"fork"`
	// TransactionRoots, ReceiptRoots and WithdrawalRoots are how many were computed from what came with the headers, and
	// Transactions and Receipts how many were in them.
	TransactionRoots uint64 `json:"transaction_roots"`
	Transactions     uint64 `json:"transactions"`
	ReceiptRoots     uint64 `json:"receipt_roots"`
	Receipts         uint64 `json:"receipts"`
	WithdrawalRoots  uint64 `json:"withdrawal_roots"`
}

// SignResult is the result of sign. Texts of bytes are 0x and hexadecimal digits.
type SignResult struct {
	// Key is the ARN of the KMS key, Address its account.
	Key     string `json:"key"`
	Address string `json:"address"`
	// Digest and Signature are of a message: what was signed, and r, s and v of 27 or 28 in 65 bytes.
	Digest    string `json:"digest,omitempty"`
	Signature string `json:"signature,omitempty"`
	// Transaction is of a transaction.
	Transaction *SignedTransaction `json:"transaction,omitempty"`
}

// SignedTransaction is a transaction that can be sent. davit does not send it.
type SignedTransaction struct {
	Hash    string `json:"hash"`
	ChainID uint64 `json:"chain_id"`
	Nonce   uint64 `json:"nonce"`
	// Raw is what eth_sendRawTransaction takes.
	Raw string `json:"raw"`
}

// WrongHeader is a header that breaks a rule.
type WrongHeader struct {
	// Index is its place in the input, from 0.
	Index  uint64 `json:"index"`
	Height uint64 `json:"height"`
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
}

// WorkResult is the result of proof-of-work.
type WorkResult struct {
	Found bool `json:"found"`
	// Nonce, Hash and Header are there where a nonce was found; Hash is as explorers show it, reversed.
	Nonce  *uint32 `json:"nonce,omitempty"`
	Hash   string  `json:"hash,omitempty"`
	Header string  `json:"header,omitempty"`
	// Next is the lowest nonce that was not tried; 4294967296 where none is left.
	Next uint64 `json:"next"`
}

// AnchorResult is the result of anchor.
type AnchorResult struct {
	Leaves uint64 `json:"leaves"`
	Root   string `json:"root"`
	// Key is the ARN of the KMS key that signed.
	Key string `json:"key"`
	// Statement is the signed statement; Proofs is the prefix below which each object's proof is, at its place in the
	// list, such as 00000042.json. All are locked until Retained, in RFC 3339.
	Statement Location `json:"statement"`
	Proofs    Location `json:"proofs"`
	Retained  string   `json:"retained"`
	// Transaction is the transaction of Ethereum that has the root as its data, if the job asked for one.
	Transaction *SignedTransaction `json:"transaction,omitempty"`
}

// Failure is the result of a job that failed.
func Failure(job Job, wrong *FieldError) Result {
	return Result{Version: Version, ID: job.ID, Kind: job.Kind, Outcome: Failed, Error: wrong}
}
