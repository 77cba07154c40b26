package signing_test

import (
	"context"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"davit/shared/chain/ethereum"
	"davit/shared/signing"
)

// known is a KMS with one key that is known, for what the EIPs give the results of, and for lies that no KMS tells.
type known struct {
	private *secp256k1.PrivateKey
	usage   types.KeyUsageType
	public  func([]byte) []byte
	sign    func(digest []byte) []byte
}

func newKnown(t testing.TB, private string) *known {
	t.Helper()
	raw, err := hex.DecodeString(private)
	if err != nil {
		t.Fatal(err)
	}
	key := secp256k1.PrivKeyFromBytes(raw)
	return &known{private: key, usage: types.KeyUsageTypeSignVerify, public: func(der []byte) []byte { return der },
		sign: func(digest []byte) []byte { return ecdsa.Sign(key, digest).Serialize() }}
}

func (k *known) GetPublicKey(context.Context, *kms.GetPublicKeyInput, ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error) {
	type algorithm struct{ Kind, Curve asn1.ObjectIdentifier }
	point := k.private.PubKey().SerializeUncompressed()
	der, err := asn1.Marshal(struct {
		Algorithm algorithm
		Key       asn1.BitString
	}{algorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, asn1.ObjectIdentifier{1, 3, 132, 0, 10}},
		asn1.BitString{Bytes: point, BitLength: 8 * len(point)}})
	return &kms.GetPublicKeyOutput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: k.usage, PublicKey: k.public(der)}, err
}

func (k *known) Sign(_ context.Context, input *kms.SignInput, _ ...func(*kms.Options)) (*kms.SignOutput, error) {
	return &kms.SignOutput{Signature: k.sign(input.Message)}, nil
}

func open(t testing.TB, client signing.KMSAPI) *signing.Key {
	t.Helper()
	key, err := signing.Open(t.Context(), client, "alias/known")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// cow is the key of EIP-712's example: the hash of "cow".
const cow = "c85ef7d79691fe79573b1a7064c19c1a9819ebdbd1faaab1a8ec92344438aaf4"

// mail is EIP-712's example.
const mail = `{"types": {
	"EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"},
		{"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
	"Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
	"Mail": [{"name": "from", "type": "Person"}, {"name": "to", "type": "Person"}, {"name": "contents", "type": "string"}]},
	"primaryType": "Mail",
	"domain": {"name": "Ether Mail", "version": "1", "chainId": 1,
		"verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},
	"message": {"from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
		"to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"}, "contents": "Hello, Bob!"}}`

func TestTheExampleOfEIP712HasItsDigestAndSignature(t *testing.T) {
	key := open(t, newKnown(t, cow))
	typed, err := signing.TypedDigest([]byte(mail))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := key.SignDigest(t.Context(), typed)
	if err != nil {
		t.Fatal(err)
	}
	if key.Address().String() != "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" ||
		typed.String() != "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2" ||
		signature.String() != "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"+
			"07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c" {
		t.Errorf("%s of %s by %s", signature, typed, key.Address())
	}
	without := strings.Replace(mail, `"EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"},
		{"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],`, "", 1)
	if digest, err := signing.TypedDigest([]byte(without)); err != nil || digest != typed || without == mail {
		t.Errorf("without the domain's type: %s, %v", digest, err)
	}
}

func TestTypedDataThatWouldBeMisunderstoodIsRefusedWithItsPlace(t *testing.T) {
	types := func(kind string) string {
		return `{"types": {"T": [{"name": "a", "type": "` + kind + `"}]}, "primaryType": "T", "domain": {}, "message": {"a": %}}`
	}
	for name, test := range map[string]struct{ document, want string }{
		"a member that is missing":    {strings.Replace(types("string"), `{"a": %}`, `{}`, 1), "message.a"},
		"a member that is not signed": {strings.Replace(types("string"), `%`, `"b", "c": 1`, 1), "message"},
		"an alias":                    {strings.Replace(types("uint"), "%", "1", 1), "types.T.a"},
		"a type that is not there":    {strings.Replace(types("Person"), "%", "{}", 1), "types.T.a"},
		"256 in a uint8":              {strings.Replace(types("uint8"), "%", "256", 1), "message.a"},
		"-1 in a uint8":               {strings.Replace(types("uint8"), "%", "-1", 1), "message.a"},
		"128 in an int8":              {strings.Replace(types("int8"), "%", `"0x80"`, 1), "message.a"},
		"a number that is a fraction": {strings.Replace(types("uint8"), "%", "1.5", 1), "message.a"},
		"a number with an exponent":   {strings.Replace(types("uint256"), "%", "1e3", 1), "message.a"},
		"three bytes of four":         {strings.Replace(types("bytes4"), "%", `"0x010203"`, 1), "message.a"},
		"an address with a typo":      {strings.Replace(types("address"), "%", `"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8Dd826"`, 1), "checksum"},
		"two items of three":          {strings.Replace(types("uint8[3]"), "%", "[1, 2]", 1), "message.a"},
		"an item that is wrong":       {strings.Replace(types("uint8[][2]"), "%", `[[1], [2, "x"]]`, 1), "message.a[1][1]"},
		"text that is no truth":       {strings.Replace(types("bool"), "%", `"true"`, 1), "message.a"},
		"nothing":                     {strings.Replace(types("T"), "%", "null", 1), "message.a"},
		"a field of another standard": {`{"types": {}, "primaryTypes": "T"}`, "primaryTypes"},
		"no types":                    {`{}`, "types"},
		"a primary type that is none": {`{"types": {"T": []}, "primaryType": "U", "domain": {}, "message": {}}`, "primaryType"},
		"something behind":            {mail + "{}", "follows"},
	} {
		if _, err := signing.TypedDigest([]byte(test.document)); !errors.Is(err, signing.ErrTyped) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	deep := strings.Repeat(`{"a": `, 100) + "{}" + strings.Repeat("}", 100)
	document := `{"types": {"T": [{"name": "a", "type": "T"}]}, "primaryType": "T", "domain": {}, "message": ` + deep + `}`
	if _, err := signing.TypedDigest([]byte(document)); err == nil || !strings.Contains(err.Error(), "deeper") {
		t.Errorf("100 in one another: %v", err)
	}
}

func TestMessagesHaveTheDigestOfEIP191(t *testing.T) {
	const want = "0xd9eba16ed0ecae432b71fe008c98cc872bb4cc214d3220a36f365326cf807d68"
	if digest := signing.MessageDigest([]byte("hello world")); digest.String() != want {
		t.Errorf("%s", digest)
	}
}

func TestAKeyThatCannotSignForEthereumIsRefused(t *testing.T) {
	for name, change := range map[string]func(*known){
		"a key for agreement":        func(k *known) { k.usage = types.KeyUsageTypeKeyAgreement },
		"a public half that is none": func(k *known) { k.public = func([]byte) []byte { return []byte("none") } },
		"a public half that is cut":  func(k *known) { k.public = func(der []byte) []byte { return der[:len(der)-1] } },
		"something behind it":        func(k *known) { k.public = func(der []byte) []byte { return append(der, 0) } },
		"a point beside the curve":   func(k *known) { k.public = func(der []byte) []byte { der[len(der)-1] ^= 1; return der } },
	} {
		client := newKnown(t, cow)
		change(client)
		if _, err := signing.Open(t.Context(), client, "alias/known"); !errors.Is(err, signing.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASignatureThatIsNotOfTheDigestByTheKeyIsNotAnswered(t *testing.T) {
	other := secp256k1.PrivKeyFromBytes([]byte{1})
	for name, sign := range map[string]func(digest []byte) []byte{
		"by another key":    func(digest []byte) []byte { return ecdsa.Sign(other, digest).Serialize() },
		"of another digest": func([]byte) []byte { return ecdsa.Sign(newKnown(t, cow).private, make([]byte, 32)).Serialize() },
		"that is none":      func([]byte) []byte { return []byte{0x30, 0} },
		"with bytes behind": func(digest []byte) []byte { return append(ecdsa.Sign(newKnown(t, cow).private, digest).Serialize(), 0) },
	} {
		client := newKnown(t, cow)
		client.sign = sign
		if _, err := open(t, client).SignDigest(t.Context(), ethereum.Hash{9}); !errors.Is(err, signing.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Both halves of the order give good signatures; KMS answers either.
func TestTheLowerOfBothSignaturesIsAnswered(t *testing.T) {
	client := newKnown(t, cow)
	key := open(t, client)
	low, err := key.SignDigest(t.Context(), ethereum.Hash{9})
	if err != nil {
		t.Fatal(err)
	}
	client.sign = func(digest []byte) []byte { return high(ecdsa.Sign(client.private, digest)) }
	turned, err := key.SignDigest(t.Context(), ethereum.Hash{9})
	if err != nil || turned != low {
		t.Errorf("%s, %v, want %s", turned, err, low)
	}
	if address, err := turned.Recover(ethereum.Hash{9}); err != nil || address != key.Address() {
		t.Errorf("it is by %s, %v", address, err)
	}
	if address, err := turned.Recover(ethereum.Hash{8}); err == nil && address == key.Address() {
		t.Error("it is of another digest, too")
	}
	turned.S = [32]byte{0xff}
	if _, err := turned.Recover(ethereum.Hash{9}); !errors.Is(err, signing.ErrSignature) {
		t.Errorf("the upper half: %v", err)
	}
}

// high is the signature with s in the upper half, in DER.
func high(signature *ecdsa.Signature) []byte {
	r, s := signature.R(), signature.S()
	s.Negate()
	integer := func(number secp256k1.ModNScalar) []byte {
		digits := number.Bytes()
		content := digits[:]
		for len(content) > 1 && content[0] == 0 && content[1] < 0x80 {
			content = content[1:]
		}
		if content[0] >= 0x80 {
			content = append([]byte{0}, content...)
		}
		return append([]byte{2, byte(len(content))}, content...)
	}
	content := append(integer(r), integer(s)...)
	return append([]byte{0x30, byte(len(content))}, content...)
}

func TestTransactionsThatCannotBeMeantAreRefusedWithTheirField(t *testing.T) {
	good := `{"chain_id": 1, "gas_limit": 21000, "max_fee_per_gas": "30000000000", "max_priority_fee_per_gas": "0x3b9aca00",
		"to": "0x3535353535353535353535353535353535353535", "value": "1"}`
	with := func(old, replacement string) string { return strings.Replace(good, old, replacement, 1) }
	for name, test := range map[string]struct{ document, want string }{
		"no chain":                       {with(`"chain_id": 1, `, ""), "chain_id"},
		"a chain beyond all":             {with(`"chain_id": 1,`, `"chain_id": 18446744073709551615,`), "chain_id"},
		"too little gas":                 {with("21000", "20999"), "gas_limit"},
		"both kinds of fee":              {with(`"value"`, `"gas_price": "1", "value"`), "gas_price"},
		"no fee":                         {with(`"max_fee_per_gas": "30000000000", `, ""), "max_fee_per_gas"},
		"a tip above the fee":            {with("30000000000", "1"), "max_priority_fee_per_gas"},
		"nobody to send to":              {with(`"to": "0x3535353535353535353535353535353535353535", `, ""), "to: "},
		"the last nonce":                 {with(`"value"`, `"nonce": 18446744073709551615, "value"`), "nonce"},
		"data beyond what nodes pass on": {with(`"value"`, `"data": "0x`+strings.Repeat("00", 128<<10+1)+`", "value"`), "data"},
	} {
		var transaction signing.Transaction
		if err := json.Unmarshal([]byte(test.document), &transaction); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := transaction.Validate(); !errors.Is(err, signing.ErrTransaction) || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var transaction signing.Transaction
	if err := json.Unmarshal([]byte(good), &transaction); err != nil || transaction.Validate() != nil {
		t.Errorf("%v, %v", err, transaction.Validate())
	}
}
