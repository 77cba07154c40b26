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

// consensus is an endpoint of the Beacon API (ethereum.github.io/beacon-APIs).
type consensus struct {
	client  *http.Client
	address string
}

// sample asks for the head's slot, when that slot was, the chain and the finalised epoch, and for peers where own is true.
func (c consensus) sample(ctx context.Context, own bool) (Sample, error) {
	var sample Sample
	var genesis, slotSeconds uint64
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		begin := time.Now()
		err := c.head(ctx, &sample)
		sample.Latency = time.Since(begin)
		return err
	})
	group.Go(func() (err error) {
		var answer struct {
			ChainID string `json:"chain_id"`
		}
		if err := c.get(ctx, "/eth/v1/config/deposit_contract", &answer); err != nil {
			return err
		}
		sample.ChainID, err = decimal("chain_id", answer.ChainID)
		return err
	})
	group.Go(func() (err error) {
		genesis, slotSeconds, err = c.clock(ctx)
		return err
	})
	group.Go(func() (err error) {
		sample.Anchor, err = c.finalised(ctx)
		return err
	})
	if own {
		group.Go(func() error {
			var answer struct{ Connected string }
			if err := c.get(ctx, "/eth/v1/node/peer_count", &answer); err != nil {
				return err
			}
			peers, err := decimal("connected", answer.Connected)
			sample.Peers = &peers
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Sample{}, err
	}
	if sample.Height > 1<<40 {
		return Sample{}, errors.New("its head is a slot that no chain reaches")
	}
	sample.HeadTime = time.Unix(int64(genesis+sample.Height*slotSeconds), 0) // #nosec G115 -- at most 2^53
	return sample, nil
}

func (c consensus) head(ctx context.Context, sample *Sample) error {
	var answer struct {
		HeadSlot   string `json:"head_slot"`
		IsSyncing  *bool  `json:"is_syncing"`
		Optimistic bool   `json:"is_optimistic"`
		ELOffline  bool   `json:"el_offline"`
	}
	if err := c.get(ctx, "/eth/v1/node/syncing", &answer); err != nil {
		return err
	}
	if answer.IsSyncing == nil {
		return errors.New("/eth/v1/node/syncing: it does not say whether it is syncing")
	}
	// An optimistic node follows a chain that its execution client has not verified: it is still catching up.
	sample.Syncing, sample.ExecutionOffline = *answer.IsSyncing || answer.Optimistic, answer.ELOffline
	var err error
	sample.Height, err = decimal("head_slot", answer.HeadSlot)
	return err
}

// clock is when slot 0 began and how long a slot is, in seconds.
func (c consensus) clock(ctx context.Context) (genesis, slot uint64, err error) {
	var begin struct {
		Time string `json:"genesis_time"`
	}
	if err := c.get(ctx, "/eth/v1/beacon/genesis", &begin); err != nil {
		return 0, 0, err
	}
	var spec struct {
		Seconds string `json:"SECONDS_PER_SLOT"`
	}
	if err := c.get(ctx, "/eth/v1/config/spec", &spec); err != nil {
		return 0, 0, err
	}
	if genesis, err = decimal("genesis_time", begin.Time); err != nil {
		return 0, 0, err
	}
	slot, err = decimal("SECONDS_PER_SLOT", spec.Seconds)
	if err == nil && (slot == 0 || slot > 3600 || genesis > 1<<40) {
		err = errors.New("genesis_time or SECONDS_PER_SLOT is nothing that a chain can have")
	}
	return genesis, slot, err
}

// finalised is the finalised epoch, which all nodes that know it must agree on.
func (c consensus) finalised(ctx context.Context) (*Anchor, error) {
	var answer struct {
		Finalized struct{ Epoch, Root string }
	}
	if err := c.get(ctx, "/eth/v1/beacon/states/head/finality_checkpoints", &answer); err != nil {
		return nil, err
	}
	epoch, err := decimal("epoch", answer.Finalized.Epoch)
	if err != nil || !isHash(answer.Finalized.Root) {
		return nil, errors.New("/eth/v1/beacon/states/head/finality_checkpoints: it answered no epoch with a root")
	}
	return &Anchor{Height: epoch, Hash: strings.ToLower(answer.Finalized.Root)}, nil
}

// get reads the data of an answer.
func (c consensus) get(ctx context.Context, path string, into any) error {
	answer, err := call(ctx, c.client, http.MethodGet, join(c.address, path), nil)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var response struct{ Data json.RawMessage }
	if json.Unmarshal(answer, &response) != nil || json.Unmarshal(response.Data, into) != nil {
		return fmt.Errorf("%s: its answer is not of the Beacon API", path)
	}
	return nil
}

func decimal(name, text string) (uint64, error) {
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is no number", name)
	}
	return number, nil
}
