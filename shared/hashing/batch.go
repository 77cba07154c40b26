package hashing

// Batch is a list of inputs that lie one after another in memory, so that millions of small ones cost no allocation
// each. The zero value is an empty batch.
type Batch struct {
	data []byte
	ends []int
}

// Add puts a copy of the input at the end.
func (b *Batch) Add(input []byte) {
	b.data = append(b.data, input...)
	b.ends = append(b.ends, len(b.data))
}

// Extend makes room for an input of size bytes at the end, and answers it for the caller to fill before the next call.
func (b *Batch) Extend(size int) []byte {
	start := len(b.data)
	if cap(b.data)-start < size {
		larger := make([]byte, start, 2*cap(b.data)+size)
		copy(larger, b.data)
		b.data = larger
	}
	b.data = b.data[:start+size]
	b.ends = append(b.ends, start+size)
	return b.data[start : start+size : start+size]
}

// Len is how many inputs the batch has.
func (b *Batch) Len() int { return len(b.ends) }

// Bytes is the length of all inputs together.
func (b *Batch) Bytes() int { return len(b.data) }

// Input is the input at the index, counted from 0. It is valid until the batch changes.
func (b *Batch) Input(index int) []byte {
	start := b.start(index)
	return b.data[start:b.ends[index]:b.ends[index]]
}

// start is where the input at the index begins.
func (b *Batch) start(index int) int {
	if index == 0 {
		return 0
	}
	return b.ends[index-1]
}

// run is how many inputs of the length follow one another from the index on, at most limit.
func (b *Batch) run(index, limit, length int) int {
	start := b.start(index)
	for count := range limit {
		if b.ends[index+count] != start+(count+1)*length {
			return count
		}
	}
	return limit
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() { b.data, b.ends = b.data[:0], b.ends[:0] }
