package hashjob

import "fmt"

// The prefixes of the bucket's keys.
const (
	// DocumentsPrefix is where documents are put to be done.
	DocumentsPrefix = "jobs/"
	// ResultsPrefix holds results, WorkPrefix what invocations hand on, AnchorsPrefix what is locked.
	ResultsPrefix = "results/"
	WorkPrefix    = "work/"
	AnchorsPrefix = "anchors/"
)

// ResultPrefix is the prefix of all that a job's result has.
func ResultPrefix(id string) string { return ResultsPrefix + id + "/" }

// ResultKey is where a job's result is.
func ResultKey(id string) string { return ResultPrefix(id) + "result.json" }

// AnchorPrefix is the prefix of all that an anchor writes.
func AnchorPrefix(id string) string { return AnchorsPrefix + id + "/" }

// AnchorObjectsKey is where the list of an anchor's objects is: a line each, in their order, with the fields bucket and key.
func AnchorObjectsKey(id string) string { return AnchorPrefix(id) + "objects.jsonl" }

// AnchorTransactionKey is where the transaction of Ethereum is that carries an anchor's root.
func AnchorTransactionKey(id string) string { return AnchorPrefix(id) + "transaction.json" }

func proofsPrefix(id string) string { return AnchorPrefix(id) + "proofs/" }

// ProofKey is where the proof of an anchor's object is, by its place in the list of objects.
func ProofKey(id string, index int) string {
	return fmt.Sprintf("%s%08d.json", proofsPrefix(id), index)
}

func workPrefix(id string) string { return WorkPrefix + id + "/" }
