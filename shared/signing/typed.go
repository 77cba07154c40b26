package signing

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"davit/shared/chain/ethereum"
)

// ErrTyped is wrapped by the error of typed data that cannot be signed, which names the value by its path.
var ErrTyped = errors.New("the typed data cannot be signed")

// MaximumTyped is how long a document of typed data may be, in bytes.
const MaximumTyped = 1 << 20

// typedData is a document of EIP-712 as wallets take it ("eth_signTypedData_v4").
type typedData struct {
	Types       map[string][]member `json:"types"`
	PrimaryType string              `json:"primaryType"`
	Domain      map[string]any      `json:"domain"`
	Message     map[string]any      `json:"message"`
	// hashes are those of the types that were looked at.
	hashes map[string]ethereum.Hash
}

// member is one member of a type.
type member struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

const (
	domainType = "EIP712Domain"
	// maximumDepth is how deep values may be in one another, and maximumItems how many members a type has.
	maximumDepth = 32
	maximumItems = 1024
)

var identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]{0,127}$`)

// domainMembers are those that a domain can have, in their order (EIP-712, "Definition of domainSeparator").
var domainMembers = []member{{"name", "string"}, {"version", "string"}, {"chainId", "uint256"},
	{"verifyingContract", "address"}, {"salt", "bytes32"}}

// TypedDigest is what is signed of typed data (EIP-712): a JSON object with types, primaryType, domain and message. Every
// member of every value must be there, and nothing else. The error wraps ErrTyped.
func TypedDigest(document []byte) (ethereum.Hash, error) {
	data, err := parseTyped(document)
	if err != nil {
		return ethereum.Hash{}, fmt.Errorf("%w: %w", err, ErrTyped)
	}
	domain, err := data.hashStruct("domain", domainType, data.Domain, 0)
	if err != nil {
		return ethereum.Hash{}, fmt.Errorf("%w: %w", err, ErrTyped)
	}
	if data.PrimaryType == domainType {
		return ethereum.Keccak256([]byte("\x19\x01"), domain[:]), nil
	}
	message, err := data.hashStruct("message", data.PrimaryType, data.Message, 0)
	if err != nil {
		return ethereum.Hash{}, fmt.Errorf("%w: %w", err, ErrTyped)
	}
	return ethereum.Keccak256([]byte("\x19\x01"), domain[:], message[:]), nil
}

func parseTyped(document []byte) (*typedData, error) {
	if len(document) > MaximumTyped {
		return nil, fmt.Errorf("%d bytes, more than %d", len(document), MaximumTyped)
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	var data typedData
	if err := decoder.Decode(&data); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	if data.Types == nil {
		return nil, errors.New("types: required")
	}
	if _, given := data.Types[domainType]; !given {
		data.Types[domainType] = data.domainMembers()
	}
	return &data, data.checkTypes()
}

// domainMembers are those that the domain has.
func (d *typedData) domainMembers() []member {
	return slices.DeleteFunc(slices.Clone(domainMembers), func(one member) bool {
		_, given := d.Domain[one.Name]
		return !given
	})
}

func (d *typedData) checkTypes() error {
	for name, members := range d.Types {
		if !identifier.MatchString(name) || isAtomic(name) {
			return fmt.Errorf("types: %.80q is no name of a type", name)
		}
		if len(members) > maximumItems {
			return fmt.Errorf("types.%s: %d members, want at most %d", name, len(members), maximumItems)
		}
		seen := map[string]bool{}
		for _, one := range members {
			base, _, _ := strings.Cut(one.Type, "[")
			if !identifier.MatchString(one.Name) || seen[one.Name] {
				return fmt.Errorf("types.%s: %.80q is no name of a member, or is there twice", name, one.Name)
			}
			if _, given := d.Types[base]; !given && !isAtomic(base) || base == domainType {
				return fmt.Errorf("types.%s.%s: %.80q is no type (there are no aliases: uint is uint256)", name, one.Name, base)
			}
			seen[one.Name] = true
		}
	}
	if _, given := d.Types[d.PrimaryType]; !given {
		return fmt.Errorf("primaryType: %.80q is not among the types", d.PrimaryType)
	}
	return nil
}

// isAtomic tells whether the name is of a type that EIP-712 has itself.
func isAtomic(name string) bool {
	switch name {
	case "bool", "address", "string", "bytes":
		return true
	}
	_, _, number := integerOf(name)
	return number || bytesOf(name) > 0
}

// integerOf reads uint8 to uint256 and int8 to int256.
func integerOf(name string) (bits int, signed, valid bool) {
	digits, unsigned := strings.CutPrefix(name, "uint")
	if !unsigned {
		digits, signed = strings.CutPrefix(name, "int")
	}
	if !unsigned && !signed {
		return 0, false, false
	}
	bits, err := strconv.Atoi(digits)
	valid = err == nil && bits >= 8 && bits <= 256 && bits%8 == 0 && digits[0] != '0' && digits[0] != '+'
	return bits, signed, valid
}

// bytesOf reads bytes1 to bytes32; 0 is another type.
func bytesOf(name string) int {
	digits, found := strings.CutPrefix(name, "bytes")
	size, err := strconv.Atoi(digits)
	if !found || err != nil || size < 1 || size > 32 || digits[0] == '0' || digits[0] == '+' {
		return 0
	}
	return size
}

// hashType is the hash of encodeType.
func (d *typedData) hashType(name string) ethereum.Hash {
	if known, found := d.hashes[name]; found {
		return known
	}
	if d.hashes == nil {
		d.hashes = map[string]ethereum.Hash{}
	}
	d.hashes[name] = ethereum.Keccak256(d.encodeType(name))
	return d.hashes[name]
}

// encodeType is the type and, after it in the order of their names, those that it refers to.
func (d *typedData) encodeType(name string) []byte {
	found := map[string]bool{}
	d.refer(name, found)
	delete(found, name)
	order := []string{name}
	for other := range found {
		order = append(order, other)
	}
	slices.Sort(order[1:])
	var text bytes.Buffer
	for _, one := range order {
		text.WriteString(one + "(")
		for index, member := range d.Types[one] {
			if index > 0 {
				text.WriteByte(',')
			}
			text.WriteString(member.Type + " " + member.Name)
		}
		text.WriteByte(')')
	}
	return text.Bytes()
}

func (d *typedData) refer(name string, found map[string]bool) {
	members, given := d.Types[name]
	if !given || found[name] {
		return
	}
	found[name] = true
	for _, member := range members {
		base, _, _ := strings.Cut(member.Type, "[")
		d.refer(base, found)
	}
}

// hashStruct is EIP-712's function of the name.
func (d *typedData) hashStruct(path, name string, value any, depth int) (ethereum.Hash, error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return ethereum.Hash{}, fmt.Errorf("%s: want an object of the type %s", path, name)
	}
	if depth > maximumDepth {
		return ethereum.Hash{}, fmt.Errorf("%.80s: deeper than %d", path, maximumDepth)
	}
	members := d.Types[name]
	kind := d.hashType(name)
	encoded := append(make([]byte, 0, 32*(1+len(members))), kind[:]...)
	for _, member := range members {
		field, given := fields[member.Name]
		if !given {
			return ethereum.Hash{}, fmt.Errorf("%s.%s: required by the type %s", path, member.Name, name)
		}
		word, err := d.encode(path+"."+member.Name, member.Type, field, depth+1)
		if err != nil {
			return ethereum.Hash{}, err
		}
		encoded = append(encoded, word[:]...)
	}
	if len(fields) > len(members) {
		return ethereum.Hash{}, fmt.Errorf("%s: it has members that the type %s has not, which would not be signed", path, name)
	}
	return ethereum.Keccak256(encoded), nil
}

// encode is the word of 32 bytes that stands for a value.
func (d *typedData) encode(path, kind string, value any, depth int) (ethereum.Hash, error) {
	if strings.HasSuffix(kind, "]") {
		return d.encodeArray(path, kind, value, depth)
	}
	if _, given := d.Types[kind]; given {
		return d.hashStruct(path, kind, value, depth)
	}
	word, err := encodeAtomic(kind, value)
	if err != nil {
		return ethereum.Hash{}, fmt.Errorf("%s: %w", path, err)
	}
	return word, nil
}

// encodeArray is the hash of the words of the items, of T[] and of T[n].
func (d *typedData) encodeArray(path, kind string, value any, depth int) (ethereum.Hash, error) {
	open := strings.LastIndexByte(kind, '[')
	items, ok := value.([]any)
	if !ok || open < 0 {
		return ethereum.Hash{}, fmt.Errorf("%s: want a list of the type %s", path, kind)
	}
	if size := kind[open+1 : len(kind)-1]; size != "" && size != strconv.Itoa(len(items)) {
		return ethereum.Hash{}, fmt.Errorf("%s: %d items of the type %s", path, len(items), kind)
	}
	if depth > maximumDepth {
		return ethereum.Hash{}, fmt.Errorf("%.80s: deeper than %d", path, maximumDepth)
	}
	encoded := make([]byte, 0, 32*len(items))
	for index, item := range items {
		word, err := d.encode(fmt.Sprintf("%s[%d]", path, index), kind[:open], item, depth+1)
		if err != nil {
			return ethereum.Hash{}, err
		}
		encoded = append(encoded, word[:]...)
	}
	return ethereum.Keccak256(encoded), nil
}

func encodeAtomic(kind string, value any) (word ethereum.Hash, err error) {
	text, isText := value.(string)
	size := bytesOf(kind)
	switch {
	case kind == "bool":
		truth, ok := value.(bool)
		if !ok {
			return word, errors.New("want true or false")
		}
		if truth {
			word[31] = 1
		}
		return word, nil
	case kind == "string" && isText:
		return ethereum.Keccak256([]byte(text)), nil
	case kind == "address" && isText:
		address, err := ethereum.ParseAddress(text)
		copy(word[12:], address[:])
		return word, err
	case kind == "bytes" && isText:
		var data Data
		err = data.UnmarshalText([]byte(text))
		return ethereum.Keccak256(data), err
	case size > 0 && isText:
		return encodeBytes(text, size)
	}
	if bits, signed, number := integerOf(kind); number {
		return encodeInteger(value, bits, signed)
	}
	return word, fmt.Errorf("want a string of the type %s", kind)
}

func encodeBytes(text string, size int) (word ethereum.Hash, err error) {
	digits, found := strings.CutPrefix(text, "0x")
	decoded, err := hex.DecodeString(digits)
	if !found || err != nil || len(decoded) != size {
		return word, fmt.Errorf("want 0x and %d hexadecimal digits, have %.80q", 2*size, text)
	}
	copy(word[:], decoded)
	return word, nil
}

// encodeInteger takes a whole number, or a string of decimal digits or of 0x and hexadecimal ones.
func encodeInteger(value any, bits int, signed bool) (word ethereum.Hash, err error) {
	var text string
	switch value := value.(type) {
	case json.Number:
		text = value.String()
	case string:
		text = value
	}
	digits, negative := strings.CutPrefix(text, "-")
	base := 10
	if hexadecimal, found := strings.CutPrefix(digits, "0x"); found {
		digits, base = hexadecimal, 16
	}
	number, valid := new(big.Int), len(digits) <= 80 && !strings.ContainsAny(digits, "+-_")
	if valid {
		number, valid = number.SetString(digits, base)
	}
	if !valid {
		return word, fmt.Errorf("want a whole number, decimal or hexadecimal with 0x, have %.80q", text)
	}
	if negative {
		number.Neg(number)
	}
	least, most := new(big.Int), new(big.Int).Lsh(big.NewInt(1), uint(bits)) // #nosec G115 -- up to 256
	if signed {
		most.Rsh(most, 1)
		least.Neg(most)
	}
	if number.Cmp(least) < 0 || number.Cmp(most) >= 0 {
		return word, fmt.Errorf("%s is beyond %d bits", number, bits)
	}
	if negative {
		number.Add(number, new(big.Int).Lsh(big.NewInt(1), 256))
		number.And(number, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)))
	}
	number.FillBytes(word[:])
	return word, nil
}
