package ethereum

import (
	"errors"

	"davit/shared/chain/ethereum/rlp"
)

// checkContents holds the body and the receipts against the header, and counts them.
func (c *Chain) checkContents(block Block, found *Summary) error {
	if block.Body != nil {
		if err := c.checkBody(block.Body, found); err != nil {
			return err
		}
	}
	if block.Receipts != nil {
		return c.checkReceipts(block, found)
	}
	return nil
}

func (c *Chain) checkBody(body *Body, found *Summary) error {
	header := c.next
	if err := c.readValues(body.Transactions, true); err != nil {
		return breaks(RuleForm, "transactions", "%w", err)
	}
	if err := checkRoot("transactionsRoot", header.TransactionsRoot, c.trie.IndexRoot(c.values)); err != nil {
		return err
	}
	found.TransactionRoots++
	found.Transactions += uint64(len(c.values))
	var uncles Hash
	c.hasher.Append(uncles[:0], body.Uncles)
	if err := checkRoot("sha3Uncles", header.UnclesHash, uncles); err != nil {
		return err
	}
	if has := header.Shape.has(ShapeShanghai); has != (body.Withdrawals != nil) {
		return breaks(RuleForm, "withdrawals", "the body has the list: %t, the header its root: %t", !has, has)
	}
	if body.Withdrawals == nil {
		return nil
	}
	if err := c.readValues(body.Withdrawals, false); err != nil {
		return breaks(RuleForm, "withdrawals", "%w", err)
	}
	found.WithdrawalRoots++
	return checkRoot("withdrawalsRoot", header.WithdrawalsRoot, c.trie.IndexRoot(c.values))
}

func (c *Chain) checkReceipts(block Block, found *Summary) error {
	header := c.next
	if err := c.readValues(block.Receipts, true); err != nil {
		return breaks(RuleForm, "receipts", "%w", err)
	}
	transactions := found.Transactions - c.summary.Transactions
	if block.Body != nil && transactions != uint64(len(c.values)) {
		return breaks(RuleForm, "receipts", "there are %d of %d transactions", len(c.values), transactions)
	}
	if err := checkRoot("receiptsRoot", header.ReceiptsRoot, c.trie.IndexRoot(c.values)); err != nil {
		return err
	}
	found.ReceiptRoots++
	found.Receipts += uint64(len(c.values))
	var all outcome
	for _, receipt := range c.values {
		if err := all.add(receipt); err != nil {
			return breaks(RuleForm, "receipts", "%w", err)
		}
	}
	if err := checkBloom(header, &all.bloom); err != nil {
		return err
	}
	// From Amsterdam on a block's gas is not what its transactions are charged.
	if !header.Shape.has(ShapeAmsterdam) && header.GasUsed != all.gasUsed {
		return breaks(RuleRoot, "gasUsed", "%d in the header, %d in the last receipt", header.GasUsed, all.gasUsed)
	}
	return nil
}

var errEmptyValue = errors.New("an item is empty")

// readValues fills values with the items of a serialised list as they are in its trie: an item of a type is a string
// around it (EIP-2718), all others are lists.
func (c *Chain) readValues(list []byte, typed bool) error {
	c.values = c.values[:0]
	whole, err := rlp.ReadOne(list)
	if err != nil {
		return err
	}
	items, err := whole.Items()
	if err != nil {
		return err
	}
	for items.More() {
		item, err := items.Next()
		switch {
		case err != nil:
			return err
		case item.List:
			c.values = append(c.values, item.Raw)
		case !typed:
			return rlp.ErrKind
		case len(item.Content) == 0:
			return errEmptyValue
		default:
			c.values = append(c.values, item.Content)
		}
	}
	return nil
}

// outcome is what the receipts of a block come to.
type outcome struct {
	gasUsed uint64
	bloom   [256]byte
}

// add reads one receipt: status or state, the gas used so far, the bloom and the logs, after its type if it has one.
func (o *outcome) add(receipt []byte) error {
	if receipt[0] < 0x80 {
		receipt = receipt[1:]
	}
	whole, err := rlp.ReadOne(receipt)
	if err != nil {
		return err
	}
	items, err := whole.Items()
	if err != nil {
		return err
	}
	if _, err = items.Next(); err != nil {
		return err
	}
	gas, err := items.Next()
	if err != nil {
		return err
	}
	if o.gasUsed, err = gas.Uint64(); err != nil {
		return err
	}
	item, err := items.Next()
	if err != nil {
		return err
	}
	bloom, err := item.Fixed(len(o.bloom))
	for index, part := range bloom {
		o.bloom[index] |= part
	}
	return err
}
