// Package node holds davit beside a node of go-ethereum in the same process, with KMS, DynamoDB and SSM of the emulator.
package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	gethnode "github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"
	gethrlp "github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/rpc"

	"davit/cmd/davit/emulator/emulatortest"
	"davit/events/hashjob"
	"davit/shared/chain/ethereum"
	"davit/shared/chain/ethereum/rlp"
	"davit/shared/chainwatch"
	jobs "davit/shared/hashjob"
	"davit/shared/hashjob/cloud"
	"davit/shared/names"
	"davit/shared/settings/nodes"
	"davit/shared/signing"
)

// endpoint is the emulator of this package's tests.
var endpoint string

func TestMain(m *testing.M) {
	os.Exit(emulatortest.Run(m, func(started string) { endpoint = started }, emulatortest.WithoutEngine))
}

const region = "ap-northeast-2"

func allowed() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("test", "test", "")
}

// newKey makes a key in KMS.
func newKey(t *testing.T) *signing.Key {
	t.Helper()
	client := kms.New(kms.Options{Region: region, BaseEndpoint: &endpoint, Credentials: allowed()})
	made, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: kmstypes.KeySpecEccSecgP256k1,
		KeyUsage: kmstypes.KeyUsageTypeSignVerify})
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.Open(t.Context(), client, *made.KeyMetadata.Arn)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newNonces makes a table for them.
func newNonces(t *testing.T) (table string, nonces *signing.Nonces) {
	t.Helper()
	table = t.Name()
	client := dynamodb.New(dynamodb.Options{Region: region, BaseEndpoint: &endpoint, Credentials: allowed()})
	attribute := func(name string, kind dynamodbtypes.KeyType) (dynamodbtypes.AttributeDefinition, dynamodbtypes.KeySchemaElement) {
		return dynamodbtypes.AttributeDefinition{AttributeName: &name, AttributeType: dynamodbtypes.ScalarAttributeTypeS},
			dynamodbtypes.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	partition, hash := attribute(names.TablePartitionKey, dynamodbtypes.KeyTypeHash)
	sort, rangeKey := attribute(names.TableSortKey, dynamodbtypes.KeyTypeRange)
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: &table,
		BillingMode:          dynamodbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamodbtypes.AttributeDefinition{partition, sort},
		KeySchema:            []dynamodbtypes.KeySchemaElement{hash, rangeKey}})
	if err != nil {
		t.Fatal(err)
	}
	return table, signing.NewNonces(client, table)
}

// chain is a node of go-ethereum in this process, with its JSON-RPC interface at an address.
type chain struct {
	*simulated.Backend
	address string
	client  *ethclient.Client
}

// newChain starts a node on which the account has ten ether.
func newChain(t *testing.T, rich ethereum.Address) chain {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	backend := simulated.NewBackend(types.GenesisAlloc{[20]byte(rich): {Balance: new(big.Int).Mul(big.NewInt(10), big.NewInt(params.Ether))}},
		func(node *gethnode.Config, _ *ethconfig.Config) {
			node.HTTPHost, node.HTTPPort, node.HTTPModules = "127.0.0.1", port, []string{"eth", "net"}
		})
	t.Cleanup(func() { _ = backend.Close() }) // a test that ends the node itself has closed it
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	client, err := ethclient.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return chain{backend, address, client}
}

// blocks are all blocks up to the head with their receipts, as davit's verification reads them.
func (c chain) blocks(t *testing.T) ethereum.Source {
	t.Helper()
	head, err := c.client.BlockNumber(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var blocks, receipts bytes.Buffer
	for number := range head + 1 {
		block, err := c.client.BlockByNumber(t.Context(), new(big.Int).SetUint64(number))
		if err != nil {
			t.Fatal(err)
		}
		if err := gethrlp.Encode(&blocks, block); err != nil {
			t.Fatal(err)
		}
		of, err := c.client.BlockReceipts(t.Context(), rpc.BlockNumberOrHashWithHash(block.Hash(), false))
		if err != nil {
			t.Fatal(err)
		}
		var list []byte
		for _, receipt := range of {
			raw, err := receipt.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if receipt.Type != types.LegacyTxType {
				raw = rlp.AppendString(nil, raw)
			}
			list = append(list, raw...)
		}
		receipts.Write(rlp.AppendList(nil, list))
	}
	return ethereum.WithReceipts(ethereum.NewExportSource(&blocks), &receipts)
}

// A key in KMS signs transactions of both kinds, a real node mines them, and davit's own tries hold their receipts.
func TestTransactionsThatKMSSignedAreMinedAndTheirReceiptsVerified(t *testing.T) {
	key := newKey(t)
	_, nonces := newNonces(t)
	node := newChain(t, key.Address())
	price, tip, fee := ethereum.NewQuantity(3e9), ethereum.NewQuantity(1e9), ethereum.NewQuantity(3e9)
	to := ethereum.Address{0xda, 0x71}
	kinds := []signing.Transaction{
		{ChainID: 1337, GasLimit: 21_000, GasPrice: &price, To: &to, Value: ethereum.NewQuantity(1)},
		{ChainID: 1337, GasLimit: 21_000, MaxFeePerGas: &fee, MaxPriorityFeePerGas: &tip, To: &to, Value: ethereum.NewQuantity(2)},
		{ChainID: 1337, GasLimit: 60_000, MaxFeePerGas: &fee, MaxPriorityFeePerGas: &tip, To: &to, Data: []byte{1, 0, 2},
			AccessList: []signing.Access{{Address: to, StorageKeys: []ethereum.Hash{{1}, {2}}}}},
		// A contract of one instruction, STOP, that is made by returning it.
		{ChainID: 1337, GasLimit: 100_000, MaxFeePerGas: &fee, MaxPriorityFeePerGas: &tip, Data: []byte{0x60, 0x01, 0x60, 0x00, 0xf3}},
	}
	for index, transaction := range kinds {
		request := signing.Request{ID: fmt.Sprintf("kind-%d", index), Transaction: transaction}
		signed, err := signing.SignTransaction(t.Context(), key, nonces, request)
		if err != nil {
			t.Fatal(err)
		}
		again, err := signing.SignTransaction(t.Context(), key, nonces, request)
		if err != nil || again.Hash != signed.Hash {
			t.Fatalf("kind %d, again: %+v, %v", index, again, err)
		}
		var sent types.Transaction
		if err := sent.UnmarshalBinary(signed.Raw); err != nil || ethereum.Hash(sent.Hash()) != signed.Hash {
			t.Fatalf("kind %d: %v", index, err)
		}
		sender, err := types.Sender(types.LatestSignerForChainID(big.NewInt(1337)), &sent)
		if err != nil || ethereum.Address(sender) != key.Address() || sent.Nonce() != uint64(index) {
			t.Fatalf("kind %d is by %s with nonce %d, %v", index, sender, sent.Nonce(), err)
		}
		if err := node.client.SendTransaction(t.Context(), &sent); err != nil {
			t.Fatal(err)
		}
		node.Commit()
		receipt, err := node.client.TransactionReceipt(t.Context(), sent.Hash())
		if err != nil || receipt.Status != types.ReceiptStatusSuccessful {
			t.Fatalf("kind %d: %+v, %v", index, receipt, err)
		}
	}
	config, err := json.Marshal(params.AllDevChainProtocolChanges)
	if err != nil {
		t.Fatal(err)
	}
	network, err := ethereum.ReadGenesis(config)
	if err != nil {
		t.Fatal(err)
	}
	summary, err := ethereum.Verify(t.Context(), network, node.blocks(t))
	if err != nil || summary.Headers != 5 || summary.Transactions != 4 || summary.Receipts != 4 || summary.ReceiptRoots != 5 {
		t.Errorf("%+v, %v", summary, err)
	}
}

// objects are objects in memory, to be anchored, and what the anchor writes.
type objects map[string][]byte

func (o objects) Stat(_ context.Context, bucket, key string) (jobs.Object, error) {
	return jobs.Object{Bucket: bucket, Key: key, Size: int64(len(o[key]))}, nil
}

func (o objects) List(context.Context, string, string, int) ([]jobs.Object, error) { return nil, nil }

func (o objects) Open(_ context.Context, object jobs.Object, _ int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(o[object.Key])), nil
}

func (o objects) Put(_ context.Context, key, _ string, body []byte, retention *jobs.Retention) (hashjob.Location, error) {
	if retention == nil {
		return hashjob.Location{}, fmt.Errorf("%s is not locked", key)
	}
	o[key] = body
	return hashjob.Location{Bucket: "davit", Key: key}, nil
}

func (o objects) Get(context.Context, string, int64) ([]byte, error)    { return nil, jobs.ErrNoObject }
func (o objects) Begin(context.Context, string, string) (string, error) { return "", jobs.ErrForbidden }
func (o objects) Part(context.Context, string, string, int32, []byte) (string, error) {
	return "", jobs.ErrForbidden
}
func (o objects) End(context.Context, string, string, []string) (hashjob.Location, error) {
	return hashjob.Location{}, jobs.ErrForbidden
}

// A job signs a transaction, and an anchor one with its root; a real node mines both, and the block has the root.
func TestTransactionsOfJobsAreMined(t *testing.T) {
	key := newKey(t)
	node := newChain(t, key.Address())
	configuration := aws.Config{Region: region, BaseEndpoint: &endpoint, Credentials: allowed()}
	store := objects{"a": []byte("one"), "b": []byte("two")}
	table, _ := newNonces(t)
	runner := &jobs.Runner{Objects: store, Store: store, Signer: cloud.NewKey(configuration, key.ID()),
		Wallet: cloud.NewWallet(configuration, table), Now: time.Now}
	do := func(job hashjob.Job) hashjob.Result {
		t.Helper()
		job.Version = hashjob.Version
		if err := job.Check(); err != nil {
			t.Fatal(err)
		}
		step, err := runner.Run(t.Context(), job, jobs.Invocation{})
		if err != nil {
			t.Fatal(err)
		}
		return step.Result
	}
	payment := hashjob.Job{ID: "payment", Kind: hashjob.Sign, Sign: &hashjob.SignOptions{Key: key.ID(), Transaction: &hashjob.Transaction{
		ChainID: 1337, GasLimit: 21_000, MaxFeePerGas: "3000000000", MaxPriorityFeePerGas: "1000000000", Value: "0x1",
		To: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}}}
	paid, again := do(payment).Sign, do(payment).Sign
	if *paid.Transaction != *again.Transaction || paid.Transaction.Nonce != 0 || paid.Address != key.Address().String() {
		t.Errorf("again: %+v, first %+v", again.Transaction, paid.Transaction)
	}
	anchored := do(hashjob.Job{ID: "records", Kind: hashjob.Anchor, Input: &hashjob.Input{S3: &hashjob.S3Input{Bucket: "media",
		Keys: []string{"a", "b"}, Form: hashjob.FormObjects}}, Anchor: &hashjob.AnchorOptions{RetainDays: 1,
		Ethereum: &hashjob.AnchorTransaction{Key: key.ID(), ChainID: 1337, MaxFeePerGas: "3000000000", MaxPriorityFeePerGas: "1000000000"}}}).Anchor
	if anchored.Transaction == nil || !bytes.Contains(store["anchors/records/transaction.json"], []byte(anchored.Transaction.Raw)) {
		t.Fatalf("the anchor is %+v", anchored)
	}
	for index, signed := range []*hashjob.SignedTransaction{paid.Transaction, anchored.Transaction} {
		var sent types.Transaction
		if err := sent.UnmarshalBinary(hexutil.MustDecode(signed.Raw)); err != nil || sent.Hash().Hex() != signed.Hash {
			t.Fatalf("%+v: %v", signed, err)
		}
		if err := node.client.SendTransaction(t.Context(), &sent); err != nil {
			t.Fatal(err)
		}
		node.Commit()
		receipt, err := node.client.TransactionReceipt(t.Context(), sent.Hash())
		if err != nil || receipt.Status != types.ReceiptStatusSuccessful || sent.Nonce() != uint64(index) {
			t.Errorf("%+v, %v", receipt, err)
		}
		if index == 1 && hexutil.Encode(sent.Data()) != "0x"+anchored.Root {
			t.Errorf("the transaction carries %x, not the root %s", sent.Data(), anchored.Root)
		}
	}
}

// stalling passes calls on to a node until it stalls; from then on its head stays where it was.
type stalling struct {
	proxy *httputil.ReverseProxy
	head  atomic.Pointer[string]
}

func (s *stalling) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if head := s.head.Load(); head != nil {
		body, err := io.ReadAll(io.LimitReader(request.Body, 1<<16))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = bytes.Replace(body, []byte(`"latest"`), []byte(`"`+*head+`"`), 1)
		request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	s.proxy.ServeHTTP(w, request)
}

// look is what the watch writes of a node, and its log.
func look(t *testing.T, parameters chainwatch.Parameters, now time.Time) (metrics map[string]any, log string) {
	t.Helper()
	var written, logged bytes.Buffer
	watch := chainwatch.Watch{Parameters: parameters, Parameter: names.ChainwatchParameter,
		Collector: chainwatch.NewCollector(parameters), Metrics: &written, Log: slog.New(slog.NewTextHandler(&logged, nil)),
		Now: func() time.Time { return now }}
	if err := watch.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(written.Bytes(), &metrics); err != nil {
		t.Fatal(err)
	}
	return metrics, logged.String()
}

// The watch reads its nodes from SSM, sees a real node keep up, stall and die, and is not fooled by one of another chain.
func TestTheWatchSeesANodeKeepUpStallAndDie(t *testing.T) {
	real := newChain(t, ethereum.Address{1})
	for range 3 {
		real.Commit()
	}
	target, err := url.Parse(real.address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &stalling{proxy: httputil.NewSingleHostReverseProxy(target)}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	parameters := putNodes(t, nodes.Node{Name: "dev", Kind: nodes.Execution, ChainID: 1337,
		Endpoint: nodes.Endpoint{Parameter: "/davit/chain/dev"}, References: []nodes.Endpoint{{URL: real.address}}}, server.URL)

	head := func() time.Time {
		header, err := real.client.HeaderByNumber(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return time.Unix(int64(header.Time), 0)
	}
	metrics, log := look(t, parameters, head().Add(5*time.Second))
	if metrics["Unhealthy"] != 0.0 || metrics["Height"] != 3.0 || metrics["BlocksBehind"] != 0.0 || metrics["HeadAge"] != 5.0 ||
		metrics["Peers"] != 0.0 || metrics["Syncing"] != 0.0 || log != "" {
		t.Errorf("it keeps up: %v, %s", metrics, log)
	}

	stuck, was := "0x3", head()
	proxy.head.Store(&stuck)
	for range 12 {
		real.Commit()
	}
	metrics, log = look(t, parameters, was.Add(10*time.Minute))
	if metrics["Unhealthy"] != 0.0 || metrics["BlocksBehind"] != 12.0 || metrics["HeadAge"] != 600.0 {
		t.Errorf("it is stuck: %v, %s", metrics, log)
	}

	proxy.head.Store(nil)
	if err := real.Close(); err != nil {
		t.Fatal(err)
	}
	metrics, log = look(t, parameters, was.Add(11*time.Minute))
	_, told := metrics["BlocksBehind"]
	if metrics["Unhealthy"] != 1.0 || told || !strings.Contains(log, "code=unreachable") {
		t.Errorf("it is dead: %v, %s", metrics, log)
	}
}

func TestTheWatchIsNotFooledByANodeOfAnotherChain(t *testing.T) {
	real := newChain(t, ethereum.Address{1})
	parameters := putNodes(t, nodes.Node{Name: "other", Kind: nodes.Execution, ChainID: 1,
		Endpoint: nodes.Endpoint{Parameter: "/davit/chain/dev"}, References: []nodes.Endpoint{{URL: real.address + "/"}}}, real.address)
	metrics, log := look(t, parameters, time.Now())
	if _, told := metrics["BlocksBehind"]; told || metrics["Unhealthy"] != 1.0 || metrics["WrongChain"] != 1.0 {
		t.Errorf("%v, %s", metrics, log)
	}
}

// putNodes puts a node, and its address as a secret, into SSM.
func putNodes(t *testing.T, node nodes.Node, address string) chainwatch.Parameters {
	t.Helper()
	client := ssm.New(ssm.Options{Region: region, BaseEndpoint: &endpoint, Credentials: allowed()})
	document, err := nodes.Document{Nodes: []nodes.Node{node}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, parameter := range []ssm.PutParameterInput{
		{Name: aws.String(names.ChainwatchParameter), Type: ssmtypes.ParameterTypeString, Value: aws.String(string(document))},
		{Name: aws.String("/davit/chain/dev"), Type: ssmtypes.ParameterTypeSecureString, Value: &address},
	} {
		parameter.Overwrite = aws.Bool(true)
		if _, err := client.PutParameter(t.Context(), &parameter); err != nil {
			t.Fatal(err)
		}
	}
	return chainwatch.Parameters{Client: client}
}
