package chainwatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"davit/shared/names"
	"davit/shared/settings/nodes"
)

// node is a JSON-RPC endpoint whose answers are the results by method.
type node struct {
	mutex   sync.Mutex
	results map[string]string
	calls   map[string]int
}

func newNode() *node {
	return &node{calls: map[string]int{}, results: map[string]string{"eth_chainId": `"0x1"`, "net_peerCount": `"0x19"`,
		"eth_syncing": "false"}}
}

func (n *node) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var asked struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params []any           `json:"params"`
	}
	if json.NewDecoder(io.LimitReader(request.Body, 1<<16)).Decode(&asked) != nil {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	n.mutex.Lock()
	n.calls[asked.Method]++
	result := n.results[asked.Method]
	n.mutex.Unlock()
	if result == "" && asked.Method == "eth_getBlockByNumber" {
		height := "0x3e8"
		if asked.Params[0] != "latest" {
			height = fmt.Sprint(asked.Params[0])
		}
		result = block(height, now.Add(-6*time.Second), "0x"+strings.Repeat("ab", 32))
	}
	_, _ = fmt.Fprintf(w, `{"jsonrpc": "2.0", "id": %s, "result": %s}`, asked.ID, result)
}

func block(height string, made time.Time, hash string) string {
	return fmt.Sprintf(`{"number": %q, "timestamp": "0x%x", "hash": %q, "transactions": []}`, height, made.Unix(), hash)
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// fixed are addresses by the name of their parameter.
type fixed map[string]string

func (f fixed) Addresses(_ context.Context, parameters []string) (map[string]string, error) {
	if _, away := f["away"]; away {
		return nil, errors.New("away")
	}
	return f, nil
}

func collect(t *testing.T, addresses fixed, watched ...nodes.Node) []Observation {
	t.Helper()
	collector := NewCollector(addresses)
	collector.now = func() time.Time { return now }
	return collector.Collect(t.Context(), nodes.Document{Version: nodes.Version, Nodes: watched})
}

func TestAnExecutionClientIsSeenWithItsReferences(t *testing.T) {
	own, reference := newNode(), newNode()
	address := serve(t, reference)
	const exporter = "# HELP node_filesystem_size_bytes Size.\n" +
		`node_filesystem_size_bytes{device="/dev/nvme1n1",fstype="ext4",mountpoint="/data/other"} 5` + "\n" +
		`node_filesystem_size_bytes{device="/dev/nvme1n1",fstype="ext4",mountpoint="/data"} 2e+12` + "\n" +
		`node_filesystem_avail_bytes{device="/dev/nvme1n1",fstype="ext4",mountpoint="/data"} 5e+11 1700000000000` + "\n"
	disk := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, exporter) }))
	watched := nodes.Node{Name: "mainnet", Kind: nodes.Execution, ChainID: 1, Endpoint: nodes.Endpoint{Parameter: "/davit/chain/own"},
		References: []nodes.Endpoint{{URL: address + "/v3/key"}},
		Disk:       &nodes.Disk{Endpoint: nodes.Endpoint{URL: disk}, Mount: "/data"}}
	second := watched
	second.Name, second.Disk = "again", nil
	seen := collect(t, fixed{"/davit/chain/own": serve(t, own)}, watched, second)[0]
	seen.Own.Latency, seen.References[0].Latency = 0, 0
	anchor := &Anchor{Height: 968, Hash: "0x" + strings.Repeat("ab", 32)}
	head := now.Add(-6 * time.Second)
	want := Observation{Node: watched,
		Own:        Sample{Endpoint: "/davit/chain/own", ChainID: 1, Height: 1000, HeadTime: head, Peers: peers(25), Anchor: anchor},
		References: []Sample{{Endpoint: address, ChainID: 1, Height: 1000, HeadTime: head, Anchor: anchor}},
		Disk:       &DiskSample{Used: 75}}
	if difference := cmp.Diff(want, seen); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
	if reference.calls["net_peerCount"]+reference.calls["eth_syncing"] > 0 || reference.calls["eth_chainId"] != 1 {
		t.Errorf("the reference was asked %v", reference.calls)
	}
	if reasons := Judge(now, seen).Reasons; len(reasons) > 0 {
		t.Errorf("%v", reasons)
	}
}

// A node that is dead or lies in any of these ways must be a failure, in words that show neither its address nor what it
// wrote.
func TestANodeThatDoesNotAnswerAsItMustIsAFailure(t *testing.T) {
	const secret = "s3cr3t"
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	hang := http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body) // only then does the server see that the client has gone
		<-request.Context().Done()
	})
	answer := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	with := func(method, result string) http.Handler {
		made := newNode()
		made.results[method] = result
		return made
	}
	hash := "0x" + strings.Repeat("ab", 32)
	for name, test := range map[string]struct {
		handler http.Handler
		want    string
	}{
		"it is away":                    {nil, "refused"},
		"it hangs":                      {hang, "did not answer"},
		"it answers status 401":         {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusUnauthorized) }), "401"},
		"it sends elsewhere":            {http.RedirectHandler("http://127.0.0.1:1/"+secret, http.StatusTemporaryRedirect), "307"},
		"it answers a page":             {answer("<html>" + secret), "no JSON-RPC"},
		"it answers too much":           {answer(strings.Repeat(" ", maximumAnswer+1)), "longer than"},
		"it answers an error":           {answer(`{"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "` + secret + `"}}`), "error -32000"},
		"it answers another call":       {answer(`{"jsonrpc": "2.0", "id": 2, "result": "0x1"}`), "another call"},
		"it has no head":                {with("eth_getBlockByNumber", "null"), "no block"},
		"its head is no number":         {with("eth_getBlockByNumber", block("1000", now, hash)), "form"},
		"its head has no hash":          {with("eth_getBlockByNumber", block("0x1", now, secret)), "form"},
		"its head is of a time unheard": {with("eth_getBlockByNumber", block("0x1", time.Unix(1<<41, 0), hash)), "form"},
		"its chain is no number":        {with("eth_chainId", `"`+secret+`"`), "eth_chainId"},
		"its peers are no number":       {with("net_peerCount", `{}`), "net_peerCount"},
		"its sync state is neither":     {with("eth_syncing", `"`+secret+`"`), "eth_syncing"},
	} {
		t.Run(name, func(t *testing.T) {
			address := closed.URL
			if test.handler != nil {
				address = serve(t, test.handler)
			}
			collector := NewCollector(fixed{})
			if strings.Contains(name, "hangs") {
				collector.client.Timeout = 50 * time.Millisecond
			}
			seen := collector.Collect(t.Context(), nodes.Document{Nodes: []nodes.Node{{Name: "n", Kind: nodes.Execution, ChainID: 1,
				Endpoint: nodes.Endpoint{URL: strings.Replace(address, "://", "://user:"+secret+"@", 1) + "/" + secret + "?key=" + secret}}}})[0]
			if !strings.Contains(seen.Own.Failure, test.want) {
				t.Errorf("%q does not say %q", seen.Own.Failure, test.want)
			}
			if verdict := Judge(now, seen); !verdict.Unhealthy || strings.Contains(fmt.Sprint(verdict, seen.Own), secret) {
				t.Errorf("%+v", verdict)
			}
		})
	}
}

func TestAnAddressThatCannotBeReadIsAFailureOfItsNode(t *testing.T) {
	watched := nodes.Node{Name: "n", Kind: nodes.Execution, ChainID: 1, Endpoint: nodes.Endpoint{Parameter: "/davit/chain/own"}}
	for want, addresses := range map[string]fixed{
		"cannot be read": {"away": ""}, "there is no parameter": {}, "no address": {"/davit/chain/own": "ftp://node"},
	} {
		if seen := collect(t, addresses, watched)[0]; !strings.Contains(seen.Own.Failure, want) {
			t.Errorf("%q does not say %q", seen.Own.Failure, want)
		}
	}
}

// A node that does not have a block that it must have, since it is below its head, is not to be believed.
func TestANodeWithoutTheBlocksBelowItsHeadIsAFailure(t *testing.T) {
	own := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		if bytes.Contains(body, []byte("0x3c8")) {
			_, _ = io.WriteString(w, `{"jsonrpc": "2.0", "id": 1, "result": null}`)
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		newNode().ServeHTTP(w, request)
	})
	seen := collect(t, nil, nodes.Node{Name: "n", Kind: nodes.Execution, ChainID: 1, Endpoint: nodes.Endpoint{URL: serve(t, own)},
		References: []nodes.Endpoint{{URL: serve(t, newNode())}}})[0]
	if !strings.Contains(seen.Own.Failure, "block 968") {
		t.Errorf("%+v", seen.Own)
	}
}

// beacon is a Beacon API whose answers are by path.
func beacon(changes map[string]string) http.Handler {
	answers := map[string]string{
		"/eth/v1/node/syncing":                            `{"head_slot": "100", "sync_distance": "0", "is_syncing": false, "is_optimistic": false, "el_offline": false}`,
		"/eth/v1/node/peer_count":                         `{"disconnected": "3", "connecting": "0", "connected": "40", "disconnecting": "0"}`,
		"/eth/v1/config/deposit_contract":                 `{"chain_id": "1", "address": "0x00000000219ab540356cbb839cbe05303d7705fa"}`,
		"/eth/v1/beacon/genesis":                          fmt.Sprintf(`{"genesis_time": "%d"}`, now.Unix()-1206),
		"/eth/v1/config/spec":                             `{"SECONDS_PER_SLOT": "12", "DEPOSIT_CHAIN_ID": "1"}`,
		"/eth/v1/beacon/states/head/finality_checkpoints": `{"finalized": {"epoch": "1", "root": "0x` + strings.Repeat("CD", 32) + `"}}`,
	}
	for path, answer := range changes {
		answers[path] = answer
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		answer, known := answers[strings.TrimPrefix(request.URL.Path, "/base")]
		if !known || request.Method != http.MethodGet || request.URL.RawQuery != "key=1" {
			http.NotFound(w, request)
			return
		}
		_, _ = fmt.Fprintf(w, `{"data": %s}`, answer)
	})
}

func TestAConsensusClientIsSeenWithItsReferences(t *testing.T) {
	ahead := map[string]string{"/eth/v1/node/syncing": `{"head_slot": "103", "is_syncing": false}`}
	watched := nodes.Node{Name: "beacon", Kind: nodes.Consensus, ChainID: 1,
		Endpoint:   nodes.Endpoint{URL: serve(t, beacon(nil)) + "/base/?key=1"},
		References: []nodes.Endpoint{{URL: serve(t, beacon(ahead)) + "?key=1"}}}
	seen := collect(t, nil, watched)[0]
	seen.Own.Latency = 0
	want := Sample{Endpoint: watched.Endpoint.String(), ChainID: 1, Height: 100, HeadTime: now.Add(-6 * time.Second), Peers: peers(40),
		Anchor: &Anchor{Height: 1, Hash: "0x" + strings.Repeat("cd", 32)}}
	if difference := cmp.Diff(want, seen.Own); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
	if have := gauges(Judge(now, seen)); have[names.MetricBlocksBehind] != 3 || have[names.MetricHeadAge] != 6 {
		t.Errorf("%v", have)
	}
}

func TestAConsensusClientThatLiesIsAFailure(t *testing.T) {
	for name, changes := range map[string]map[string]string{
		"no head":            {"/eth/v1/node/syncing": `{"is_syncing": false}`},
		"no sync state":      {"/eth/v1/node/syncing": `{"head_slot": "1"}`},
		"no peers":           {"/eth/v1/node/peer_count": `{}`},
		"no chain":           {"/eth/v1/config/deposit_contract": `{}`},
		"slots of no length": {"/eth/v1/config/spec": `{"SECONDS_PER_SLOT": "0"}`},
		"no finalised epoch": {"/eth/v1/beacon/states/head/finality_checkpoints": `{}`},
		"a list":             {"/eth/v1/beacon/genesis": `[]`},
		"a slot beyond all":  {"/eth/v1/node/syncing": `{"head_slot": "18446744073709551615", "is_syncing": false}`},
	} {
		seen := collect(t, nil, nodes.Node{Name: "n", Kind: nodes.Consensus, ChainID: 1,
			Endpoint: nodes.Endpoint{URL: serve(t, beacon(changes)) + "?key=1"}})[0]
		if seen.Own.Failure == "" {
			t.Errorf("%s: %+v", name, seen.Own)
		}
	}
	optimistic := map[string]string{"/eth/v1/node/syncing": `{"head_slot": "100", "is_syncing": false, "is_optimistic": true, "el_offline": true}`}
	seen := collect(t, nil, nodes.Node{Name: "n", Kind: nodes.Consensus, ChainID: 1,
		Endpoint: nodes.Endpoint{URL: serve(t, beacon(optimistic)) + "?key=1"}})[0]
	if !seen.Own.Syncing || !seen.Own.ExecutionOffline {
		t.Errorf("%+v", seen.Own)
	}
}

func TestADiskThatCannotBeReadSaysWhy(t *testing.T) {
	for want, text := range map[string]string{
		"there is no": "node_filesystem_size_bytes{xmountpoint=\"/data\"} 1\n",
		"no number":   "node_filesystem_size_bytes{mountpoint=\"/data\"} NaN\n",
		"cannot have": "node_filesystem_size_bytes{mountpoint=\"/data\"} 1\nnode_filesystem_avail_bytes{mountpoint=\"/data\"} 2\n",
	} {
		address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
		if _, err := readDisk(t.Context(), newHTTPClient(), address, "/data"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The line that CloudWatch makes metrics of, and the reasons in the log.
func TestALookWritesALineOfMetricsForEachNode(t *testing.T) {
	document, err := nodes.Document{Nodes: []nodes.Node{
		{Name: "alive", Kind: nodes.Execution, ChainID: 1, Endpoint: nodes.Endpoint{URL: serve(t, newNode())}},
		{Name: "dead", Kind: nodes.Execution, ChainID: 1, Endpoint: nodes.Endpoint{Parameter: "/davit/chain/dead"}},
	}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var metrics, log bytes.Buffer
	addresses := fixed{names.ChainwatchParameter: string(document)}
	watch := Watch{Parameters: addresses, Parameter: names.ChainwatchParameter, Collector: NewCollector(addresses), Metrics: &metrics,
		Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }}
	if err := watch.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	var lines []map[string]any
	for decoder := json.NewDecoder(&metrics); decoder.More(); {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if len(lines) != 2 || lines[0]["Node"] != "alive" || lines[0]["Height"] != 1000.0 || lines[0]["Unhealthy"] != 0.0 {
		t.Fatalf("%v", lines)
	}
	want := map[string]any{"Node": "dead", "Unhealthy": 1.0, "_aws": map[string]any{"Timestamp": float64(now.UnixMilli()),
		"CloudWatchMetrics": []any{map[string]any{"Namespace": "davit", "Dimensions": []any{[]any{"Node"}},
			"Metrics": []any{map[string]any{"Name": "Unhealthy", "Unit": "Count"}}}}}}
	if difference := cmp.Diff(want, lines[1]); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
	if !strings.Contains(log.String(), "code=unreachable") || !strings.Contains(log.String(), "code=no-reference") {
		t.Errorf("%s", log.String())
	}
	addresses[names.ChainwatchParameter] = "{}"
	if err := watch.Look(t.Context()); !errors.Is(err, nodes.ErrInvalid) {
		t.Errorf("without nodes: %v", err)
	}
}

// FuzzAnswers: whatever a node answers, it is a sample or a failure.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"jsonrpc": "2.0", "id": 1, "result": {"number": "0x1", "timestamp": "0x1", "hash": "0x"}}`), false)
	f.Add([]byte(`{"data": {"head_slot": "1", "is_syncing": false}}`), true)
	f.Fuzz(func(t *testing.T, answer []byte, beacon bool) {
		client := &http.Client{Transport: canned(answer)}
		var sample Sample
		var err error
		if beacon {
			sample, err = consensus{client, "http://node"}.sample(t.Context(), true)
		} else {
			sample, err = execution{client, "http://node"}.sample(t.Context(), true)
		}
		if err == nil && (sample.Peers == nil || sample.HeadTime.IsZero()) {
			t.Fatalf("%+v", sample)
		}
	})
}

// canned is a transport with one answer.
type canned []byte

func (c canned) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(c)), Request: request}, nil
}
