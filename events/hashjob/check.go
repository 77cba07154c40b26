package hashjob

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Limits of a document.
const (
	// MaximumKeys is how many objects a document may name one by one.
	MaximumKeys = 10_000
	// MaximumRecord is how long one input of FormRecords may be, in bytes.
	MaximumRecord = 4 << 20
	// MinimumSplit and MaximumSplit bound the inputs of one piece.
	MinimumSplit = 1 << 12
	MaximumSplit = 1 << 32
	// MaximumRetainDays is a hundred years.
	MaximumRetainDays = 36_500
)

// options are the names of the fields that hold options, and whether a document has them.
func (j *Job) options() map[string]bool {
	return map[string]bool{
		"digest": j.Digest != nil, "tree": j.Tree != nil, "prove": j.Prove != nil, "verify": j.Verify != nil,
		"headers": j.Headers != nil, "work": j.Work != nil, "anchor": j.Anchor != nil,
		"sign": j.Sign != nil,
	}
}

// rule says what the document of a kind has.
type rule struct {
	options  []string
	hasInput bool
	check    func(*Job) error
}

// rules are those of all kinds.
var rules = map[Kind]rule{
	Digest:        {[]string{"digest"}, true, (*Job).checkDigest},
	MerkleRoot:    {[]string{"tree"}, true, (*Job).checkTree},
	MerkleProof:   {[]string{"tree", "prove"}, true, (*Job).checkProve},
	MerkleVerify:  {[]string{"verify"}, false, (*Job).checkVerify},
	VerifyHeaders: {[]string{"headers"}, true, (*Job).checkHeaders},
	ProofOfWork:   {[]string{"work"}, false, (*Job).checkWork},
	Anchor:        {[]string{"anchor"}, true, (*Job).checkAnchor},
	Sign:          {[]string{"sign"}, false, (*Job).checkSign},
}

// Kinds are all kinds, in the order of their names.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(rules))
	for kind := range rules {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// Check says what is wrong with the document, as a *FieldError, or nil. It looks at no input yet.
func (j *Job) Check() error {
	switch {
	case j.Version != Version:
		return Wrong("version", "want %q, not %.20q", Version, j.Version)
	case !ValidID(j.ID):
		return Wrong("id", `want 1 to 128 letters, digits, ".", "_" and "-", beginning with a letter or digit`)
	}
	rule, known := rules[j.Kind]
	if !known {
		return Wrong("kind", "%.40q is none of %s", j.Kind, strings.Join(names(Kinds()), ", "))
	}
	if err := j.checkOptions(rule); err != nil {
		return err
	}
	if err := j.checkInput(rule); err != nil {
		return err
	}
	if err := rule.check(j); err != nil {
		return err
	}
	return j.checkSplit()
}

func (j *Job) checkOptions(rule rule) error {
	given := j.options()
	for _, name := range rule.options {
		if !given[name] {
			return Wrong(name, "it is missing: a job of kind %s has it", j.Kind)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if given[name] && !slices.Contains(rule.options, name) {
			return Wrong(name, "a job of kind %s does not have it", j.Kind)
		}
	}
	return nil
}

func (j *Job) checkInput(rule rule) error {
	switch {
	case !rule.hasInput && j.Input != nil:
		return Wrong("input", "a job of kind %s does not have it", j.Kind)
	case !rule.hasInput:
		return nil
	case j.Input == nil:
		return Wrong("input", "it is missing: a job of kind %s has it", j.Kind)
	}
	given := 0
	for _, one := range []bool{j.Input.Hex != nil, j.Input.Base64 != nil, j.Input.S3 != nil} {
		if one {
			given++
		}
	}
	if given != 1 {
		return Wrong("input", "want one of hex, base64 and s3, not %d of them", given)
	}
	if j.Input.S3 == nil {
		return nil
	}
	if err := j.Input.S3.check(); err != nil {
		return err
	}
	if form := j.Input.S3.Form; (form == FormExport || form == FormArchive) && (j.Headers == nil || j.Headers.Chain != ChainEthereum) {
		return Wrong("input.s3.form", "%s is for headers of %s", form, ChainEthereum)
	}
	return nil
}

var bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (s *S3Input) check() error {
	if !bucketPattern.MatchString(s.Bucket) {
		return Wrong("input.s3.bucket", "%.64q is no name of a bucket", s.Bucket)
	}
	given := 0
	for _, one := range []bool{s.Key != "", s.Keys != nil, s.Prefix != ""} {
		if one {
			given++
		}
	}
	switch {
	case given != 1:
		return Wrong("input.s3", "want one of key, keys and prefix, not %d of them", given)
	case len(s.Key) > 1024:
		return Wrong("input.s3.key", "it has %d bytes; a key has at most 1024", len(s.Key))
	case len(s.Prefix) > 1024:
		return Wrong("input.s3.prefix", "it has %d bytes; a key has at most 1024", len(s.Prefix))
	case s.Keys != nil && (len(s.Keys) == 0 || len(s.Keys) > MaximumKeys):
		return Wrong("input.s3.keys", "want 1 to %d, not %d", MaximumKeys, len(s.Keys))
	}
	for index, key := range s.Keys {
		if key == "" || len(key) > 1024 {
			return WrongAt("input.s3.keys", uint64(index), "it has %d bytes; a key has 1 to 1024", len(key)) // #nosec G115 -- an index
		}
	}
	return s.checkForm()
}

func (s *S3Input) checkForm() error {
	forms := []Form{FormHexLines, FormBase64Lines, FormRecords, FormObjects, FormExport, FormArchive}
	switch {
	case !slices.Contains(forms, s.Form):
		return Wrong("input.s3.form", "%.40q is none of %s", s.Form, strings.Join(names(forms), ", "))
	case s.Form != FormRecords && s.RecordBytes != 0:
		return Wrong("input.s3.record_bytes", "only the form %s has it", FormRecords)
	case s.Form == FormRecords && (s.RecordBytes < 1 || s.RecordBytes > MaximumRecord):
		return Wrong("input.s3.record_bytes", "want 1 to %d, not %d", MaximumRecord, s.RecordBytes)
	}
	return nil
}

// algorithms are the names of the digests.
var algorithms = []string{"sha256", "double-sha256", "keccak256", "sha3-256", "ripemd160", "hash160", "blake2b-256"}

func (j *Job) checkDigest() error {
	if !slices.Contains(algorithms, j.Digest.Algorithm) {
		return Wrong("digest.algorithm", "%.40q is none of %s", j.Digest.Algorithm, strings.Join(algorithms, ", "))
	}
	return nil
}

// The shapes of trees, and the chains.
const (
	ShapeBitcoin = "bitcoin"
	ShapeRFC6962 = "rfc6962"
	ChainBitcoin = "bitcoin"
	// ChainEthereum is a chain of headers alone.
	ChainEthereum = "ethereum"
)

func (j *Job) checkTree() error {
	tree := j.Tree
	switch {
	case tree.Shape != ShapeBitcoin && tree.Shape != ShapeRFC6962:
		return Wrong("tree.shape", "%.40q is neither %s nor %s", tree.Shape, ShapeBitcoin, ShapeRFC6962)
	case tree.Leaves != LeafHashes && tree.Leaves != LeafEntries:
		return Wrong("tree.leaves", "%.40q is neither %s nor %s", tree.Leaves, LeafHashes, LeafEntries)
	case tree.Shape == ShapeBitcoin && tree.Leaves == LeafEntries:
		return Wrong("tree.leaves", "the leaves of bitcoin's tree are transaction IDs: want %s", LeafHashes)
	case tree.Leaves == LeafHashes && j.objects():
		return Wrong("input.s3.form", "%s are for tree.leaves %s", FormObjects, LeafEntries)
	case tree.Leaves == LeafHashes && j.Input.S3 != nil && j.Input.S3.Form == FormRecords && j.Input.S3.RecordBytes != 32:
		return Wrong("input.s3.record_bytes", "a hash has 32 bytes, not %d", j.Input.S3.RecordBytes)
	}
	return nil
}

func (j *Job) objects() bool { return j.Input.S3 != nil && j.Input.S3.Form == FormObjects }

func (j *Job) checkProve() error {
	if err := j.checkTree(); err != nil {
		return err
	}
	switch prove := j.Prove; {
	case (prove.Index == nil) == (prove.FirstLeaves == nil):
		return Wrong("prove", "want either index or first_leaves")
	case prove.FirstLeaves != nil && j.Tree.Shape != ShapeRFC6962:
		return Wrong("prove.first_leaves", "%s's tree has no consistency proofs", j.Tree.Shape)
	case prove.FirstLeaves != nil && (*prove.FirstLeaves == 0 || *prove.FirstLeaves >= 1<<55):
		return Wrong("prove.first_leaves", "%d is not 1 to 2^55", *prove.FirstLeaves)
	case prove.Index != nil && *prove.Index >= 1<<55:
		return Wrong("prove.index", "%d is above 2^55", *prove.Index)
	}
	return nil
}

var hashPattern = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

func hash(field, text string) error {
	if !hashPattern.MatchString(text) {
		return Wrong(field, "a hash has 64 hexadecimal digits")
	}
	return nil
}

func (j *Job) checkVerify() error {
	verify := j.Verify
	if err := verify.Proof.Check(); err != nil {
		return below("verify.proof", err)
	}
	if err := hash("verify.root", verify.Root); err != nil {
		return err
	}
	consistency := verify.Proof.Proof == ProofConsistency
	switch {
	case consistency && verify.Leaf != "":
		return Wrong("verify.leaf", "it is for inclusion proofs")
	case !consistency && verify.FirstRoot != "":
		return Wrong("verify.first_root", "it is for consistency proofs")
	case consistency:
		return hash("verify.first_root", verify.FirstRoot)
	case verify.Leaf != "":
		return hash("verify.leaf", verify.Leaf)
	}
	return nil
}

var headerPattern = regexp.MustCompile(`^[0-9a-fA-F]{160}$`)

// networks are those of the chains.
var networks = map[string][]string{
	ChainBitcoin:  {"mainnet", "signet", "regtest"},
	ChainEthereum: {"mainnet", "sepolia", "hoodi", "unknown"},
}

func (j *Job) checkHeaders() error {
	headers := j.Headers
	known, found := networks[headers.Chain]
	switch {
	case !found:
		return Wrong("headers.chain", "%.40q is neither %s nor %s", headers.Chain, ChainBitcoin, ChainEthereum)
	case !slices.Contains(known, headers.Network):
		return Wrong("headers.network", "%.40q is none of %s", headers.Network, strings.Join(known, ", "))
	case headers.Height > 1<<40:
		return Wrong("headers.height", "%d is above any chain's", headers.Height)
	case j.objects():
		return Wrong("input.s3.form", "headers are lines or records, not whole objects")
	case headers.Chain == ChainEthereum:
		return j.checkEthereumHeaders()
	case headers.Genesis != "":
		return Wrong("headers.genesis", "it is for %s", ChainEthereum)
	case j.Input.S3 != nil && j.Input.S3.Form == FormRecords && j.Input.S3.RecordBytes != 80:
		return Wrong("input.s3.record_bytes", "a header has 80 bytes, not %d", j.Input.S3.RecordBytes)
	}
	return nil
}

func (j *Job) checkEthereumHeaders() error {
	switch headers := j.Headers; {
	case headers.Height != 0:
		return Wrong("headers.height", "headers of %s have their number themselves", ChainEthereum)
	case headers.Genesis != "" && headers.Network != "unknown":
		return Wrong("headers.genesis", "it is for the network unknown, not for %s", headers.Network)
	case j.Input.S3 != nil && j.Input.S3.Form == FormRecords:
		return Wrong("input.s3.form", "headers of %s have no fixed length: want %s, %s or %s", ChainEthereum, FormExport, FormArchive, FormHexLines)
	}
	return nil
}

func (j *Job) checkWork() error {
	switch work := j.Work; {
	case !headerPattern.MatchString(work.Header):
		return Wrong("work.header", "a header has 160 hexadecimal digits")
	case work.Last != nil && *work.Last < work.First:
		return Wrong("work.last", "%d is below first, %d", *work.Last, work.First)
	}
	return nil
}

func (j *Job) checkAnchor() error {
	switch anchor := j.Anchor; {
	case !j.objects():
		return Wrong("input", "an anchor is of whole objects: want input.s3 with the form %s", FormObjects)
	case anchor.RetainDays < 1 || anchor.RetainDays > MaximumRetainDays:
		return Wrong("anchor.retain_days", "want 1 to %d, not %d", MaximumRetainDays, anchor.RetainDays)
	case anchor.Mode != "" && anchor.Mode != "GOVERNANCE" && anchor.Mode != "COMPLIANCE":
		return Wrong("anchor.mode", "%.40q is neither GOVERNANCE nor COMPLIANCE", anchor.Mode)
	case anchor.Ethereum != nil:
		return checkKey("anchor.ethereum.key", anchor.Ethereum.Key)
	}
	return nil
}

// maximumKey is the longest name of a KMS key, in characters ("GetPublicKey", KeyId, in the API reference of KMS).
const maximumKey = 2048

func checkKey(field, key string) error {
	if key == "" || len(key) > maximumKey {
		return Wrong(field, "it has %d characters: want the ARN, the ID or an alias of a KMS key", len(key))
	}
	return nil
}

// checkSign leaves what is in a transaction or in typed data to whoever signs it.
func (j *Job) checkSign() error {
	sign := j.Sign
	if err := checkKey("sign.key", sign.Key); err != nil {
		return err
	}
	given := 0
	for _, one := range []bool{sign.Transaction != nil, sign.Text != nil, sign.Data != nil, sign.TypedData != ""} {
		if one {
			given++
		}
	}
	if given != 1 {
		return Wrong("sign", "want one of transaction, text, data and typed_data, not %d of them", given)
	}
	return nil
}

func (j *Job) checkSplit() error {
	switch {
	case j.Split == 0:
		return nil
	case j.Kind != MerkleRoot:
		return Wrong("split", "a job of kind %s is not split", j.Kind)
	case j.Split < MinimumSplit || j.Split > MaximumSplit || j.Split&(j.Split-1) != 0:
		return Wrong("split", "want a power of two from %d to %d, not %d", MinimumSplit, uint64(MaximumSplit), j.Split)
	case j.Input.S3 == nil:
		return Wrong("split", "only what lies in S3 is split")
	case j.Input.S3.Form == FormBase64Lines, j.Input.S3.Form == FormHexLines && j.Tree.Leaves == LeafEntries:
		return Wrong("split", "lines of entries have no length by which they could be split: use records or objects")
	}
	return nil
}

// below puts the error's field below another one.
func below(field string, err error) error {
	wrong, ok := err.(*FieldError)
	if !ok {
		return err
	}
	copied := *wrong
	copied.Field = field + "." + wrong.Field
	return &copied
}

func names[T ~string](values []T) []string {
	texts := make([]string, len(values))
	for index, value := range values {
		texts[index] = string(value)
	}
	return texts
}
