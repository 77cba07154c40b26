// Package anchorproof verifies the proofs of anchors. It needs nothing but the contents, the proof and the public key.
package anchorproof

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	secpecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"davit/events/hashjob"
	"davit/shared/hashing/merkle"
)

// ErrSignature says that the statement was not signed with the key.
var ErrSignature = errors.New("the signature is not that of the public key")

// PublicKey verifies signatures. ParsePublicKey makes one.
type PublicKey struct {
	verify func(algorithm string, digest [sha256.Size]byte, signature []byte) error
	name   string
}

// String is the kind of the key.
func (p PublicKey) String() string { return p.name }

// namedCurve is the algorithm and curve of a key in a SubjectPublicKeyInfo (RFC 5480, section 2.1.1).
var (
	oidECKey     = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1 = asn1.ObjectIdentifier{1, 3, 132, 0, 10} // SEC 2, appendix A.2.1
)

// ParsePublicKey reads a public key as KMS gives it: a SubjectPublicKeyInfo, in DER or in PEM (RFC 7468, section 13). It takes
// keys of ECDSA on P-256, P-384, P-521 and secp256k1, and RSA keys from 2048 bits on.
func ParsePublicKey(encoded []byte) (PublicKey, error) {
	if block, _ := pem.Decode(encoded); block != nil {
		if block.Type != "PUBLIC KEY" {
			return PublicKey{}, fmt.Errorf("the PEM file holds a %.40q, not a PUBLIC KEY", block.Type)
		}
		encoded = block.Bytes
	}
	if key, ok := parseSecp256k1(encoded); ok {
		return key, nil
	}
	parsed, err := x509.ParsePKIXPublicKey(encoded)
	if err != nil {
		return PublicKey{}, fmt.Errorf("it is no public key in PEM or DER: %w", err)
	}
	switch key := parsed.(type) {
	case *ecdsa.PublicKey:
		return PublicKey{name: "ECDSA " + key.Curve.Params().Name, verify: func(algorithm string, digest [sha256.Size]byte, signature []byte) error {
			return held(algorithm == "ECDSA_SHA_256" && ecdsa.VerifyASN1(key, digest[:], signature))
		}}, nil
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			return PublicKey{}, fmt.Errorf("an RSA key of %d bits is too short to trust", key.N.BitLen())
		}
		return PublicKey{name: fmt.Sprintf("RSA %d", key.N.BitLen()), verify: verifyRSA(key)}, nil
	}
	return PublicKey{}, fmt.Errorf("a key of type %T signs no anchors", parsed)
}

func parseSecp256k1(encoded []byte) (PublicKey, bool) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	rest, err := asn1.Unmarshal(encoded, &info)
	if err != nil || len(rest) > 0 || !info.Algorithm.Algorithm.Equal(oidECKey) {
		return PublicKey{}, false
	}
	var curve asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &curve); err != nil || len(rest) > 0 || !curve.Equal(oidSecp256k1) {
		return PublicKey{}, false
	}
	key, err := secp256k1.ParsePubKey(info.Key.RightAlign())
	if err != nil {
		return PublicKey{}, false
	}
	return PublicKey{name: "ECDSA secp256k1", verify: func(algorithm string, digest [sha256.Size]byte, signature []byte) error {
		parsed, err := secpecdsa.ParseDERSignature(signature)
		return held(err == nil && algorithm == "ECDSA_SHA_256" && parsed.Verify(digest[:], key))
	}}, true
}

func verifyRSA(key *rsa.PublicKey) func(string, [sha256.Size]byte, []byte) error {
	return func(algorithm string, digest [sha256.Size]byte, signature []byte) error {
		switch algorithm {
		case "RSASSA_PSS_SHA_256":
			return held(rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, nil) == nil)
		case "RSASSA_PKCS1_V1_5_SHA_256":
			return held(rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil)
		}
		return ErrSignature
	}
}

func held(valid bool) error {
	if !valid {
		return ErrSignature
	}
	return nil
}

// Verify checks that contents with the SHA-256 digest were in the anchor that the proof is of, and that the anchor was signed
// with the key. The answer is the statement that was signed; its time is the signer's word.
func Verify(proof hashjob.AnchorProof, digest [sha256.Size]byte, key PublicKey) (hashjob.Statement, error) {
	if said := proof.SHA256; said != hex.EncodeToString(digest[:]) {
		return hashjob.Statement{}, fmt.Errorf("the contents have the SHA-256 digest %x, but the proof is of %s", digest, said)
	}
	statement, err := hashjob.ParseStatement(proof.Signed.Statement)
	if err != nil {
		return hashjob.Statement{}, err
	}
	path := make([]merkle.Hash, len(proof.Path))
	for index, text := range proof.Path {
		if path[index], err = merkle.ParseHash(text); err != nil {
			return hashjob.Statement{}, fmt.Errorf("path[%d]: %w", index, err)
		}
	}
	inclusion := merkle.Inclusion{Shape: merkle.RFC6962, Index: proof.Index, Leaves: statement.Leaves, Path: path}
	if err := inclusion.Verify(merkle.LeafHash(digest[:]), statement.Root); err != nil {
		return hashjob.Statement{}, err
	}
	signed := sha256.Sum256([]byte(proof.Signed.Statement))
	if err := key.verify(proof.Signed.Algorithm, signed, proof.Signed.Signature); err != nil {
		return hashjob.Statement{}, fmt.Errorf("%w (%s)", err, key)
	}
	return statement, nil
}
