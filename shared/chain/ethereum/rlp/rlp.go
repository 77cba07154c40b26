// Package rlp reads and writes Recursive Length Prefix, the serialisation of Ethereum's blocks, transactions and tries
// (Yellow Paper, appendix B; ethereum.org/en/developers/docs/data-structures-and-encoding/rlp). Reading is strict: only
// the one canonical form of a value is taken. It copies nothing.
package rlp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// The first bytes of items: below singles a byte stands for itself; then strings, long strings, lists and long lists.
const (
	shortString = 0x80
	longString  = 0xb7
	shortList   = 0xc0
	longList    = 0xf7
	// maximumShort is the longest content whose length is in the first byte.
	maximumShort = 55
)

// Errors that reading wraps.
var (
	// ErrTruncated is of an input that ends within an item.
	ErrTruncated = errors.New("the input ends within an item")
	// ErrForm is of an item that is not in the canonical form.
	ErrForm = errors.New("not the canonical form")
	// ErrKind is of a string where a list should be, or a list where a string should be.
	ErrKind = errors.New("the other kind of item")
)

// Item is one item of an input: a string of bytes or a list of items. Its slices are parts of the input.
type Item struct {
	// Raw is the whole item, Content what follows its prefix: the bytes of a string, the items of a list.
	Raw, Content []byte
	// List tells a list from a string.
	List bool
}

// Read splits the input into its first item and the rest. What is in a list is looked at only when it is read itself.
// Its errors wrap ErrTruncated and ErrForm.
func Read(input []byte) (item Item, rest []byte, err error) {
	prefix, length, list, err := header(input)
	if err != nil {
		return Item{}, nil, err
	}
	if length > uint64(len(input)-prefix) { // #nosec G115 -- the prefix is within the input
		return Item{}, nil, fmt.Errorf("an item of %d bytes has %d: %w", length, len(input)-prefix, ErrTruncated)
	}
	end := prefix + int(length) // #nosec G115 -- within the input
	if !list && prefix == 1 && length == 1 && input[1] < shortString {
		return Item{}, nil, fmt.Errorf("byte %#02x has a prefix: %w", input[1], ErrForm)
	}
	return Item{Raw: input[:end:end], Content: input[prefix:end:end], List: list}, input[end:], nil
}

// Length is the length of the item that begins with the input, prefix and all, from at most its first nine bytes. It is
// for readers of streams; what Read would refuse later is refused then.
func Length(start []byte) (uint64, error) {
	prefix, length, _, err := header(start)
	if err != nil {
		return 0, err
	}
	if length > 1<<62 {
		return 0, fmt.Errorf("an item of %d bytes: %w", length, ErrForm)
	}
	return uint64(prefix) + length, nil // #nosec G115 -- at most 9
}

// header reads the prefix of an item: its length, the length of the content, and whether that is a list.
func header(input []byte) (prefix int, length uint64, list bool, err error) {
	if len(input) == 0 {
		return 0, 0, false, fmt.Errorf("nothing is left: %w", ErrTruncated)
	}
	switch first := input[0]; {
	case first < shortString:
		return 0, 1, false, nil
	case first <= longString:
		return 1, uint64(first - shortString), false, nil
	case first < shortList:
		prefix, length, err = longHeader(input, int(first-longString))
		return prefix, length, false, err
	case first <= longList:
		return 1, uint64(first - shortList), true, nil
	default:
		prefix, length, err = longHeader(input, int(first-longList))
		return prefix, length, true, err
	}
}

// longHeader reads a length of so many bytes after the first.
func longHeader(input []byte, size int) (int, uint64, error) {
	if len(input) < 1+size {
		return 0, 0, fmt.Errorf("a length of %d bytes has %d: %w", size, len(input)-1, ErrTruncated)
	}
	if input[1] == 0 {
		return 0, 0, fmt.Errorf("a length begins with zero: %w", ErrForm)
	}
	var length uint64
	for _, digit := range input[1 : 1+size] {
		length = length<<8 | uint64(digit)
	}
	if length <= maximumShort {
		return 0, 0, fmt.Errorf("the length %d is written in the long form: %w", length, ErrForm)
	}
	return 1 + size, length, nil
}

// ReadOne reads an input that is one item and nothing else.
func ReadOne(input []byte) (Item, error) {
	item, rest, err := Read(input)
	if err != nil {
		return Item{}, err
	}
	if len(rest) > 0 {
		return Item{}, fmt.Errorf("%d bytes follow the item: %w", len(rest), ErrForm)
	}
	return item, nil
}

// Bytes are the bytes of a string.
func (i Item) Bytes() ([]byte, error) {
	if i.List {
		return nil, fmt.Errorf("a list where a string should be: %w", ErrKind)
	}
	return i.Content, nil
}

// Fixed are the bytes of a string that has just so many.
func (i Item) Fixed(size int) ([]byte, error) {
	content, err := i.Bytes()
	if err == nil && len(content) != size {
		err = fmt.Errorf("%d bytes, want %d: %w", len(content), size, ErrForm)
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}

// Scalar are the bytes of a non-negative number, big-endian and without a leading zero, at most so many.
func (i Item) Scalar(most int) ([]byte, error) {
	content, err := i.Bytes()
	switch {
	case err != nil:
		return nil, err
	case len(content) > most:
		return nil, fmt.Errorf("a number of %d bytes, want at most %d: %w", len(content), most, ErrForm)
	case len(content) > 0 && content[0] == 0:
		return nil, fmt.Errorf("a number begins with zero: %w", ErrForm)
	}
	return content, nil
}

// Uint64 is the number.
func (i Item) Uint64() (uint64, error) {
	content, err := i.Scalar(8)
	if err != nil {
		return 0, err
	}
	var number uint64
	for _, digit := range content {
		number = number<<8 | uint64(digit)
	}
	return number, nil
}

// Items are those of a list that were not taken yet.
type Items struct{ rest []byte }

// Items goes through a list.
func (i Item) Items() (Items, error) {
	if !i.List {
		return Items{}, fmt.Errorf("a string where a list should be: %w", ErrKind)
	}
	return Items{i.Content}, nil
}

// More tells whether there is another item.
func (i *Items) More() bool { return len(i.rest) > 0 }

// Next is the next item. There is an error after the last.
func (i *Items) Next() (item Item, err error) {
	item, i.rest, err = Read(i.rest)
	return item, err
}

// Split are all items of a list, at most so many.
func (i Item) Split(most int) ([]Item, error) {
	items, err := i.Items()
	if err != nil {
		return nil, err
	}
	var all []Item
	for items.More() {
		if len(all) == most {
			return nil, fmt.Errorf("a list has more than %d items: %w", most, ErrForm)
		}
		item, err := items.Next()
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", len(all), err)
		}
		all = append(all, item)
	}
	return all, nil
}

// AppendString appends a string.
func AppendString(to, content []byte) []byte {
	if len(content) == 1 && content[0] < shortString {
		return append(to, content[0])
	}
	return append(AppendPrefix(to, len(content), false), content...)
}

// AppendUint64 appends a number.
func AppendUint64(to []byte, number uint64) []byte {
	var digits [8]byte
	binary.BigEndian.PutUint64(digits[:], number)
	return AppendString(to, digits[bits.LeadingZeros64(number)/8:])
}

// AppendScalar appends a number whose big-endian bytes may begin with zeros.
func AppendScalar(to, digits []byte) []byte {
	for len(digits) > 0 && digits[0] == 0 {
		digits = digits[1:]
	}
	return AppendString(to, digits)
}

// AppendList appends a list of which content is the items, one after another.
func AppendList(to, content []byte) []byte {
	return append(AppendPrefix(to, len(content), true), content...)
}

// AppendPrefix appends the prefix of a list or of a string, whose content of that length the caller appends. A string of
// one byte below 0x80 has none: use AppendString.
func AppendPrefix(to []byte, length int, list bool) []byte {
	short, long := byte(shortString), byte(longString)
	if list {
		short, long = shortList, longList
	}
	if length <= maximumShort {
		return append(to, short+byte(length)) // #nosec G115 -- at most 55
	}
	var digits [8]byte
	binary.BigEndian.PutUint64(digits[:], uint64(length))                  // #nosec G115 -- lengths are not negative
	significant := digits[bits.LeadingZeros64(uint64(length))/8:]          // #nosec G115 -- as above
	return append(append(to, long+byte(len(significant))), significant...) // #nosec G115 -- at most 8
}

// PrefixLength is how many bytes AppendPrefix appends.
func PrefixLength(length int) int {
	if length <= maximumShort {
		return 1
	}
	return 9 - bits.LeadingZeros64(uint64(length))/8 // #nosec G115 -- lengths are not negative
}
