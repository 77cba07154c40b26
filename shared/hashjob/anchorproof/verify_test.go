package anchorproof_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	secpecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"davit/events/hashjob"
	"davit/shared/hashing/merkle"
	"davit/shared/hashjob/anchorproof"
)

// signer is a key: how it signs, by which algorithm, and its public half in DER.
type signer struct {
	sign      func(digest []byte) []byte
	algorithm string
	public    []byte
}

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func signers(t testing.TB) map[string]signer {
	p256 := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	r2048 := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	secp := must[*secp256k1.PrivateKey](t)(secp256k1.GeneratePrivateKey())
	curve := must[[]byte](t)(asn1.Marshal(asn1.ObjectIdentifier{1, 3, 132, 0, 10}))
	secpPublic := must[[]byte](t)(asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, Parameters: asn1.RawValue{FullBytes: curve}},
		asn1.BitString{Bytes: secp.PubKey().SerializeUncompressed(), BitLength: 520}}))
	bytes := must[[]byte](t)
	return map[string]signer{
		"P-256": {func(digest []byte) []byte { return bytes(ecdsa.SignASN1(rand.Reader, p256, digest)) }, "ECDSA_SHA_256",
			bytes(x509.MarshalPKIXPublicKey(&p256.PublicKey))},
		"secp256k1": {func(digest []byte) []byte { return secpecdsa.Sign(secp, digest).Serialize() }, "ECDSA_SHA_256", secpPublic},
		"RSA PSS": {func(digest []byte) []byte { return bytes(rsa.SignPSS(rand.Reader, r2048, crypto.SHA256, digest, nil)) },
			"RSASSA_PSS_SHA_256", bytes(x509.MarshalPKIXPublicKey(&r2048.PublicKey))},
		"RSA PKCS #1": {func(digest []byte) []byte { return bytes(rsa.SignPKCS1v15(rand.Reader, r2048, crypto.SHA256, digest)) },
			"RSASSA_PKCS1_V1_5_SHA_256", bytes(x509.MarshalPKIXPublicKey(&r2048.PublicKey))},
	}
}

// made is the proof of the contents, the first of two.
func made(by signer, contents []byte) (hashjob.AnchorProof, [32]byte) {
	digest := sha256.Sum256(contents)
	other := sha256.Sum256([]byte("another"))
	otherLeaf := merkle.LeafHash(other[:])
	builder := merkle.NewBuilder(merkle.RFC6962)
	builder.Add(merkle.LeafHash(digest[:]))
	builder.Add(otherLeaf)
	root, _ := builder.Root()
	statement := hashjob.Statement{ID: "records", Leaves: 2, Root: root, At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}.String()
	signed := sha256.Sum256([]byte(statement))
	return hashjob.AnchorProof{Version: "1", SHA256: hex.EncodeToString(digest[:]), Index: 0, Path: []string{hex.EncodeToString(otherLeaf[:])},
		Signed: hashjob.Signed{Version: "1", Statement: statement, Signature: by.sign(signed[:]), Algorithm: by.algorithm}}, digest
}

func TestProofsHoldWithTheirOwnKeyAlone(t *testing.T) {
	keys := signers(t)
	for name, by := range keys {
		t.Run(name, func(t *testing.T) {
			proof, digest := made(by, []byte("contents"))
			asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: by.public})
			for _, encoded := range [][]byte{by.public, asPEM} {
				key, err := anchorproof.ParsePublicKey(encoded)
				if err != nil {
					t.Fatal(err)
				}
				if statement, err := anchorproof.Verify(proof, digest, key); err != nil || statement.ID != "records" {
					t.Errorf("%s: %+v, %v", key, statement, err)
				}
			}
			for other, with := range keys {
				key, err := anchorproof.ParsePublicKey(with.public)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := anchorproof.Verify(proof, digest, key); err == nil && string(with.public) != string(by.public) {
					t.Errorf("it holds with the key of %s", other)
				}
			}
		})
	}
}

func TestNothingOfAProofCanBeChanged(t *testing.T) {
	by := signers(t)["P-256"]
	key, err := anchorproof.ParsePublicKey(by.public)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*hashjob.AnchorProof, *[32]byte)
		want   string
	}{
		"the contents": {func(_ *hashjob.AnchorProof, digest *[32]byte) { digest[0] ^= 1 }, "but the proof is of"},
		"the digest with them": {func(p *hashjob.AnchorProof, digest *[32]byte) {
			digest[0] ^= 1
			p.SHA256 = hex.EncodeToString(digest[:])
		}, "does not lead to the root"},
		"the place":         {func(p *hashjob.AnchorProof, _ *[32]byte) { p.Index = 1 }, "does not lead to the root"},
		"a place beyond":    {func(p *hashjob.AnchorProof, _ *[32]byte) { p.Index = 2 }, "cannot be"},
		"the path":          {func(p *hashjob.AnchorProof, _ *[32]byte) { p.Path[0] = strings.Repeat("0", 64) }, "does not lead to the root"},
		"the path's length": {func(p *hashjob.AnchorProof, _ *[32]byte) { p.Path = nil }, "has 0 hashes, not 1"},
		"the time": {func(p *hashjob.AnchorProof, _ *[32]byte) {
			p.Signed.Statement = strings.Replace(p.Signed.Statement, "2026", "2025", 1)
		}, "the signature is not"},
		"the ID": {func(p *hashjob.AnchorProof, _ *[32]byte) {
			p.Signed.Statement = strings.Replace(p.Signed.Statement, "records", "recordz", 1)
		}, "the signature is not"},
		"the statement's form": {func(p *hashjob.AnchorProof, _ *[32]byte) { p.Signed.Statement += "\n" }, "is not in the form"},
		"the signature":        {func(p *hashjob.AnchorProof, _ *[32]byte) { p.Signed.Signature[8] ^= 1 }, "the signature is not"},
		"the algorithm":        {func(p *hashjob.AnchorProof, _ *[32]byte) { p.Signed.Algorithm = "none" }, "the signature is not"},
	} {
		t.Run(name, func(t *testing.T) {
			proof, digest := made(by, []byte("contents"))
			test.change(&proof, &digest)
			if _, err := anchorproof.Verify(proof, digest, key); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestWhatIsNoPublicKeyIsRefused(t *testing.T) {
	short := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 1024))
	for name, encoded := range map[string][]byte{
		"nothing": nil, "text": []byte("ssh-ed25519 AAAA"), "an RSA key of 1024 bits": must[[]byte](t)(x509.MarshalPKIXPublicKey(&short.PublicKey)),
		"a private key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}),
	} {
		if key, err := anchorproof.ParsePublicKey(encoded); err == nil {
			t.Errorf("%s is read as %s", name, key)
		}
	}
}
