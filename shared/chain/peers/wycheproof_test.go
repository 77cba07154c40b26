package peers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/c2sp/wycheproof"

	"davit/shared/chain/ethereum"
	"davit/shared/signing"
)

// vectors are a file of Project Wycheproof's.
type vectors struct {
	TestGroups []struct {
		PublicKeyDer string
		Tests        []struct {
			ID      int `json:"tcId"`
			Comment string
			Flags   []string
			Msg     string
			Sig     string
			Result  string
		}
	}
}

// said is a KMS that answers what a test vector says.
type said struct{ public, signature []byte }

func (s said) GetPublicKey(context.Context, *kms.GetPublicKeyInput, ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error) {
	return &kms.GetPublicKeyOutput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify, PublicKey: s.public}, nil
}

func (s said) Sign(context.Context, *kms.SignInput, ...func(*kms.Options)) (*kms.SignOutput, error) {
	return &kms.SignOutput{Signature: s.signature}, nil
}

// A signature in DER is taken if and only if Project Wycheproof calls it valid; then Ethereum's form of it recovers to the
// same key. Those that Ethereum has no form for, because the coordinate that r is of is above the order, are refused.
func TestSignaturesAreTakenAsProjectWycheproofSays(t *testing.T) {
	for _, file := range []string{"ecdsa_secp256k1_sha256_test.json", "ecdsa_secp256k1_sha256_bitcoin_test.json"} {
		document, err := fs.ReadFile(wycheproof.TestVectors, file)
		if err != nil {
			t.Fatal(err)
		}
		var read vectors
		if err := json.Unmarshal(document, &read); err != nil {
			t.Fatal(err)
		}
		taken, refused := 0, 0
		for _, group := range read.TestGroups {
			for _, test := range group.Tests {
				client := said{decode(t, group.PublicKeyDer), decode(t, test.Sig)}
				key, err := signing.Open(t.Context(), client, "alias/vector")
				if err != nil {
					t.Fatalf("%s %d: %v", file, test.ID, err)
				}
				digest := ethereum.Hash(sha256.Sum256(decode(t, test.Msg)))
				signature, err := key.SignDigest(t.Context(), digest)
				// Bitcoin's vectors call the upper half of s invalid; davit takes it and turns it to the lower one.
				valid := test.Result == "valid" || strings.Contains(test.Comment, "malleability") ||
					slices.Contains(test.Flags, "SignatureMalleabilityBitcoin")
				formless := err != nil && strings.Contains(err.Error(), "no form for it")
				if (err == nil) != valid && !(valid && formless) {
					t.Errorf("%s %d (%s, %v): %v, want %s", file, test.ID, test.Comment, test.Flags, err, test.Result)
				}
				if err != nil {
					refused++
					continue
				}
				taken++
				if address, err := signature.Recover(digest); err != nil || address != key.Address() || signature.S[0] >= 0x80 {
					t.Errorf("%s %d: it is by %s, %v, not by %s", file, test.ID, address, err, key.Address())
				}
			}
		}
		if taken < 100 || refused < 100 {
			t.Errorf("%s: %d are taken, %d refused", file, taken, refused)
		}
	}
}

func decode(t testing.TB, digits string) []byte {
	t.Helper()
	read, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(read)
}
