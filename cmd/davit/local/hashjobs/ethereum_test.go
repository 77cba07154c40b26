package hashjobs

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"davit/events/hashjob"
)

const signingKey = "alias/davit/chain/signing"

func transaction(value string) *hashjob.Transaction {
	return &hashjob.Transaction{ChainID: 1337, GasLimit: 21_000, MaxFeePerGas: "3000000000", MaxPriorityFeePerGas: "1000000000",
		To: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", Value: value}
}

func TestTheFunctionSignsByItsKeyOneNonceAfterAnother(t *testing.T) {
	s := newScene(t)
	nonces := map[uint64]bool{}
	for _, id := range []string{"payment-1", "payment-2", "payment-3"} {
		document := s.written(hashjob.Job{ID: id, Kind: hashjob.Sign, Sign: &hashjob.SignOptions{Key: signingKey, Transaction: transaction("1")}})
		s.send(document)
		_, result := s.ended(id)
		if result.Sign == nil || result.Sign.Transaction == nil {
			t.Fatalf("%s came to %+v", id, result)
		}
		nonces[result.Sign.Transaction.Nonce] = true
		if again := s.invoke(document); cmp.Diff(result.Sign, again.Sign) != "" {
			t.Errorf("%s, again, came to %+v", id, again.Sign)
		}
		other := s.written(hashjob.Job{ID: id, Kind: hashjob.Sign, Sign: &hashjob.SignOptions{Key: signingKey, Transaction: transaction("2")}})
		if refused := s.invoke(other); refused.Outcome != hashjob.Failed || refused.Error.Field != "id" {
			t.Errorf("another transaction under %s came to %+v", id, refused)
		}
	}
	if len(nonces) != 3 || !nonces[0] || !nonces[2] {
		t.Errorf("the nonces are %v", nonces)
	}
	event := s.event("payment-3")
	if event.Outcome != "succeeded" || event.Kind != "sign" {
		t.Errorf("the event says %+v", event)
	}
}

func TestTheFunctionSignsByNoKeyThatItsConfigurationDoesNotName(t *testing.T) {
	s := newScene(t)
	made, err := kms.NewFromConfig(s.configuration).CreateKey(s.ctx, &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1,
		KeyUsage: types.KeyUsageTypeSignVerify})
	s.must(err)
	text := "hello"
	for name, key := range map[string]string{"another key": *made.KeyMetadata.Arn, "no key": "alias/none"} {
		result := s.invoke(s.written(hashjob.Job{ID: strings.ReplaceAll(name, " ", "-"), Kind: hashjob.Sign, Sign: &hashjob.SignOptions{Key: key, Text: &text}}))
		if result.Outcome != hashjob.Failed || result.Error == nil || result.Error.Field != "sign.key" {
			t.Errorf("%s: it came to %+v, %v", name, result, result.Error)
		}
	}
}

func TestTheRootOfAnAnchorIsInATransaction(t *testing.T) {
	s := newScene(t)
	s.put(inputs, "chained/1", []byte("a record"))
	result := s.invoke(s.written(hashjob.Job{ID: "chained", Kind: hashjob.Anchor,
		Input: &hashjob.Input{S3: &hashjob.S3Input{Bucket: inputs, Prefix: "chained/", Form: hashjob.FormObjects}},
		Anchor: &hashjob.AnchorOptions{RetainDays: 1, Ethereum: &hashjob.AnchorTransaction{Key: signingKey, ChainID: 5,
			MaxFeePerGas: "3000000000", MaxPriorityFeePerGas: "1000000000"}}}))
	if result.Anchor == nil || result.Anchor.Transaction == nil || !strings.Contains(result.Anchor.Transaction.Raw, result.Anchor.Root) ||
		result.Anchor.Transaction.ChainID != 5 {
		t.Fatalf("it came to %+v, %v", result, result.Error)
	}
	stored, err := s.objects.Get(s.ctx, "anchors/chained/transaction.json", 1<<20)
	s.must(err)
	var kept hashjob.SignedTransaction
	s.must(json.Unmarshal(stored, &kept))
	if kept != *result.Anchor.Transaction {
		t.Errorf("what is kept is %+v", kept)
	}
	t.Setenv("AWS_ENDPOINT_URL", started)
	verify := []string{"anchor", "verify", s.file("record", []byte("a record")),
		"--proof", s.file("proof.json", []byte(s.mustDavit("anchor", "proof", "chained", "chained/1"))),
		"--public-key", s.file("davit.pem", []byte(s.mustDavit("anchor", "public-key"))),
		"--transaction", s.file("transaction.json", []byte(s.mustDavit("anchor", "transaction", "chained")))}
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	if text := s.mustDavit(verify...); !strings.Contains(text, "The root is in the transaction "+kept.Hash+" on chain 5") {
		t.Errorf("verify says %s", text)
	}
	verify[len(verify)-1] = s.file("other.json", []byte(strings.Replace(string(stored), result.Anchor.Root, strings.Repeat("0", 64), 1)))
	if text, err := s.davit(verify...); err == nil || !strings.Contains(err.Error(), "does not carry the root") {
		t.Errorf("of another root: %s, %v", text, err)
	}
}

func TestTheFunctionVerifiesHeadersOfEthereum(t *testing.T) {
	s := newScene(t)
	lines, err := os.ReadFile("../../../../shared/hashjob/testdata/ethereum-mainnet-0-1.hex")
	s.must(err)
	s.put(inputs, "headers.hex", lines)
	result := s.invoke(s.written(hashjob.Job{ID: "headers", Kind: hashjob.VerifyHeaders,
		Headers: &hashjob.HeadersOptions{Chain: hashjob.ChainEthereum, Network: "mainnet"},
		Input:   &hashjob.Input{S3: &hashjob.S3Input{Bucket: inputs, Key: "headers.hex", Form: hashjob.FormHexLines}}}))
	if result.Headers == nil || !result.Headers.Valid || result.Headers.Headers != 2 || !result.Headers.Ethereum.Genesis {
		t.Errorf("it came to %+v, %v", result.Headers, result.Error)
	}
}

func TestTheCommandLineSignsByItsOwnCredentials(t *testing.T) {
	s := newScene(t)
	t.Setenv("AWS_ENDPOINT_URL", started)
	var signed, again hashjob.SignResult
	payment, err := json.Marshal(transaction("3"))
	s.must(err)
	path := s.file("payment.json", payment)
	made, err := kms.NewFromConfig(s.configuration).CreateKey(s.ctx, &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1,
		KeyUsage: types.KeyUsageTypeSignVerify})
	s.must(err)
	key := *made.KeyMetadata.Arn
	for _, into := range []*hashjob.SignResult{&signed, &again} {
		out := s.mustDavit("job", "run", "sign", "--key", key, "--id", "by-command", "--transaction", path, "--json")
		s.must(json.Unmarshal([]byte(out), into))
	}
	if signed.Transaction == nil || cmp.Diff(signed, again) != "" || signed.Transaction.Nonce != 0 {
		t.Errorf("it is %+v, and again %+v", signed.Transaction, again.Transaction)
	}
	if text := s.mustDavit("job", "run", "sign", "--key", key, "--text", "I agree."); !strings.Contains(text, signed.Address) {
		t.Errorf("by %s: %s", signed.Address, text)
	}
	if _, err := s.davit("job", "run", "sign", "--key", "alias/none", "--text", "a"); err == nil || !strings.Contains(err.Error(), "sign.key") {
		t.Errorf("without a key: %v", err)
	}
}
