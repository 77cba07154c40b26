package hashjob

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Statement is what an anchor's key signs: that a list of objects was there at a time.
type Statement struct {
	// ID is the job's.
	ID string
	// Leaves is how many objects the list has, and Root the root of its tree (RFC 6962). The entry of an object is the
	// SHA-256 digest of its contents.
	Leaves uint64
	Root   [32]byte
	// At is when it was signed, to the second.
	At time.Time
}

// statementPattern is the text of a statement, byte by byte: what was signed has one form only.
var statementPattern = regexp.MustCompile(`^davit anchor v1\nid: ([A-Za-z0-9][A-Za-z0-9._-]{0,127})\nleaves: ([1-9][0-9]{0,17})\n` +
	`root: ([0-9a-f]{64})\ntime: ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)\n$`)

// String is the text that is signed.
func (s Statement) String() string {
	return fmt.Sprintf("davit anchor v1\nid: %s\nleaves: %d\nroot: %s\ntime: %s\n", s.ID, s.Leaves, hex.EncodeToString(s.Root[:]),
		s.At.UTC().Format(time.RFC3339))
}

// ParseStatement reads what String writes, and nothing else.
func ParseStatement(text string) (Statement, error) {
	parts := statementPattern.FindStringSubmatch(text)
	if parts == nil {
		return Statement{}, Wrong("statement", "it is not in the form of \"davit anchor v1\"")
	}
	statement := Statement{ID: parts[1]}
	var err error
	if statement.Leaves, err = strconv.ParseUint(parts[2], 10, 64); err != nil {
		return Statement{}, Wrong("statement", "leaves: %s", err)
	}
	if _, err := hex.Decode(statement.Root[:], []byte(parts[3])); err != nil {
		return Statement{}, Wrong("statement", "root: %s", err)
	}
	if statement.At, err = time.Parse(time.RFC3339, parts[4]); err != nil {
		return Statement{}, Wrong("statement", "time: %s", err)
	}
	return statement, nil
}

// Signed is a statement with its signature.
type Signed struct {
	// Version is "1".
	Version string `json:"version"`
	// Statement is the text that is signed; ParseStatement reads it.
	Statement string `json:"statement"`
	// Signature is in DER (RFC 3279, section 2.2.3, for ECDSA), of the statement's bytes, and Algorithm is the name that
	// KMS has for it.
	Signature []byte `json:"signature"`
	Algorithm string `json:"algorithm"`
	// Key is the ARN of the key. It is only a hint: what a verifier trusts is the public key that it has.
	Key string `json:"key"`
}

// AnchorProof proves that one object was in the list of an anchor.
type AnchorProof struct {
	// Version is "1".
	Version string `json:"version"`
	// Object is where the object was, and Bytes how long; neither is signed.
	Object Location `json:"object"`
	Bytes  int64    `json:"bytes"`
	// SHA256 is the digest of the object's contents, Index its place in the list, Path the siblings on the way to the root.
	SHA256 string   `json:"sha256"`
	Index  uint64   `json:"index"`
	Path   []string `json:"path"`
	Signed Signed   `json:"signed"`
}

// maximumSignature is longer than any signature of KMS.
const maximumSignature = 1 << 10

// ParseAnchorProof reads one proof strictly. Every error is a *FieldError. Whether it holds is for others.
func ParseAnchorProof(document []byte) (AnchorProof, error) {
	var proof AnchorProof
	if err := decode(document, &proof); err != nil {
		return AnchorProof{}, err
	}
	switch {
	case proof.Version != Version:
		return AnchorProof{}, Wrong("version", "want %q, not %.20q", Version, proof.Version)
	case proof.Signed.Version != Version:
		return AnchorProof{}, Wrong("signed.version", "want %q, not %.20q", Version, proof.Signed.Version)
	case len(proof.Signed.Signature) == 0 || len(proof.Signed.Signature) > maximumSignature:
		return AnchorProof{}, Wrong("signed.signature", "it has %d bytes, not 1 to %d", len(proof.Signed.Signature), maximumSignature)
	case len(proof.Path) > MaximumPath:
		return AnchorProof{}, Wrong("path", "it has %d hashes; no path has more than %d", len(proof.Path), MaximumPath)
	}
	if err := hash("sha256", proof.SHA256); err != nil {
		return AnchorProof{}, err
	}
	for index, text := range proof.Path {
		if hash("path", text) != nil {
			return AnchorProof{}, WrongAt("path", uint64(index), "a hash has 64 hexadecimal digits") // #nosec G115 -- an index
		}
	}
	return proof, nil
}
