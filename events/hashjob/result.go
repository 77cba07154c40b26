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
	Digests   []string  `json:"digests,omitempty"`
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

// HeadersResult is the result of verify-headers. Tip is as explorers show it, reversed.
type HeadersResult struct {
	Valid       bool   `json:"valid"`
	Chain       string `json:"chain"`
	Network     string `json:"network"`
	Headers     uint64 `json:"headers"`
	FirstHeight uint64 `json:"first_height"`
	Tip         string `json:"tip"`
	// Retargets is how many changes of the target were computed, RetargetsBounded how many could only be held to a factor
	// of four, MedianTimes how many headers were held to the median time.
	Retargets        uint64 `json:"retargets"`
	RetargetsBounded uint64 `json:"retargets_bounded"`
	MedianTimes      uint64 `json:"median_times"`
	// Wrong is the first header that does not hold.
	Wrong *WrongHeader `json:"wrong,omitempty"`
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
}

// Failure is the result of a job that failed.
func Failure(job Job, wrong *FieldError) Result {
	return Result{Version: Version, ID: job.ID, Kind: job.Kind, Outcome: Failed, Error: wrong}
}
