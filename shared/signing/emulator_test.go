package signing_test

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"davit/cmd/davit/emulator/emulatortest"
	"davit/shared/chain/ethereum"
	"davit/shared/names"
	"davit/shared/signing"
)

// endpoint is the emulator of this package's tests.
var endpoint string

func TestMain(m *testing.M) {
	os.Exit(emulatortest.Run(m, func(started string) { endpoint = started }, emulatortest.WithoutEngine))
}

func newKey(t *testing.T) (*kms.Client, *signing.Key) {
	t.Helper()
	client := kms.New(kms.Options{Region: "ap-northeast-2", BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	made, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1,
		KeyUsage: types.KeyUsageTypeSignVerify})
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.Open(t.Context(), client, *made.KeyMetadata.KeyId)
	if err != nil {
		t.Fatal(err)
	}
	return client, key
}

func newTable(t *testing.T) *dynamodb.Client {
	t.Helper()
	client := dynamodb.New(dynamodb.Options{Region: "ap-northeast-2", BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	attribute := func(name string) dynamodbtypes.AttributeDefinition {
		return dynamodbtypes.AttributeDefinition{AttributeName: &name, AttributeType: dynamodbtypes.ScalarAttributeTypeS}
	}
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:   aws.String(names.Table),
		BillingMode: dynamodbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamodbtypes.AttributeDefinition{attribute(names.TablePartitionKey),
			attribute(names.TableSortKey)},
		KeySchema: []dynamodbtypes.KeySchemaElement{
			{AttributeName: aws.String(names.TablePartitionKey), KeyType: dynamodbtypes.KeyTypeHash},
			{AttributeName: aws.String(names.TableSortKey), KeyType: dynamodbtypes.KeyTypeRange}},
	})
	var exists *dynamodbtypes.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		t.Fatal(err)
	}
	return client
}

func request(id string) signing.Request {
	fee, tip := ethereum.NewQuantity(30_000_000_000), ethereum.NewQuantity(1_000_000_000)
	return signing.Request{ID: id, Transaction: signing.Transaction{ChainID: 1, GasLimit: 21_000, MaxFeePerGas: &fee,
		MaxPriorityFeePerGas: &tip, To: &ethereum.Address{0x35}, Value: ethereum.NewQuantity(1)}}
}

// KMS signs differently each time, and about every second time in the upper half: fifty are enough to see both.
func TestKMSSignsForTheAddressOfItsKey(t *testing.T) {
	_, key := newKey(t)
	for index := range byte(50) {
		digest := ethereum.Keccak256([]byte{index})
		signature, err := key.SignDigest(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		if address, err := signature.Recover(digest); err != nil || address != key.Address() {
			t.Fatalf("it is by %s, %v, not by %s", address, err, key.Address())
		}
	}
}

func TestAKeyOfAnotherCurveIsRefused(t *testing.T) {
	client, _ := newKey(t)
	made, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256,
		KeyUsage: types.KeyUsageTypeSignVerify})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signing.Open(t.Context(), client, *made.KeyMetadata.KeyId); !errors.Is(err, signing.ErrKey) {
		t.Error(err)
	}
	if _, err := signing.Open(t.Context(), client, "alias/none"); !errors.Is(err, signing.ErrKey) || !strings.Contains(err.Error(), "alias/none") {
		t.Errorf("a key that is not there: %v", err)
	}
}

func TestRequestsAtOnceGetEachNonceOnce(t *testing.T) {
	_, key := newKey(t)
	nonces := signing.NewNonces(newTable(t), names.Table)
	const count = 12
	var mutex sync.Mutex
	signed := map[string][]signing.SignedTransaction{}
	var all sync.WaitGroup
	for index := range 2 * count { // each request comes twice
		all.Go(func() {
			id := strconv.Itoa(index / 2)
			transaction, err := signing.SignTransaction(context.Background(), key, nonces, request(id))
			if err != nil {
				t.Error(err)
				return
			}
			mutex.Lock()
			defer mutex.Unlock()
			signed[id] = append(signed[id], transaction)
		})
	}
	all.Wait()
	var given []uint64
	for id, both := range signed {
		if len(both) != 2 || both[0].Hash != both[1].Hash || string(both[0].Raw) != string(both[1].Raw) {
			t.Errorf("request %s: %+v", id, both)
		}
		given = append(given, both[0].Nonce)
	}
	slices.Sort(given)
	for index, nonce := range given {
		if uint64(index) != nonce {
			t.Fatalf("the nonces are %v", given)
		}
	}
	if len(given) != count {
		t.Errorf("%d requests were signed", len(given))
	}
}

// failing is KMS that is away for a time.
type failing struct {
	signing.KMSAPI
	away bool
}

func (f *failing) Sign(ctx context.Context, input *kms.SignInput, options ...func(*kms.Options)) (*kms.SignOutput, error) {
	if f.away {
		return nil, errors.New("away")
	}
	return f.KMSAPI.Sign(ctx, input, options...)
}

func TestARequestThatDiedIsFinishedWithItsNonce(t *testing.T) {
	client, key := newKey(t)
	broken := &failing{KMSAPI: client, away: true}
	again, err := signing.Open(t.Context(), broken, key.ID())
	if err != nil {
		t.Fatal(err)
	}
	nonces := signing.NewNonces(newTable(t), names.Table)
	if _, err := signing.SignTransaction(t.Context(), again, nonces, request("first")); err == nil {
		t.Fatal("it is signed")
	}
	second, err := signing.SignTransaction(t.Context(), key, nonces, request("second"))
	if err != nil || second.Nonce != 1 {
		t.Errorf("the second has nonce %d, %v", second.Nonce, err)
	}
	broken.away = false
	first, err := signing.SignTransaction(t.Context(), again, nonces, request("first"))
	if err != nil || first.Nonce != 0 {
		t.Errorf("the first has nonce %d, %v", first.Nonce, err)
	}
	broken.away = true // what is kept needs no signature
	once, err := signing.SignTransaction(t.Context(), again, nonces, request("first"))
	if err != nil || once.Hash != first.Hash {
		t.Errorf("%+v, %v", once, err)
	}
}

func TestAnIDIsOfOneTransaction(t *testing.T) {
	_, key := newKey(t)
	nonces := signing.NewNonces(newTable(t), names.Table)
	if _, err := signing.SignTransaction(t.Context(), key, nonces, request("one")); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*signing.Transaction){
		"another value":        func(transaction *signing.Transaction) { transaction.Value = ethereum.NewQuantity(2) },
		"a nonce of one's own": func(transaction *signing.Transaction) { transaction.Nonce = aws.Uint64(0) },
	} {
		changed := request("one")
		change(&changed.Transaction)
		if _, err := signing.SignTransaction(t.Context(), key, nonces, changed); !errors.Is(err, signing.ErrDifferent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []string{"", string(make([]byte, 257))} {
		if _, err := signing.SignTransaction(t.Context(), key, nonces, request(id)); !errors.Is(err, signing.ErrTransaction) {
			t.Errorf("an ID of %d bytes: %v", len(id), err)
		}
	}
}

func TestNoncesGoOnFromWhatTheNetworkSaysAndFromWhatWasAskedFor(t *testing.T) {
	_, key := newKey(t)
	nonces := signing.NewNonces(newTable(t), names.Table)
	for _, step := range []struct {
		id    string
		first uint64
		exact *uint64
		want  uint64
	}{
		{"the network counts 7", 7, nil, 7},
		{"the network has not seen it yet", 7, nil, 8},
		{"replaces", 0, aws.Uint64(7), 7},
		{"ahead", 0, aws.Uint64(20), 20},
		{"after that", 0, nil, 21},
	} {
		asked := request(step.id)
		asked.FirstNonce, asked.Transaction.Nonce = step.first, step.exact
		if signed, err := signing.SignTransaction(t.Context(), key, nonces, asked); err != nil || signed.Nonce != step.want {
			t.Errorf("%s: nonce %d, %v, want %d", step.id, signed.Nonce, err, step.want)
		}
	}
	last := request("the end of all nonces")
	last.FirstNonce = math.MaxUint64
	if _, err := signing.SignTransaction(t.Context(), key, nonces, last); !errors.Is(err, signing.ErrTransaction) {
		t.Error(err)
	}
}

// The example of EIP-155, with its private key.
func TestTheExampleOfEIP155HasItsBytes(t *testing.T) {
	key := open(t, newKnown(t, "4646464646464646464646464646464646464646464646464646464646464646"))
	price, to := ethereum.NewQuantity(20_000_000_000), ethereum.Address{}
	for index := range to {
		to[index] = 0x35
	}
	signed, err := signing.SignTransaction(t.Context(), key, signing.NewNonces(newTable(t), names.Table), signing.Request{
		ID: "EIP-155", Transaction: signing.Transaction{ChainID: 1, Nonce: aws.Uint64(9), GasPrice: &price, GasLimit: 21_000,
			To: &to, Value: ethereum.NewQuantity(1_000_000_000_000_000_000)}})
	if err != nil {
		t.Fatal(err)
	}
	want := "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025" +
		"a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276" +
		"a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
	if signed.Raw.String() != want || signed.From.String() != "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F" {
		t.Errorf("%s by %s", signed.Raw, signed.From)
	}
}
