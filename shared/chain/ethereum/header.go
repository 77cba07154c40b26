package ethereum

import (
	"fmt"

	"davit/shared/chain/ethereum/rlp"
)

// Shape is which fields a header has: all up to those of one fork, in the order in which forks added them.
type Shape uint8

// The shapes. Forks that added no field, such as Osaka, have the shape of the one before.
const (
	// ShapeFrontier has the 15 fields of the Yellow Paper.
	ShapeFrontier Shape = iota
	// ShapeLondon adds baseFeePerGas (EIP-1559).
	ShapeLondon
	// ShapeShanghai adds withdrawalsRoot (EIP-4895).
	ShapeShanghai
	// ShapeCancun adds blobGasUsed, excessBlobGas (EIP-4844) and parentBeaconBlockRoot (EIP-4788).
	ShapeCancun
	// ShapePrague adds requestsHash (EIP-7685).
	ShapePrague
	// ShapeAmsterdam adds blockAccessListHash (EIP-7928) and slotNumber (EIP-7843).
	ShapeAmsterdam
)

var shapeNames = [...]string{"frontier", "london", "shanghai", "cancun", "prague", "amsterdam"}

// fieldsOf is how many fields the shapes have.
var fieldsOf = [...]int{15, 16, 17, 20, 21, 23}

// String is the name of the fork that the shape begins with, in small letters.
func (s Shape) String() string {
	if int(s) >= len(shapeNames) {
		return fmt.Sprintf("Shape(%d)", uint8(s))
	}
	return shapeNames[s]
}

// Header is a block's header. Fields that its Shape does not have are zero. Hashes name what the header commits to; the
// names are those of the JSON-RPC interface.
type Header struct {
	Shape            Shape
	ParentHash       Hash
	UnclesHash       Hash // sha3Uncles
	Miner            Address
	StateRoot        Hash
	TransactionsRoot Hash
	ReceiptsRoot     Hash
	LogsBloom        [256]byte
	Difficulty       Quantity
	Number           uint64
	GasLimit         uint64
	GasUsed          uint64
	Timestamp        uint64 // seconds since 1970
	// ExtraData is a part of what the header was read from.
	ExtraData []byte
	MixHash   Hash
	Nonce     [8]byte

	BaseFeePerGas         Quantity
	WithdrawalsRoot       Hash
	BlobGasUsed           uint64
	ExcessBlobGas         uint64
	ParentBeaconBlockRoot Hash
	RequestsHash          Hash
	BlockAccessListHash   Hash
	SlotNumber            uint64
}

// maximumExtraData is how much extra data a header may have for it to be read; what a network allows is in its rules.
const maximumExtraData = 100 << 10

// field is a field of a header, in the order of its serialisation.
type field struct {
	name string
	read func(*Header, rlp.Item) error
}

var fields = [...]field{
	{"parentHash", fixed(func(h *Header) []byte { return h.ParentHash[:] })},
	{"sha3Uncles", fixed(func(h *Header) []byte { return h.UnclesHash[:] })},
	{"miner", fixed(func(h *Header) []byte { return h.Miner[:] })},
	{"stateRoot", fixed(func(h *Header) []byte { return h.StateRoot[:] })},
	{"transactionsRoot", fixed(func(h *Header) []byte { return h.TransactionsRoot[:] })},
	{"receiptsRoot", fixed(func(h *Header) []byte { return h.ReceiptsRoot[:] })},
	{"logsBloom", fixed(func(h *Header) []byte { return h.LogsBloom[:] })},
	{"difficulty", quantity(func(h *Header) *Quantity { return &h.Difficulty })},
	{"number", number(func(h *Header) *uint64 { return &h.Number })},
	{"gasLimit", number(func(h *Header) *uint64 { return &h.GasLimit })},
	{"gasUsed", number(func(h *Header) *uint64 { return &h.GasUsed })},
	{"timestamp", number(func(h *Header) *uint64 { return &h.Timestamp })},
	{"extraData", extraData},
	{"mixHash", fixed(func(h *Header) []byte { return h.MixHash[:] })},
	{"nonce", fixed(func(h *Header) []byte { return h.Nonce[:] })},
	{"baseFeePerGas", quantity(func(h *Header) *Quantity { return &h.BaseFeePerGas })},
	{"withdrawalsRoot", fixed(func(h *Header) []byte { return h.WithdrawalsRoot[:] })},
	{"blobGasUsed", number(func(h *Header) *uint64 { return &h.BlobGasUsed })},
	{"excessBlobGas", number(func(h *Header) *uint64 { return &h.ExcessBlobGas })},
	{"parentBeaconBlockRoot", fixed(func(h *Header) []byte { return h.ParentBeaconBlockRoot[:] })},
	{"requestsHash", fixed(func(h *Header) []byte { return h.RequestsHash[:] })},
	{"blockAccessListHash", fixed(func(h *Header) []byte { return h.BlockAccessListHash[:] })},
	{"slotNumber", number(func(h *Header) *uint64 { return &h.SlotNumber })},
}

func fixed(of func(*Header) []byte) func(*Header, rlp.Item) error {
	return func(header *Header, item rlp.Item) error {
		to := of(header)
		content, err := item.Fixed(len(to))
		copy(to, content)
		return err
	}
}

func number(of func(*Header) *uint64) func(*Header, rlp.Item) error {
	return func(header *Header, item rlp.Item) (err error) {
		*of(header), err = item.Uint64()
		return err
	}
}

func quantity(of func(*Header) *Quantity) func(*Header, rlp.Item) error {
	return func(header *Header, item rlp.Item) error {
		digits, err := item.Scalar(32)
		copy(of(header)[32-len(digits):], digits)
		return err
	}
}

func extraData(header *Header, item rlp.Item) (err error) {
	if header.ExtraData, err = item.Bytes(); err == nil && len(header.ExtraData) > maximumExtraData {
		err = fmt.Errorf("%d bytes, more than %d", len(header.ExtraData), maximumExtraData)
	}
	return err
}

// ParseHeader reads a serialised header, whose hash is the Keccak-256 digest of raw. It checks the form alone: the number
// of the fields and the kind of each. A header that breaks it is an *Error with RuleForm and the field's name.
func ParseHeader(raw []byte) (*Header, error) {
	header := new(Header)
	if err := header.parse(raw); err != nil {
		return nil, err
	}
	return header, nil
}

func (h *Header) parse(raw []byte) error {
	*h = Header{}
	whole, err := rlp.ReadOne(raw)
	if err != nil {
		return breaks(RuleForm, "header", "%w", err)
	}
	items, err := whole.Items()
	if err != nil {
		return breaks(RuleForm, "header", "%w", err)
	}
	count := 0
	for ; items.More(); count++ {
		if count == len(fields) {
			return breaks(RuleForm, "header", "there are more fields than the %d of %s", len(fields), ShapeAmsterdam)
		}
		item, err := items.Next()
		if err == nil {
			err = fields[count].read(h, item)
		}
		if err != nil {
			return breaks(RuleForm, fields[count].name, "%w", err)
		}
	}
	for shape, want := range fieldsOf {
		if count == want {
			h.Shape = Shape(shape) // #nosec G115 -- a handful
			return nil
		}
	}
	return breaks(RuleForm, "header", "there are %d fields; forks have 15, 16, 17, 20, 21 or 23", count)
}

// has tells whether headers of the shape have the fields of the other.
func (s Shape) has(other Shape) bool { return s >= other }
