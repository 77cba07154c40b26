package hashjob_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	events "davit/events/hashjob"
	"davit/shared/chain/ethereum"
	"davit/shared/chain/ethereum/rlp"
	"davit/shared/hashjob"
)

// mainnetLines are the first two headers of Ethereum's mainnet, one a line.
func mainnetLines(t testing.TB) []byte {
	t.Helper()
	lines, err := os.ReadFile("testdata/ethereum-mainnet-0-1.hex")
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// headerChain are so many headers of no network, each of which follows from the one before.
func headerChain(count int) [][]byte {
	uncles := ethereum.Keccak256([]byte{0xc0})
	headers := make([][]byte, count)
	var parent ethereum.Hash
	for index := range headers {
		number := uint64(index) + 100
		content := rlp.AppendString(nil, parent[:])
		content = rlp.AppendString(content, uncles[:])
		content = rlp.AppendString(content, make([]byte, 20))
		for range 3 {
			content = rlp.AppendString(content, ethereum.EmptyTrie[:])
		}
		content = rlp.AppendString(content, make([]byte, 256))
		for _, value := range []uint64{17, number, 5000, 0, number * 12} {
			content = rlp.AppendUint64(content, value)
		}
		content = rlp.AppendString(content, fmt.Append(nil, index))
		content = rlp.AppendString(content, make([]byte, 32))
		headers[index] = rlp.AppendList(nil, rlp.AppendString(content, make([]byte, 8)))
		parent = ethereum.Keccak256(headers[index])
	}
	return headers
}

func ethereumHeaders(t testing.TB, network string, input *events.Input) events.Job {
	return job(t, events.VerifyHeaders, func(j *events.Job) {
		j.Headers, j.Input = &events.HeadersOptions{Chain: events.ChainEthereum, Network: network}, input
	})
}

func TestTheFirstHeadersOfEthereumHold(t *testing.T) {
	lines := strings.Fields(string(mainnetLines(t)))
	objects := newBucket().put("in/headers", mainnetLines(t))
	for name, input := range map[string]*events.Input{"in the document": {Hex: lines}, "in S3": s3(events.FormHexLines, 0)} {
		runner := &hashjob.Runner{Objects: objects, Now: newClock().now}
		result := inOne(t, runner, ethereumHeaders(t, "mainnet", input))
		want := &events.HeadersResult{Valid: true, Chain: "ethereum", Network: "mainnet", Headers: 2,
			Tip:      "0x88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6",
			Ethereum: &events.EthereumResult{Genesis: true, Fork: "frontier"}}
		if difference := cmp.Diff(want, result.Headers); difference != "" {
			t.Errorf("%s (-want +have):\n%s", name, difference)
		}
	}
}

func TestHeadersOfEthereumComeToTheSameInOneGoAndInSteps(t *testing.T) {
	headers := headerChain(3000)
	objects := newBucket().put("in/1", bytes.Join(headers[:1234], nil)).put("in/2", bytes.Join(headers[1234:], nil))
	runner := &hashjob.Runner{Objects: objects, Now: newClock().now}
	asked := ethereumHeaders(t, "unknown", s3(events.FormExport, 0))
	whole := inOne(t, runner, asked)
	if !whole.Headers.Valid || whole.Headers.Headers != 3000 || whole.Headers.FirstHeight != 100 ||
		whole.Headers.Tip != ethereum.Keccak256(headers[2999]).String() {
		t.Fatalf("it is %+v", whole.Headers)
	}
	stepped, invocations := inSteps(t, runner, asked, 2)
	if difference := cmp.Diff(whole, stepped); difference != "" || invocations < 3 {
		t.Errorf("in %d invocations (-whole +stepped):\n%s", invocations, difference)
	}
}

func TestTheFirstHeaderOfEthereumThatDoesNotHoldIsNamed(t *testing.T) {
	headers := headerChain(700)
	changed := bytes.Clone(headers[600])
	changed[len(changed)-1]++
	broken := append(append(append([][]byte{}, headers[:600]...), changed), headers[601:]...)
	for name, test := range map[string]struct {
		headers [][]byte
		index   uint64
		rule    string
	}{
		"a header that was changed":   {broken, 601, "linkage"},
		"a header that is left out":   {append(append([][]byte{}, headers[:300]...), headers[301:]...), 300, "linkage"},
		"a header that is no list":    {append(append([][]byte{}, headers[:300]...), []byte{0x80}), 300, "form"},
		"a header with too few parts": {append(append([][]byte{}, headers[:300]...), []byte{0xc1, 0x80}), 300, "form"},
	} {
		t.Run(name, func(t *testing.T) {
			objects := newBucket().put("in/1", bytes.Join(test.headers, nil))
			runner := &hashjob.Runner{Objects: objects, Now: newClock().now}
			result, _ := inSteps(t, runner, ethereumHeaders(t, "unknown", s3(events.FormExport, 0)), 2)
			wrong := result.Headers.Wrong
			if result.Headers.Valid || wrong == nil || wrong.Index != test.index || wrong.Height != 100+test.index && test.rule == "form" ||
				wrong.Rule != test.rule || result.Headers.Headers != test.index {
				t.Errorf("%+v of %+v", wrong, result.Headers)
			}
		})
	}
}

func TestAFileThatIsNoListOfBlocksIsTheJobsFault(t *testing.T) {
	headers := headerChain(3)
	cut := bytes.Join(headers, nil)
	for name, test := range map[string]struct {
		form events.Form
		body []byte
		want string
	}{
		"cut off":    {events.FormExport, cut[:len(cut)-1], "ends within an item"},
		"no archive": {events.FormArchive, cut, "no era1 file"},
		"nothing":    {events.FormExport, nil, "no headers"},
		"odd digits": {events.FormHexLines, []byte(hex.EncodeToString(headers[0]) + "\n0x1\n"), "odd"},
	} {
		runner := &hashjob.Runner{Objects: newBucket().put("in/1", test.body), Now: newClock().now}
		_, err := runner.Run(t.Context(), ethereumHeaders(t, "unknown", s3(test.form, 0)), hashjob.Invocation{})
		var wrong *events.FieldError
		if !errors.As(err, &wrong) || !strings.Contains(wrong.Reason, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAConnectionThatBreaksIsNoVerdictOnBlocks(t *testing.T) {
	headers := headerChain(20)
	var lines []byte
	for _, header := range headers {
		lines = fmt.Appendf(lines, "%x\n", header)
	}
	// An era1 file that begins with a long header, in one frame of snappy that is not compressed.
	archive := append([]byte("e2\x00\x00\x00\x00\x00\x00\x03\x00\xff\x0f\x00\x00\x00\x00\xff\x06\x00\x00sNaPpY\x01\xe0\x0f\x00"), make([]byte, 4096)...)
	for form, body := range map[events.Form][]byte{events.FormExport: bytes.Join(headers, nil), events.FormHexLines: lines,
		events.FormArchive: archive} {
		runner := &hashjob.Runner{Objects: breaking{newBucket().put("in/1", body)}, Now: newClock().now}
		_, err := runner.Run(t.Context(), ethereumHeaders(t, "unknown", s3(form, 0)), hashjob.Invocation{})
		var wrong *events.FieldError
		if !errors.Is(err, errConnection) || errors.As(err, &wrong) {
			t.Errorf("%s: %v", form, err)
		}
	}
}
