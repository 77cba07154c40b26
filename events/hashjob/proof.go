package hashjob

// The kinds of proofs.
const (
	ProofInclusion   = "inclusion"
	ProofConsistency = "consistency"
)

// MaximumPath is how many hashes the path of a proof can have: a list has fewer than 2^56 leaves.
const MaximumPath = 64

// Proof is a proof of a Merkle tree as it is written and read. Hashes are hexadecimal, in internal byte order.
type Proof struct {
	// Proof is inclusion or consistency.
	Proof string `json:"proof"`
	// Tree is bitcoin or rfc6962.
	Tree string `json:"tree"`
	// Index and Leaf are those of an inclusion proof.
	Index *uint64 `json:"index,omitempty"`
	Leaf  string  `json:"leaf,omitempty"`
	// FirstLeaves and FirstRoot are those of a consistency proof.
	FirstLeaves *uint64 `json:"first_leaves,omitempty"`
	FirstRoot   string  `json:"first_root,omitempty"`
	// Leaves and Root are those of the whole list.
	Leaves uint64   `json:"leaves"`
	Root   string   `json:"root"`
	Path   []string `json:"path"`
}

// ParseProof reads and checks one proof. Every error is a *FieldError.
func ParseProof(document []byte) (Proof, error) {
	var proof Proof
	if err := decode(document, &proof); err != nil {
		return Proof{}, err
	}
	return proof, proof.Check()
}

// Check holds the fields against the kind of proof; its error is a *FieldError. Whether the proof holds is for others.
func (p *Proof) Check() error {
	isInclusion := p.Proof == ProofInclusion
	switch {
	case !isInclusion && p.Proof != ProofConsistency:
		return Wrong("proof", "%.40q is neither %s nor %s", p.Proof, ProofInclusion, ProofConsistency)
	case p.Tree != ShapeBitcoin && p.Tree != ShapeRFC6962:
		return Wrong("tree", "%.40q is neither %s nor %s", p.Tree, ShapeBitcoin, ShapeRFC6962)
	case isInclusion && (p.Index == nil || p.Leaf == ""):
		return Wrong("index", "an inclusion proof has an index and a leaf")
	case isInclusion && (p.FirstLeaves != nil || p.FirstRoot != ""):
		return Wrong("first_leaves", "an inclusion proof has neither first_leaves nor first_root")
	case !isInclusion && (p.FirstLeaves == nil || p.FirstRoot == ""):
		return Wrong("first_leaves", "a consistency proof has first_leaves and first_root")
	case !isInclusion && (p.Index != nil || p.Leaf != ""):
		return Wrong("index", "a consistency proof has neither an index nor a leaf")
	case !isInclusion && p.Tree != ShapeRFC6962:
		return Wrong("tree", "%s has no consistency proofs", p.Tree)
	case len(p.Path) > MaximumPath:
		return Wrong("path", "it has %d hashes; no path has more than %d", len(p.Path), MaximumPath)
	}
	return p.checkHashes(isInclusion)
}

func (p *Proof) checkHashes(isInclusion bool) error {
	field, text := "first_root", p.FirstRoot
	if isInclusion {
		field, text = "leaf", p.Leaf
	}
	if err := hash(field, text); err != nil {
		return err
	}
	if err := hash("root", p.Root); err != nil {
		return err
	}
	for index, text := range p.Path {
		if hash("path", text) != nil {
			return WrongAt("path", uint64(index), "a hash has 64 hexadecimal digits") // #nosec G115 -- an index
		}
	}
	return nil
}
