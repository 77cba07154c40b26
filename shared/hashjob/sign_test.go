package hashjob_test

import (
	"context"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	events "davit/events/hashjob"
	"davit/shared/hashjob"
)

// vault is a KMS with the key of EIP-712's example, the hash of "cow". What is wrong with it is what both calls answer.
type vault struct {
	key   *secp256k1.PrivateKey
	wrong error
}

func newVault(t testing.TB) *vault {
	t.Helper()
	raw, err := hex.DecodeString("c85ef7d79691fe79573b1a7064c19c1a9819ebdbd1faaab1a8ec92344438aaf4")
	if err != nil {
		t.Fatal(err)
	}
	return &vault{key: secp256k1.PrivKeyFromBytes(raw)}
}

func (v *vault) GetPublicKey(context.Context, *kms.GetPublicKeyInput, ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error) {
	if v.wrong != nil {
		return nil, v.wrong
	}
	type algorithm struct{ Kind, Curve asn1.ObjectIdentifier }
	point := v.key.PubKey().SerializeUncompressed()
	der, err := asn1.Marshal(struct {
		Algorithm algorithm
		Key       asn1.BitString
	}{algorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, asn1.ObjectIdentifier{1, 3, 132, 0, 10}},
		asn1.BitString{Bytes: point, BitLength: 8 * len(point)}})
	return &kms.GetPublicKeyOutput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify, PublicKey: der}, err
}

func (v *vault) Sign(_ context.Context, input *kms.SignInput, _ ...func(*kms.Options)) (*kms.SignOutput, error) {
	return &kms.SignOutput{Signature: ecdsa.Sign(v.key, input.Message).Serialize()}, v.wrong
}

func example(t testing.TB, name string) events.Job {
	t.Helper()
	document, err := os.ReadFile("../../events/hashjob/examples/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	job, err := events.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func TestTheExampleOfEIP712IsSigned(t *testing.T) {
	runner := &hashjob.Runner{Wallet: &hashjob.Wallet{KMS: newVault(t)}, Now: newClock().now}
	result := inOne(t, runner, example(t, "sign_typed_data"))
	if result.Items != 1 || result.Sign == nil || result.Sign.Transaction != nil ||
		result.Sign.Address != "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" ||
		result.Sign.Digest != "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2" ||
		result.Sign.Signature != "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"+
			"07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c" {
		t.Errorf("it is %+v", result.Sign)
	}
}

func TestATextAndItsBytesAreTheSameMessage(t *testing.T) {
	runner := &hashjob.Runner{Wallet: &hashjob.Wallet{KMS: newVault(t)}, Now: newClock().now}
	text, data := "abc", "0x616263"
	signed := map[string]bool{}
	for _, options := range []events.SignOptions{{Key: "alias/a", Text: &text}, {Key: "alias/a", Data: &data}} {
		signed[inOne(t, runner, job(t, events.Sign, func(j *events.Job) { j.Sign = &options })).Sign.Signature] = true
	}
	if len(signed) != 1 {
		t.Errorf("they are %v", signed)
	}
}

func TestWhatCannotBeSignedIsNamed(t *testing.T) {
	good := events.Transaction{ChainID: 1, GasLimit: 21_000, MaxFeePerGas: "2", MaxPriorityFeePerGas: "0x1",
		To: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", Value: "1"}
	changed := func(change func(*events.Transaction)) events.SignOptions {
		transaction := good
		change(&transaction)
		return events.SignOptions{Key: "alias/a", Transaction: &transaction}
	}
	odd := "0x0"
	for name, test := range map[string]struct {
		options       events.SignOptions
		field, reason string
	}{
		"no chain":               {changed(func(t *events.Transaction) { t.ChainID = 0 }), "sign.transaction.chain_id", "every network"},
		"too little gas":         {changed(func(t *events.Transaction) { t.GasLimit = 20_999 }), "sign.transaction.gas_limit", "at least 21000"},
		"an amount in words":     {changed(func(t *events.Transaction) { t.Value = "one" }), "sign.transaction.value", "not a number"},
		"a wrong checksum":       {changed(func(t *events.Transaction) { t.To = strings.Replace(t.To, "aA", "Aa", 1) }), "sign.transaction.to", "EIP-55"},
		"both kinds of fees":     {changed(func(t *events.Transaction) { t.GasPrice = "1" }), "sign.transaction.gas_price", "excludes"},
		"a tip above the fee":    {changed(func(t *events.Transaction) { t.MaxFeePerGas = "0" }), "sign.transaction.max_priority_fee_per_gas", "above"},
		"half a byte of data":    {changed(func(t *events.Transaction) { t.Data = odd }), "sign.transaction.data", "hexadecimal"},
		"half a byte of message": {events.SignOptions{Key: "alias/a", Data: &odd}, "sign.data", "hexadecimal"},
		"typed data of no type":  {events.SignOptions{Key: "alias/a", TypedData: `{}`}, "sign.typed_data", "types"},
		"a slot that is too short": {changed(func(t *events.Transaction) {
			t.AccessList = []events.Access{{Address: t.To, StorageKeys: []string{"0x01"}}}
		}), "sign.transaction.access_list", "a hash"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := job(t, events.Sign, func(j *events.Job) { j.Sign = &test.options })
			runner := &hashjob.Runner{Wallet: &hashjob.Wallet{KMS: newVault(t)}, Now: newClock().now}
			_, err := runner.Run(t.Context(), asked, hashjob.Invocation{})
			var wrong *events.FieldError
			if !errors.As(err, &wrong) || wrong.Field != test.field || !strings.Contains(wrong.Reason, test.reason) {
				t.Errorf("%v, want %s: %s", err, test.field, test.reason)
			}
		})
	}
}

func TestAnAnchorWhoseTransactionCannotBeSignedWritesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*events.AnchorTransaction)
		field  string
	}{
		"a fee in words":     {func(a *events.AnchorTransaction) { a.MaxFeePerGas = "much" }, "anchor.ethereum.max_fee_per_gas"},
		"no fee":             {func(a *events.AnchorTransaction) { a.MaxFeePerGas = "" }, "anchor.ethereum.max_fee_per_gas"},
		"no chain":           {func(a *events.AnchorTransaction) { a.ChainID = 0 }, "anchor.ethereum.chain_id"},
		"a wrong receiver":   {func(a *events.AnchorTransaction) { a.To = "me" }, "anchor.ethereum.to"},
		"a key that is away": {nil, "anchor.ethereum.key"},
		"too little gas":     {func(a *events.AnchorTransaction) { a.GasLimit = 1 }, "anchor.ethereum.gas_limit"},
	} {
		objects, asked := anchored(t, 3)
		transaction := events.AnchorTransaction{Key: "alias/a", ChainID: 1, MaxFeePerGas: "2", MaxPriorityFeePerGas: "1"}
		asked.Anchor.Ethereum = &transaction
		vault := newVault(t)
		if test.change == nil {
			vault.wrong = &smithy.GenericAPIError{Code: "NotFoundException", Message: "no"}
		} else {
			test.change(&transaction)
		}
		runner := &hashjob.Runner{Objects: objects, Store: objects, Signer: newSigner(t), Wallet: &hashjob.Wallet{KMS: vault}, Now: newClock().now}
		_, err := runner.Run(t.Context(), asked, hashjob.Invocation{})
		var wrong *events.FieldError
		if !errors.As(err, &wrong) || wrong.Field != test.field || len(objects.objects) != 3 {
			t.Errorf("%s: %v, and there are %d objects", name, err, len(objects.objects))
		}
	}
}

func TestTheKeysFaultsAreTheJobsAndThoseOfKMSPass(t *testing.T) {
	for code, isField := range map[string]bool{"NotFoundException": true, "AccessDeniedException": true, "KMSInvalidStateException": true,
		"KMSInternalException": false, "ThrottlingException": false} {
		vault := newVault(t)
		vault.wrong = &smithy.GenericAPIError{Code: code, Message: "no"}
		runner := &hashjob.Runner{Wallet: &hashjob.Wallet{KMS: vault}, Now: newClock().now}
		_, err := runner.Run(t.Context(), example(t, "sign_transaction"), hashjob.Invocation{})
		var wrong *events.FieldError
		if errors.As(err, &wrong) != isField || isField && wrong.Field != "sign.key" || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
	}
	if _, err := (&hashjob.Runner{Now: newClock().now}).Run(t.Context(), example(t, "sign_text"), hashjob.Invocation{}); err == nil {
		t.Error("it is signed without keys")
	}
}
