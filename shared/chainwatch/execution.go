package chainwatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// execution is a JSON-RPC endpoint (ethereum.github.io/execution-apis).
type execution struct {
	client  *http.Client
	address string
}

// sample asks for the head and the chain, and for peers and sync state where own is true: public endpoints often refuse
// those.
func (e execution) sample(ctx context.Context, own bool) (sample Sample, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		begin := time.Now()
		sample.Height, sample.HeadTime, _, err = e.block(ctx, "latest")
		sample.Latency = time.Since(begin)
		return err
	})
	group.Go(func() (err error) {
		sample.ChainID, err = e.number(ctx, "eth_chainId")
		return err
	})
	if own {
		group.Go(func() error {
			peers, err := e.number(ctx, "net_peerCount")
			sample.Peers = &peers
			return err
		})
		group.Go(func() (err error) {
			sample.Syncing, err = e.syncing(ctx)
			return err
		})
	}
	return sample, group.Wait()
}

// anchor is the hash of the block at the height.
func (e execution) anchor(ctx context.Context, height uint64) (*Anchor, error) {
	number, _, hash, err := e.block(ctx, "0x"+strconv.FormatUint(height, 16))
	if err == nil && number != height {
		err = fmt.Errorf("it answered block %d for block %d", number, height)
	}
	return &Anchor{Height: height, Hash: hash}, err
}

// syncing reads false, or an object with the state of what is going on.
func (e execution) syncing(ctx context.Context) (bool, error) {
	result, err := e.call(ctx, "eth_syncing")
	if err != nil {
		return false, err
	}
	switch {
	case string(result) == "false":
		return false, nil
	case len(result) > 0 && (result[0] == '{' || string(result) == "true"):
		return true, nil
	}
	return false, errors.New("eth_syncing: it answered something else than false or an object")
}

func (e execution) block(ctx context.Context, which string) (number uint64, made time.Time, hash string, err error) {
	result, err := e.call(ctx, "eth_getBlockByNumber", which, false)
	if err != nil {
		return 0, time.Time{}, "", err
	}
	var block *struct{ Number, Timestamp, Hash string }
	if err := json.Unmarshal(result, &block); err != nil || block == nil {
		return 0, time.Time{}, "", fmt.Errorf("eth_getBlockByNumber: it has no block %s", which)
	}
	seconds, timeErr := quantity(block.Timestamp)
	number, numberErr := quantity(block.Number)
	if timeErr != nil || numberErr != nil || seconds > 1<<40 || !isHash(block.Hash) {
		return 0, time.Time{}, "", errors.New("eth_getBlockByNumber: number, timestamp or hash is not of the form that it must have")
	}
	return number, time.Unix(int64(seconds), 0), strings.ToLower(block.Hash), nil // #nosec G115 -- at most 2^40
}

func (e execution) number(ctx context.Context, method string) (uint64, error) {
	result, err := e.call(ctx, method)
	if err != nil {
		return 0, err
	}
	var text string
	if err := json.Unmarshal(result, &text); err != nil {
		return 0, fmt.Errorf("%s: it answered no number", method)
	}
	number, err := quantity(text)
	if err != nil {
		return 0, fmt.Errorf("%s: it answered no number", method)
	}
	return number, nil
}

// call calls a method of JSON-RPC 2.0 and answers the raw result.
func (e execution) call(ctx context.Context, method string, parameters ...any) (json.RawMessage, error) {
	if parameters == nil {
		parameters = []any{}
	}
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	answer, err := call(ctx, e.client, http.MethodPost, e.address, request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	var response struct {
		ID     json.RawMessage `json:"id"`
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	switch err := json.Unmarshal(answer, &response); {
	case err != nil:
		return nil, fmt.Errorf("%s: its answer is no JSON-RPC", method)
	case response.Error != nil:
		return nil, fmt.Errorf("%s: it answered error %d", method, response.Error.Code)
	case string(response.ID) != "1" || len(response.Result) == 0:
		return nil, fmt.Errorf("%s: its answer is to another call, or has no result", method)
	}
	return response.Result, nil
}

// quantity reads 0x and hexadecimal digits.
func quantity(text string) (uint64, error) {
	digits, found := strings.CutPrefix(text, "0x")
	if !found {
		return 0, errors.New("no 0x")
	}
	return strconv.ParseUint(digits, 16, 64)
}

// isHash tells whether the text is 0x and 64 hexadecimal digits.
func isHash(text string) bool {
	digits, found := strings.CutPrefix(text, "0x")
	return found && len(digits) == 64 && strings.Trim(digits, "0123456789abcdefABCDEF") == ""
}
