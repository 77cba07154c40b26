// Package hashjob has the document of a hash job as its sender writes it, and the result as davit writes it. Both have a
// version; a document with a field that is not known is refused, since a misspelt field would silently change the answer.
package hashjob

import (
	"bytes"
	_ "embed" // for the schema
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// Version is the version of documents and results.
const Version = "1"

// MaximumDocument is how long a document may be, in bytes: what Lambda takes in one invocation.
const MaximumDocument = 6 << 20

// Schema is the JSON Schema of Job, for those who write documents.
//
//go:embed job.schema.json
var Schema []byte

// Kind is what a job does.
type Kind string

// The kinds.
const (
	// Digest computes the digest of each input.
	Digest Kind = "digest"
	// MerkleRoot computes the root of a tree whose leaves are the inputs.
	MerkleRoot Kind = "merkle-root"
	// MerkleProof proves that a leaf is in a tree, or that a list only grew.
	MerkleProof Kind = "merkle-proof"
	// MerkleVerify verifies a proof against a root.
	MerkleVerify Kind = "merkle-verify"
	// VerifyHeaders verifies a list of block headers.
	VerifyHeaders Kind = "verify-headers"
	// ProofOfWork searches a nonce.
	ProofOfWork Kind = "proof-of-work"
	// Anchor signs the root of the digests of S3 objects and writes a proof for each.
	Anchor Kind = "anchor"
	// Sign signs a transaction or a message of Ethereum.
	Sign Kind = "sign"
)

// Job is the document of one job.
type Job struct {
	// Version is "1".
	Version string `json:"version"`
	// ID names the job: 1 to 128 letters, digits, ".", "_" and "-", beginning with a letter or digit. A job that succeeded
	// is not done again under its ID.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Input is what the job reads: of every kind but merkle-verify, proof-of-work and sign.
	Input *Input `json:"input,omitempty"`
	// The options are those of the kind: Digest of digest, Tree of merkle-root and merkle-proof, Prove of merkle-proof,
	// Verify of merkle-verify, Headers of verify-headers, Work of proof-of-work, Anchor of anchor, Sign of sign.
	Digest  *DigestOptions  `json:"digest,omitempty"`
	Tree    *TreeOptions    `json:"tree,omitempty"`
	Prove   *ProveOptions   `json:"prove,omitempty"`
	Verify  *VerifyOptions  `json:"verify,omitempty"`
	Headers *HeadersOptions `json:"headers,omitempty"`
	Work    *WorkOptions    `json:"work,omitempty"`
	Anchor  *AnchorOptions  `json:"anchor,omitempty"`
	Sign    *SignOptions    `json:"sign,omitempty"`
	// Split has the job done in pieces of so many inputs, side by side: a power of two from 4096 on. It is for merkle-root
	// whose leaves lie in S3. Absent, the job is done in one go, over several invocations where one is too short.
	Split uint64 `json:"split,omitempty"`
}

// Input is what a job reads; exactly one of its fields is given.
type Input struct {
	// Hex and Base64 are inputs in the document itself. An empty list is one: no inputs, which is not the same as no list.
	Hex    []string `json:"hex,omitzero"`
	Base64 []string `json:"base64,omitzero"`
	S3     *S3Input `json:"s3,omitempty"`
}

// S3Input names objects of one bucket: exactly one of Key, Keys and Prefix.
type S3Input struct {
	Bucket string   `json:"bucket"`
	Key    string   `json:"key,omitempty"`
	Keys   []string `json:"keys,omitzero"`
	// Prefix takes every object whose key begins with it, in the order of their keys in UTF-8.
	Prefix string `json:"prefix,omitempty"`
	Form   Form   `json:"form"`
	// RecordBytes is the length of each input of FormRecords.
	RecordBytes int `json:"record_bytes,omitempty"`
}

// Form is how inputs lie in objects.
type Form string

// The forms.
const (
	// FormHexLines has an input a line, in hexadecimal.
	FormHexLines Form = "hex-lines"
	// FormBase64Lines has an input a line, in base64 (RFC 4648, section 4).
	FormBase64Lines Form = "base64-lines"
	// FormRecords has inputs of the same length one after another.
	FormRecords Form = "records"
	// FormObjects has each object as one input.
	FormObjects Form = "objects"
	// FormExport has serialised blocks or headers of Ethereum one after another, as "geth export" writes them, and
	// FormArchive has era1 files. They are for verify-headers.
	FormExport  Form = "export"
	FormArchive Form = "archive"
)

// DigestOptions are those of digest.
type DigestOptions struct {
	// Algorithm is sha256, double-sha256, keccak256, sha3-256, ripemd160, hash160 or blake2b-256.
	Algorithm string `json:"algorithm"`
}

// TreeOptions are those of merkle-root and merkle-proof.
type TreeOptions struct {
	// Shape is bitcoin or rfc6962.
	Shape string `json:"shape"`
	// Leaves says what the inputs are: hashes of leaves, or entries of any length that are hashed first, which only
	// rfc6962 has.
	Leaves Leaves `json:"leaves"`
}

// Leaves says what the inputs of a tree are.
type Leaves string

// The kinds of leaves.
const (
	LeafHashes  Leaves = "hashes"
	LeafEntries Leaves = "entries"
)

// ProveOptions say what to prove: exactly one of them.
type ProveOptions struct {
	// Index is the place of the leaf, from 0.
	Index *uint64 `json:"index,omitempty"`
	// FirstLeaves is the length of the older list with which the list begins.
	FirstLeaves *uint64 `json:"first_leaves,omitempty"`
}

// VerifyOptions are those of merkle-verify.
type VerifyOptions struct {
	Proof Proof `json:"proof"`
	// Root is the root that is trusted, and FirstRoot the older list's, of a consistency proof.
	Root      string `json:"root"`
	FirstRoot string `json:"first_root,omitempty"`
	// Leaf is the leaf's hash that must be the proof's, of an inclusion proof.
	Leaf string `json:"leaf,omitempty"`
}

// HeadersOptions are those of verify-headers.
type HeadersOptions struct {
	// Chain is bitcoin or ethereum.
	Chain string `json:"chain"`
	// Network is mainnet, signet or regtest of bitcoin; mainnet, sepolia, hoodi or unknown of ethereum, where unknown is
	// one whose forks are not known, or those of Genesis.
	Network string `json:"network"`
	// Height is that of the first header, of bitcoin: those of ethereum have their number themselves.
	Height uint64 `json:"height,omitempty"`
	// Genesis is the genesis file, or the config in it, of another network of ethereum.
	Genesis Object `json:"genesis,omitempty"`
}

// WorkOptions are those of proof-of-work.
type WorkOptions struct {
	// Header is a Bitcoin block header in hexadecimal; its nonce does not matter.
	Header string `json:"header"`
	// First and Last are the lowest and the highest nonce to try.
	First uint32  `json:"first,omitempty"`
	Last  *uint32 `json:"last,omitempty"`
}

// AnchorOptions are those of anchor.
type AnchorOptions struct {
	// RetainDays is for how many days what the anchor writes can be neither changed nor deleted: 1 to 36500.
	RetainDays int `json:"retain_days"`
	// Mode is GOVERNANCE, where a privileged user can lift it, or COMPLIANCE, where nobody can. GOVERNANCE if absent.
	Mode string `json:"mode,omitempty"`
	// Ethereum has the root signed into a transaction as well.
	Ethereum *AnchorTransaction `json:"ethereum,omitempty"`
}

// AnchorTransaction is the transaction of Ethereum that carries an anchor's root: the root is its data, and it moves no
// ether. Whoever sends it puts the root on the chain.
type AnchorTransaction struct {
	// Key is a KMS key, as in SignOptions.
	Key string `json:"key"`
	// ChainID, FirstNonce and the fees are those of Transaction.
	ChainID              uint64 `json:"chain_id"`
	FirstNonce           uint64 `json:"first_nonce,omitempty"`
	MaxFeePerGas         string `json:"max_fee_per_gas"`
	MaxPriorityFeePerGas string `json:"max_priority_fee_per_gas"`
	// GasLimit is 30000 if absent, of which an account that is no contract uses less.
	GasLimit uint64 `json:"gas_limit,omitempty"`
	// To is the receiver; the key's own account if absent.
	To string `json:"to,omitempty"`
}

// SignOptions are those of sign: a key, and exactly one of Transaction, Text, Data and TypedData.
type SignOptions struct {
	// Key is a KMS key of the kind ECC_SECG_P256K1: its ARN, its ID or an alias.
	Key         string       `json:"key"`
	Transaction *Transaction `json:"transaction,omitempty"`
	// Text is a message in UTF-8, and Data one as 0x and hexadecimal digits (EIP-191, version 0x45).
	Text *string `json:"text,omitempty"`
	Data *string `json:"data,omitempty"`
	// TypedData is what wallets take for eth_signTypedData_v4 (EIP-712).
	TypedData Object `json:"typed_data,omitempty"`
}

// Transaction is a transaction of Ethereum: with GasPrice one of EIP-155, else one of EIP-1559. Amounts are in wei, as
// decimal digits, or 0x and hexadecimal ones.
type Transaction struct {
	// ChainID is the network's number.
	ChainID uint64 `json:"chain_id"`
	// Nonce is the transaction's place among those of its account. Absent, the ledger gives the next one, never below
	// FirstNonce: what eth_getTransactionCount says with "pending", where the key has signed elsewhere before.
	Nonce      *uint64 `json:"nonce,omitempty"`
	FirstNonce uint64  `json:"first_nonce,omitempty"`
	GasLimit   uint64  `json:"gas_limit"`
	// GasPrice is of EIP-155; MaxFeePerGas and MaxPriorityFeePerGas are of EIP-1559.
	GasPrice             string `json:"gas_price,omitempty"`
	MaxFeePerGas         string `json:"max_fee_per_gas,omitempty"`
	MaxPriorityFeePerGas string `json:"max_priority_fee_per_gas,omitempty"`
	// To is the receiver. Absent, Data is a contract to be made.
	To    string `json:"to,omitempty"`
	Value string `json:"value,omitempty"`
	// Data is the call's input, as 0x and hexadecimal digits.
	Data string `json:"data,omitempty"`
	// AccessList is of EIP-1559 (EIP-2930).
	AccessList []Access `json:"access_list,omitzero"`
}

// Access are storage slots of an account that a transaction announces.
type Access struct {
	Address     string   `json:"address"`
	StorageKeys []string `json:"storage_keys"`
}

// MaximumObject is how long an Object may be, in bytes without spaces.
const MaximumObject = 1 << 20

// Object is a JSON object within a document that others read. It has one form, without spaces.
type Object string

// UnmarshalJSON takes an object, or null for none.
func (o *Object) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var compact, written bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return err
	}
	json.HTMLEscape(&written, compact.Bytes()) // as it is written again
	if text[0] != '{' || written.Len() > MaximumObject {
		return Wrong("", "typed_data and genesis are JSON objects of at most %d bytes", MaximumObject)
	}
	*o = Object(written.String())
	return nil
}

// MarshalJSON writes it as it is.
func (o Object) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	return []byte(o), nil
}

// FieldError is what is wrong with a job: sending it again as it is cannot help.
type FieldError struct {
	// Field is the path of the field, such as input.hex; empty where the whole document is meant.
	Field string `json:"field,omitempty"`
	// Index is the place of the input or item that is wrong, from 0.
	Index *uint64 `json:"index,omitempty"`
	// Reason says what is wrong, in words.
	Reason string `json:"reason"`
}

// Error names the field and the index.
func (f *FieldError) Error() string {
	switch {
	case f.Field == "":
		return f.Reason
	case f.Index == nil:
		return f.Field + ": " + f.Reason
	}
	return fmt.Sprintf("%s[%d]: %s", f.Field, *f.Index, f.Reason)
}

// Wrong is a FieldError without an index.
func Wrong(field, format string, arguments ...any) *FieldError {
	return &FieldError{Field: field, Reason: fmt.Sprintf(format, arguments...)}
}

// WrongAt is a FieldError with an index.
func WrongAt(field string, index uint64, format string, arguments ...any) *FieldError {
	wrong := Wrong(field, format, arguments...)
	wrong.Index = &index
	return wrong
}

// Parse reads and checks a document. Every error is a *FieldError; where the document has an ID that can be read, the
// answer has it all the same, so that the error can be told under it.
func Parse(document []byte) (Job, error) {
	if len(document) > MaximumDocument {
		return Job{}, Wrong("", "the document has %d bytes, more than %d", len(document), MaximumDocument)
	}
	var job Job
	if err := decode(document, &job); err != nil {
		return Job{ID: readableID(document)}, err
	}
	if err := job.Check(); err != nil {
		return Job{ID: readableID(document), Kind: job.Kind}, err
	}
	return job, nil
}

// decode reads one JSON object strictly: no unknown field, nothing after it.
func decode(document []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return described(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Wrong("", "something follows the document")
	}
	return nil
}

var unknownField = regexp.MustCompile(`^json: unknown field "(.{0,200})"$`)

func described(err error) *FieldError {
	if wrong, ok := errors.AsType[*FieldError](err); ok {
		return wrong
	}
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		if wrongType.Field == "" {
			return Wrong("", "want a JSON object, not %s", wrongType.Value)
		}
		return Wrong(wrongType.Field, "%s does not belong there", wrongType.Value)
	}
	if unknown := unknownField.FindStringSubmatch(err.Error()); unknown != nil {
		return Wrong(unknown[1], "there is no such field")
	}
	return Wrong("", "no JSON: %s", err)
}

// readableID is the ID of a document that is wrong elsewhere, or empty.
func readableID(document []byte) string {
	var only struct {
		ID any `json:"id"`
	}
	if json.Unmarshal(document, &only) != nil {
		return ""
	}
	if id, ok := only.ID.(string); ok && idPattern.MatchString(id) {
		return id
	}
	return ""
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// ValidID tells whether the text can be a job's ID.
func ValidID(text string) bool { return idPattern.MatchString(text) }
