package anchor_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"davit/cmd/davit/anchor"
	"davit/events/hashjob"
	"davit/shared/hashing/merkle"
)

// anchored writes a file, its proof and the key into a folder that the test is then in.
func anchored(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	contents := []byte("an invoice")
	digest := sha256.Sum256(contents)
	text := hashjob.Statement{ID: "records", Leaves: 1, Root: merkle.LeafHash(digest[:]), At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}.String()
	signed := sha256.Sum256([]byte(text))
	signature, err := ecdsa.SignASN1(rand.Reader, key, signed[:])
	if err != nil {
		t.Fatal(err)
	}
	proof, err := json.Marshal(hashjob.AnchorProof{Version: hashjob.Version, Object: hashjob.Location{Bucket: "media", Key: "invoice.pdf"},
		Bytes: int64(len(contents)), SHA256: hex.EncodeToString(digest[:]), Path: []string{},
		Signed: hashjob.Signed{Version: hashjob.Version, Statement: text, Signature: signature, Key: "a key", Algorithm: "ECDSA_SHA_256"}})
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"invoice.pdf": contents, "invoice.proof.json": proof, "changed.pdf": []byte("an invoicE"),
		"davit.pem": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), "transaction.json": []byte(`{"raw": "0x00"}`)} {
		if err := os.WriteFile(filepath.Clean(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func verify(t *testing.T, arguments string) (string, error) {
	t.Helper()
	root := &cobra.Command{Use: "davit", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(anchor.Command())
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetIn(strings.NewReader("an invoice"))
	root.SetArgs(append([]string{"anchor", "verify"}, strings.Fields(arguments)...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// Nothing but the file, the proof and the key is there. What is asked for holds as a whole, or the verdict is that it does not.
func TestAFileIsVerifiedByItsProofAndTheKeyAlone(t *testing.T) {
	anchored(t)
	const with = " --proof invoice.proof.json --public-key davit.pem"
	for arguments, want := range map[string]string{
		"invoice.pdf" + with: "",
		"-" + with:           "",
		"changed.pdf" + with: "not verified",
		"invoice.pdf" + with + " --transaction transaction.json": "transaction.json: not verified",
		"invoice.pdf" + with + " --transaction no-such-file":     "no such file",
		"invoice.pdf" + with + " --transaction invoice.pdf":      "invoice.pdf: ",
		"no-such-file" + with: "no such file",
		"invoice.pdf --proof davit.pem --public-key davit.pem":                 "davit.pem: ",
		"invoice.pdf --proof invoice.proof.json --public-key transaction.json": "transaction.json: ",
		"invoice.pdf --proof invoice.proof.json":                               "both needed",
	} {
		out, err := verify(t, arguments+" --json")
		var found struct {
			Valid  bool
			Reason string
		}
		if out != "" {
			if err := json.Unmarshal([]byte(out), &found); err != nil {
				t.Fatal(err)
			}
		}
		switch {
		case want == "" && (err != nil || !found.Valid):
			t.Errorf("%s: %s, %v", arguments, out, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || found.Valid || out != "" && found.Reason == ""):
			t.Errorf("%s: %s, %v, want %q", arguments, out, err, want)
		}
		if text, _ := verify(t, arguments); (text != "") != (want == "") {
			t.Errorf("%s: without --json it says %q", arguments, text)
		}
	}
}
