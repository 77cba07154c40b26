package ethereum

import (
	"math/big"
	"math/bits"
)

const (
	// initialBaseFee is the base fee of the first block with one, elasticity how many times the gas target the limit is,
	// and feeDenominator bounds the change of a base fee (EIP-1559).
	initialBaseFee = 1_000_000_000
	elasticity     = 2
	feeDenominator = 8
	// gasPerBlob is from EIP-4844, blobBaseCost from EIP-7918.
	gasPerBlob   = 1 << 17
	blobBaseCost = 1 << 13
)

// nextBaseFee is the base fee of the block after the parent, which has one (EIP-1559).
func nextBaseFee(parent *Header) Quantity {
	target := parent.GasLimit / elasticity
	if parent.GasUsed == target || target == 0 {
		return parent.BaseFeePerGas
	}
	above := parent.GasUsed > target
	delta := target - parent.GasUsed
	if above {
		delta = parent.GasUsed - target
	}
	if fee, fits := parent.BaseFeePerGas.Uint64(); fits && delta <= target {
		return nextSmallBaseFee(fee, delta, target, above)
	}
	fee := parent.BaseFeePerGas.Big()
	change := new(big.Int).Mul(fee, new(big.Int).SetUint64(delta))
	change.Div(change, new(big.Int).SetUint64(target)).Div(change, big.NewInt(feeDenominator))
	if !above {
		fee.Sub(fee, change)
	} else if change.Sign() == 0 {
		fee.Add(fee, big.NewInt(1))
	} else {
		fee.Add(fee, change)
	}
	next, err := QuantityOf(fee)
	if err != nil {
		return Quantity{} // beyond 256 bits no header has it
	}
	return next
}

// nextSmallBaseFee is nextBaseFee for a fee of 64 bits, which all are unless gas costs more than 18 ether. The delta is
// not above the target.
func nextSmallBaseFee(fee, delta, target uint64, above bool) Quantity {
	high, low := bits.Mul64(fee, delta)
	change := fee // of delta == target
	if high < target {
		change, _ = bits.Div64(high, low, target)
	}
	change /= feeDenominator
	if !above {
		return NewQuantity(fee - change)
	}
	sum, carry := bits.Add64(fee, max(change, 1), 0)
	next := NewQuantity(sum)
	next[23] = byte(carry) // #nosec G115 -- 0 or 1
	return next
}

// nextExcessBlobGas is the excess of the block after the parent, under the limits of that block and, with the reserve of
// EIP-7918, under Osaka. It is false where the parent's fields are such that no block can follow.
func nextExcessBlobGas(parent *Header, limit blobLimit, osaka bool) (uint64, bool) {
	sum, carry := bits.Add64(parent.ExcessBlobGas, parent.BlobGasUsed, 0)
	target := limit.target * gasPerBlob
	if carry > 0 {
		return 0, false
	}
	if sum < target {
		return 0, true
	}
	if osaka && belowReserve(parent, limit) {
		high, low := bits.Mul64(parent.BlobGasUsed, limit.most-limit.target)
		scaled, _ := bits.Div64(high, low, limit.most) // less than the gas used, so it fits
		return parent.ExcessBlobGas + scaled, true
	}
	return sum - target, true
}

// belowReserve tells whether a blob costs less than the execution that it stands for.
func belowReserve(parent *Header, limit blobLimit) bool {
	// e^190 is beyond what any reserve of 256 bits is over a blob's gas; without the bound a wrong excess would be
	// reckoned with for ever.
	if parent.ExcessBlobGas/limit.fraction >= 190 {
		return false
	}
	reserve := new(big.Int).Mul(big.NewInt(blobBaseCost), parent.BaseFeePerGas.Big())
	price := new(big.Int).Mul(big.NewInt(gasPerBlob), blobBaseFee(parent.ExcessBlobGas, limit.fraction))
	return reserve.Cmp(price) > 0
}

// blobBaseFee is e to the power of excess over fraction, by the integers of EIP-4844's fake_exponential.
func blobBaseFee(excess, fraction uint64) *big.Int {
	numerator, denominator := new(big.Int).SetUint64(excess), new(big.Int).SetUint64(fraction)
	sum, term := new(big.Int), new(big.Int).Set(denominator)
	for step := int64(1); term.Sign() > 0; step++ {
		sum.Add(sum, term)
		term.Mul(term, numerator).Div(term, denominator).Div(term, big.NewInt(step))
	}
	return sum.Div(sum, denominator)
}
