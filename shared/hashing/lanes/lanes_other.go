//go:build purego || (!amd64 && !arm64)

package lanes

func native() []Path { return nil }

func widths(Path) (width, sponges, lines int) { return 0, 0, 0 }

// Without lanes nothing calls these.

func pairs(_, _ []byte)              {}
func doublePairs(_, _ []byte)        {}
func prefixedPairs(_, _ []byte)      {}
func doubleHeaders(_, _ []byte)      {}
func rehash(_, _ []byte)             {}
func sums(_, _ []byte, _ uint64)     {}
func squeezed(_, _ []byte, _ uint64) {}
func twoLines(_, _ []byte, _ uint64) {}

const absorbs = false

func absorb(*[25]uint64, []byte) {}

type preparedNonces struct{}

func (*preparedNonces) prepare([8]uint32, [3]uint32)               {}
func (*preparedNonces) search(_ uint32, _ uint64, _ uint32) uint64 { return 0 }
