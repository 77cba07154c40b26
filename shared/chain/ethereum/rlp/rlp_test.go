package rlp_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"davit/shared/chain/ethereum/rlp"
)

// The values of the Yellow Paper's appendix B and of the page on RLP at ethereum.org.
func TestValuesHaveTheirOneForm(t *testing.T) {
	lorem := "Lorem ipsum dolor sit amet, consectetur adipisicing elit"
	for name, test := range map[string]struct {
		have []byte
		want string
	}{
		"dog":               {rlp.AppendString(nil, []byte("dog")), "83646f67"},
		"the empty string":  {rlp.AppendString(nil, nil), "80"},
		"the empty list":    {rlp.AppendList(nil, nil), "c0"},
		"the number zero":   {rlp.AppendUint64(nil, 0), "80"},
		"the byte zero":     {rlp.AppendString(nil, []byte{0}), "00"},
		"the number 15":     {rlp.AppendUint64(nil, 15), "0f"},
		"the number 127":    {rlp.AppendUint64(nil, 127), "7f"},
		"the number 128":    {rlp.AppendUint64(nil, 128), "8180"},
		"the number 1024":   {rlp.AppendUint64(nil, 1024), "820400"},
		"the largest uint":  {rlp.AppendUint64(nil, 1<<64-1), "88ffffffffffffffff"},
		"a padded number":   {rlp.AppendScalar(nil, []byte{0, 0, 4, 0}), "820400"},
		"cat and dog":       {rlp.AppendList(nil, rlp.AppendString(rlp.AppendString(nil, []byte("cat")), []byte("dog"))), "c88363617483646f67"},
		"56 bytes":          {rlp.AppendString(nil, []byte(lorem)), "b838" + hex.EncodeToString([]byte(lorem))},
		"a list of 56":      {rlp.AppendList(nil, bytes.Repeat([]byte{1}, 56)), "f838" + strings.Repeat("01", 56)},
		"a string of 65536": {rlp.AppendString(nil, make([]byte, 65536)), "ba010000" + strings.Repeat("00", 65536)},
	} {
		if have := hex.EncodeToString(test.have); have != test.want {
			t.Errorf("%s is %.80s, want %.80s", name, have, test.want)
		}
		item, err := rlp.ReadOne(test.have)
		if err != nil || !bytes.Equal(item.Raw, test.have) {
			t.Errorf("%s is read as %x, %v", name, item.Raw, err)
		}
	}
}

func TestNothingButTheOneFormIsRead(t *testing.T) {
	for name, test := range map[string]struct {
		input string
		want  error
	}{
		"nothing":                         {"", rlp.ErrTruncated},
		"a string that is cut":            {"83646f", rlp.ErrTruncated},
		"a list that is cut":              {"c2", rlp.ErrTruncated},
		"a length that is cut":            {"b9ff", rlp.ErrTruncated},
		"a length beyond all":             {"bfffffffffffffffff", rlp.ErrTruncated},
		"a list with a length beyond all": {"ffffffffffffffffff", rlp.ErrTruncated},
		"a byte with a prefix":            {"817f", rlp.ErrForm},
		"a long form of a short string":   {"b801ff", rlp.ErrForm},
		"a long form of a short list":     {"f801c0", rlp.ErrForm},
		"a long form with a leading zero": {"b90038" + strings.Repeat("00", 56), rlp.ErrForm},
		"something behind the item":       {"8000", rlp.ErrForm},
	} {
		input, err := hex.DecodeString(test.input)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rlp.ReadOne(input); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestItemsAreTakenAsWhatTheyAre(t *testing.T) {
	list := rlp.Item{List: true}
	for name, err := range map[string]error{
		"a list as bytes":             second(list.Bytes()),
		"a list as a number":          second(list.Uint64()),
		"a list as bytes of a length": second(list.Fixed(0)),
		"a string as a list":          second(rlp.Item{}.Items()),
		"a string split":              second(rlp.Item{}.Split(1)),
	} {
		if !errors.Is(err, rlp.ErrKind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"a number with a leading zero": second(rlp.Item{Content: []byte{0}}.Uint64()),
		"a number of nine bytes":       second(rlp.Item{Content: bytes.Repeat([]byte{1}, 9)}.Uint64()),
		"19 bytes as an address":       second(rlp.Item{Content: make([]byte, 19)}.Fixed(20)),
		"three items of two":           second(rlp.Item{List: true, Content: []byte{1, 2, 3}}.Split(2)),
	} {
		if !errors.Is(err, rlp.ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Uint64().Draw(t, "number")
		text := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "text")
		list := rlp.AppendList(nil, rlp.AppendString(rlp.AppendUint64(nil, number), text))
		if length, err := rlp.Length(list[:min(9, len(list))]); err != nil || length != uint64(len(list)) {
			t.Fatalf("the length is %d, %v, not %d", length, err, len(list))
		}
		whole, err := rlp.ReadOne(list)
		if err != nil {
			t.Fatal(err)
		}
		items, err := whole.Split(2)
		if err != nil || len(items) != 2 {
			t.Fatalf("%d items, %v", len(items), err)
		}
		if have, err := items[0].Uint64(); err != nil || have != number {
			t.Fatalf("%d, %v, want %d", have, err, number)
		}
		if have, err := items[1].Bytes(); err != nil || !bytes.Equal(have, text) {
			t.Fatalf("%x, %v, want %x", have, err, text)
		}
		if prefix := len(whole.Raw) - len(whole.Content); prefix != rlp.PrefixLength(len(whole.Content)) {
			t.Fatalf("a prefix of %d bytes", prefix)
		}
	})
}

// FuzzRead: whatever is read is written again as it was.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"c88363617483646f67", "b838", "817f", "f90100", "c7c0c1c0c3c0c1c0"} {
		input, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		item, rest, err := rlp.Read(input)
		if err != nil {
			return
		}
		written := rlp.AppendString(nil, item.Content)
		if item.List {
			written = rlp.AppendList(nil, item.Content)
		}
		if !bytes.Equal(written, item.Raw) || len(written)+len(rest) != len(input) {
			t.Fatalf("%x is written as %x", item.Raw, written)
		}
	})
}
