package anchor

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"testing"

	"davit/shared/hashjob/anchorproof"
)

func TestTheKeyIsShownInPEMAndAsJSONWithItsFingerprint(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	want, err := anchorproof.ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	var plain, asJSON bytes.Buffer
	if err := showKey(&plain, false, public, "eu-north-1"); err != nil {
		t.Fatal(err)
	}
	if key, err := anchorproof.ParsePublicKey(plain.Bytes()); err != nil || key.String() != want.String() {
		t.Errorf("in PEM it is %s, %v", plain.String(), err)
	}
	if err := showKey(&asJSON, true, public, "eu-north-1"); err != nil {
		t.Fatal(err)
	}
	var shown map[string]string
	if err := json.Unmarshal(asJSON.Bytes(), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown) != 3 || shown["public_key"] != plain.String() || shown["key"] != want.String() || shown["region"] != "eu-north-1" {
		t.Errorf("as JSON it is %s", asJSON.String())
	}
}
