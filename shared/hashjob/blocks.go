package hashjob

import (
	"errors"
	"io"

	"davit/events/hashjob"
	"davit/shared/chain/ethereum"
	"davit/shared/hashjob/stream"
)

const (
	// chunkBlocks is how many blocks a chunk holds, and chunkBlockBytes from how many bytes on it takes no more.
	chunkBlocks     = 256
	chunkBlockBytes = 1 << 20
)

// blockChunks cuts a file of Ethereum's blocks into chunks.
type blockChunks struct {
	from   *ethereum.Reader
	number uint64
	raw    []byte
	offset int64
}

// newBlockChunks reads an export, or an archive from its beginning or from between two blocks.
func newBlockChunks(form hashjob.Form, from io.Reader, continued bool, first uint64) *blockChunks {
	reader := ethereum.NewExportReader
	if form == hashjob.FormArchive {
		reader = func(from io.Reader) *ethereum.Reader { return ethereum.NewArchiveReader(from, continued) }
	}
	return &blockChunks{from: reader(from), number: first}
}

// Offset is how many bytes the chunks so far took.
func (b *blockChunks) Offset() int64 { return b.offset }

// Read fills the chunk; with io.EOF or another error it may hold the blocks before.
func (b *blockChunks) Read(into *stream.Chunk) error {
	into.Reset(b.number)
	for size := 0; into.Len() < chunkBlocks && size < chunkBlockBytes; size += len(b.raw) {
		var err error
		if b.raw, err = b.from.Append(b.raw[:0]); err != nil {
			return err
		}
		into.Add(b.raw)
		b.number++
		b.offset = b.from.Offset()
	}
	return nil
}

// ethereumHeaders is the handler of verify-headers for Ethereum. A later invocation goes on behind the last block.
type ethereumHeaders struct {
	*run
	network *ethereum.Network
	chain   *ethereum.Chain
	wrong   *hashjob.WrongHeader
}

func newEthereumHeaders(r *run) (handler, error) {
	network, err := ethereum.ParseNetwork(r.job.Headers.Network)
	if err != nil {
		return nil, hashjob.Wrong("headers.network", "%s", err)
	}
	if genesis := r.job.Headers.Genesis; genesis != "" {
		if network, err = ethereum.ReadGenesis([]byte(genesis)); err != nil {
			return nil, hashjob.Wrong("headers.genesis", "%s", err)
		}
	}
	made := &ethereumHeaders{run: r, network: network, chain: ethereum.NewChain(network)}
	if r.From.Blocks != nil {
		made.chain, err = ethereum.ContinueChain(network, *r.From.Blocks)
	}
	return made, err
}

// work takes the blocks apart and hashes their headers, up to the first that cannot be read.
func (h *ethereumHeaders) work(from *source, b *block) error {
	w := &b.work
	w.blocks.Reset()
	w.wrong, w.bytes, w.ends = nil, w.bytes[:0], w.ends[:0]
	for index := range b.Len() {
		var err error
		if w.bytes, err = from.appendItem(w.bytes, b, index); err != nil {
			return err
		}
		w.ends = append(w.ends, len(w.bytes))
	}
	for start, index := 0, 0; index < len(w.ends) && w.wrong == nil; start, index = w.ends[index], index+1 {
		parsed, err := ethereum.ParseBlock(w.bytes[start:w.ends[index]])
		if err != nil {
			w.wrong = err
			break
		}
		w.blocks.Add(parsed)
	}
	w.blocks.Hash()
	return nil
}

func (h *ethereumHeaders) take(from *source, b *block) error {
	for index := range b.work.blocks.Len() {
		if err := h.chain.AddFrom(&b.work.blocks, index); err != nil {
			return h.found(from, b, index, err)
		}
	}
	if b.work.wrong != nil {
		return h.found(from, b, b.work.blocks.Len(), b.work.wrong)
	}
	return nil
}

// found is the first block that does not hold.
func (h *ethereumHeaders) found(from *source, b *block, index int, err error) error {
	broken, ok := errors.AsType[*ethereum.Error](err)
	if !ok {
		return from.wrong(b, index, err)
	}
	number := broken.Number
	if summary := h.chain.Summary(); number == 0 && summary.Headers > 0 {
		number = summary.First + summary.Headers // the header could not be read
	}
	h.wrong = &hashjob.WrongHeader{Index: b.First + uint64(index), Height: number, // #nosec G115 -- an index
		Rule: string(broken.Rule), Reason: broken.Field + ": " + broken.Reason}
	return errAnswered
}

func (h *ethereumHeaders) pause(into *Checkpoint) error {
	state := h.chain.State()
	into.Blocks = &state
	return nil
}

func (h *ethereumHeaders) finish(into *Step) error {
	summary := h.chain.Summary()
	if summary.Headers == 0 && h.wrong == nil {
		return hashjob.Wrong(field(h.job.Input), "there are no headers")
	}
	into.Result.Items = summary.Headers
	into.Result.Headers = &hashjob.HeadersResult{Valid: h.wrong == nil, Chain: hashjob.ChainEthereum, Network: h.network.String(),
		Headers: summary.Headers, FirstHeight: summary.First, Wrong: h.wrong, Ethereum: &hashjob.EthereumResult{
			Genesis: summary.Genesis, Fork: summary.Fork, TransactionRoots: summary.TransactionRoots, Transactions: summary.Transactions,
			ReceiptRoots: summary.ReceiptRoots, Receipts: summary.Receipts, WithdrawalRoots: summary.WithdrawalRoots}}
	if summary.Headers > 0 {
		into.Result.Headers.Tip = summary.Tip.String()
	}
	return nil
}
