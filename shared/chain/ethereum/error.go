package ethereum

import (
	"fmt"
	"strings"
)

// Rule is what a block can break.
type Rule string

// The rules.
const (
	// RuleForm: the serialisation is canonical RLP with the fields that headers and blocks have.
	RuleForm Rule = "form"
	// RuleFork: the header has the fields of the fork that is active at its number and time, and no others.
	RuleFork Rule = "fork"
	// RuleGenesis: the block of number 0 is the network's.
	RuleGenesis Rule = "genesis"
	// RuleLinkage: the parent's hash and number are those of the header before.
	RuleLinkage Rule = "linkage"
	// RuleTimestamp: the time is after the parent's.
	RuleTimestamp Rule = "timestamp"
	// RuleGas: the gas limit is within a 1024th of the parent's (Yellow Paper, 4.3.4), and the gas used within the limit.
	RuleGas Rule = "gas"
	// RuleBaseFee: the base fee follows from the parent (EIP-1559).
	RuleBaseFee Rule = "base-fee"
	// RuleBlobGas: the blob gas used is of whole blobs within the limit, and the excess follows from the parent (EIP-4844,
	// EIP-7691, EIP-7892, EIP-7918).
	RuleBlobGas Rule = "blob-gas"
	// RuleExtraData: there are at most 32 bytes of extra data.
	RuleExtraData Rule = "extra-data"
	// RuleProofOfStake: from the Merge on difficulty and nonce are 0 and there are no uncles (EIP-3675).
	RuleProofOfStake Rule = "proof-of-stake"
	// RuleRoot: a root in the header is that of what came with it: transactions, receipts, uncles, withdrawals.
	RuleRoot Rule = "root"
)

// Error says which block breaks which rule, in which field and how.
type Error struct {
	// Index is the block's place in what was given, from 0.
	Index uint64 `json:"index"`
	// Number is the block's number as far as its header could be read.
	Number uint64 `json:"number"`
	Rule   Rule   `json:"rule"`
	// Field is the field's name in the JSON-RPC interface, or "header" or "body" for the whole.
	Field  string `json:"field"`
	Reason string `json:"reason"`
	cause  error
}

// Error names the place, the rule and the field.
func (e *Error) Error() string {
	return fmt.Sprintf("block %d (index %d): %s: %s: %s", e.Number, e.Index, e.Rule, e.Field, e.Reason)
}

// Unwrap is what reading failed with, if it did.
func (e *Error) Unwrap() error { return e.cause }

// breaks is an *Error whose place is still to be set.
func breaks(rule Rule, field, format string, arguments ...any) error {
	broken := &Error{Rule: rule, Field: field}
	for _, argument := range arguments {
		if cause, ok := argument.(error); ok {
			broken.cause = cause
		}
	}
	broken.Reason = fmt.Sprintf(strings.ReplaceAll(format, "%w", "%v"), arguments...)
	return broken
}
