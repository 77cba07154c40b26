package ethereum_test

import (
	"testing"

	"davit/shared/chain/ethereum"
)

// linked are headers of London without a transaction, one after another.
func linked(count int) [][]byte {
	headers := make([][]byte, count)
	header := ethereum.Header{Shape: ethereum.ShapeLondon, Number: 100, GasLimit: 10_000_000, UnclesHash: ethereum.Keccak256([]byte{0xc0}),
		TransactionsRoot: ethereum.EmptyTrie, ReceiptsRoot: ethereum.EmptyTrie, BaseFeePerGas: ethereum.NewQuantity(1_000_000_000),
		ExtraData: []byte("davit"), Timestamp: 1_700_000_000}
	for index := range headers {
		headers[index] = serialised(header)
		header.BaseFeePerGas = fee(header)
		header.ParentHash, header.Number, header.Timestamp = ethereum.Keccak256(headers[index]), header.Number+1, header.Timestamp+12
	}
	return headers
}

func TestAHeaderMoreCostsNoAllocation(t *testing.T) {
	const together = 128
	headers := linked(4 * together)
	var blocks ethereum.Blocks
	allocated := func(count int) float64 {
		return testing.AllocsPerRun(3, func() {
			chain := ethereum.NewChain(nil)
			for start := 0; start < count; start += together {
				blocks.Reset()
				for _, raw := range headers[start : start+together] {
					block, err := ethereum.ParseBlock(raw)
					if err != nil {
						t.Fatal(err)
					}
					blocks.Add(block)
				}
				blocks.Hash()
				for index := range blocks.Len() {
					if err := chain.AddFrom(&blocks, index); err != nil {
						t.Fatal(err)
					}
				}
			}
			if chain.Summary().Headers != uint64(count) {
				t.Fatalf("%d headers hold", chain.Summary().Headers)
			}
		})
	}
	if few, many := allocated(together), allocated(4*together); many > few {
		t.Errorf("%.0f allocations of %d headers, %.0f of %d", few, together, many, 4*together)
	}
}
