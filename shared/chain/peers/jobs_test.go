package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"davit/events/hashjob"
	jobs "davit/shared/hashjob"
)

// objects are objects of one bucket, by their keys.
type objects map[string][]byte

func (o objects) Stat(_ context.Context, bucket, key string) (jobs.Object, error) {
	return jobs.Object{Bucket: bucket, Key: key, ETag: key, Size: int64(len(o[key]))}, nil
}

func (o objects) List(context.Context, string, string, int) ([]jobs.Object, error) { return nil, nil }

func (o objects) Open(_ context.Context, object jobs.Object, offset int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(o[object.Key][offset:])), nil
}

// verified is the result of a job that verifies the blocks of an object, in invocations of so many looks at the clock.
func verified(t *testing.T, from objects, looks int, headers hashjob.HeadersOptions, input hashjob.S3Input) (*hashjob.HeadersResult, int) {
	t.Helper()
	input.Bucket = "media"
	asked := hashjob.Job{Version: hashjob.Version, ID: "blocks", Kind: hashjob.VerifyHeaders, Headers: &headers,
		Input: &hashjob.Input{S3: &input}}
	if err := asked.Check(); err != nil {
		t.Fatal(err)
	}
	now := time.Unix(0, 0)
	runner := &jobs.Runner{Objects: from, Now: func() time.Time { now = now.Add(time.Second); return now }}
	invocation := jobs.Invocation{}
	for count := 1; ; count++ {
		invocation.Until = now.Add(time.Duration(looks) * time.Second)
		step, err := runner.Run(t.Context(), asked, invocation)
		if err != nil {
			t.Fatal(err)
		}
		if step.Next == nil {
			return step.Result.Headers, count
		}
		written, err := json.Marshal(step.Next)
		if err != nil {
			t.Fatal(err)
		}
		invocation.From = new(jobs.Checkpoint)
		if err := json.Unmarshal(written, invocation.From); err != nil {
			t.Fatal(err)
		}
	}
}

// Two archives of Sepolia, and the chain of the interface tests by its own genesis: a job comes to the
// same over several invocations, each of which begins in the middle of a file.
func TestJobsVerifyRealBlocksInOneGoAndInSteps(t *testing.T) {
	const eras, folder = "core/rawdb/eradb/testdata/", "cmd/devp2p/internal/ethtest/testdata/"
	genesis := hashjob.Object("")
	if err := genesis.UnmarshalJSON(testData(t, folder+"genesis.json")); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		from    objects
		headers hashjob.HeadersOptions
		input   hashjob.S3Input
		want    hashjob.HeadersResult
	}{
		"Sepolia": {
			objects{"0.era1": testData(t, eras+"sepolia-00000-643a00f7.era1")},
			hashjob.HeadersOptions{Chain: "ethereum", Network: "sepolia"}, hashjob.S3Input{Key: "0.era1", Form: hashjob.FormArchive},
			hashjob.HeadersResult{Valid: true, Headers: 8192, Ethereum: &hashjob.EthereumResult{Genesis: true, Fork: "london",
				TransactionRoots: 8192, ReceiptRoots: 8192}},
		},
		"Sepolia with transactions": {
			objects{"21.era1": testData(t, eras+"sepolia-00021-b8814b14.era1")},
			hashjob.HeadersOptions{Chain: "ethereum", Network: "sepolia"}, hashjob.S3Input{Key: "21.era1", Form: hashjob.FormArchive},
			hashjob.HeadersResult{Valid: true, Headers: 8192, FirstHeight: 21 * 8192, Ethereum: &hashjob.EthereumResult{Fork: "london",
				TransactionRoots: 8192, Transactions: 1, ReceiptRoots: 8192, Receipts: 1}},
		},
		"the interface tests": {
			objects{"chain.rlp": testData(t, folder+"chain.rlp")},
			hashjob.HeadersOptions{Chain: "ethereum", Network: "unknown", Genesis: genesis}, hashjob.S3Input{Key: "chain.rlp", Form: hashjob.FormExport},
			hashjob.HeadersResult{Valid: true, Headers: 500, FirstHeight: 1, Ethereum: &hashjob.EthereumResult{Fork: "amsterdam",
				TransactionRoots: 500, Transactions: 500}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			whole, _ := verified(t, test.from, 1<<30, test.headers, test.input)
			stepped, invocations := verified(t, test.from, 3, test.headers, test.input)
			if difference := cmp.Diff(whole, stepped); difference != "" || invocations < 2 {
				t.Errorf("in %d invocations (-whole +stepped):\n%s", invocations, difference)
			}
			if whole.Valid != test.want.Valid || whole.Headers < test.want.Headers || whole.FirstHeight != test.want.FirstHeight ||
				whole.Ethereum.Genesis != test.want.Ethereum.Genesis || whole.Ethereum.Fork != test.want.Ethereum.Fork ||
				whole.Ethereum.TransactionRoots < test.want.Ethereum.TransactionRoots || whole.Ethereum.ReceiptRoots < test.want.Ethereum.ReceiptRoots ||
				whole.Ethereum.Transactions < test.want.Ethereum.Transactions || whole.Ethereum.Receipts < test.want.Ethereum.Receipts || !strings.HasPrefix(whole.Tip, "0x") {
				t.Errorf("%+v %+v", whole, whole.Ethereum)
			}
			t.Logf("%d invocations: %+v %+v", invocations, whole, whole.Ethereum)
		})
	}
}
