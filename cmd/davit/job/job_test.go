package job_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command"
	"davit/cmd/davit/job"
	"davit/shared/hashing"
	"davit/shared/hashing/bitcoin"
	"davit/shared/hashing/merkle"
)

// run runs `davit job run` with the arguments.
func run(ctx context.Context, input io.Reader, arguments ...string) (string, error) {
	root := &cobra.Command{Use: "davit", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(job.Command())
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetIn(input)
	root.SetArgs(append([]string{"job", "run"}, arguments...))
	err := root.ExecuteContext(ctx)
	return out.String(), err
}

func mustRun(t *testing.T, input string, arguments ...string) string {
	t.Helper()
	out, err := run(t.Context(), strings.NewReader(input), arguments...)
	if err != nil {
		t.Fatalf("%q: %v", arguments, err)
	}
	return out
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// block100000 are the transaction IDs of that block, in internal byte order, and its root.
var block100000 = []string{
	"876dd0a3ef4a2816ffd1c12ab649825a958b0ff3bb3d6f3e1250f13ddbf0148c",
	"c40297f730dd7b5a99567eb8d27b78758f607507c52292d02d4031895b52f2ff",
	"c46e239ab7d28e2c019b6d66ad8fae98a56ef1f21aeecb94d1b1718186f05963",
	"1d0cb83721529a062d9675b98d6e5c587e4a770fc84ed00abc5a5de04568a6e9",
}

const root100000 = "6657a9252aacd5c0b2940996ecff952228c3067cc38d4885efb5a4ac4247e9f3"

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var read T
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return read
}

type rootResult struct {
	Tree, Root string
	Leaves     int
}

func TestMerkleRoot(t *testing.T) {
	leaves := strings.Join(block100000, "\n")
	path := write(t, "transactions.hex", leaves+"\n")
	want := rootResult{"bitcoin", root100000, 4}
	if got := decode[rootResult](t, mustRun(t, "", "merkle-root", "--tree", "bitcoin", "--leaves", path, "--json")); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for name, input := range map[string]string{
		"without a last end of line": leaves, "with CR LF": strings.ReplaceAll(leaves, "\n", "\r\n") + "\r\n", "in capitals": strings.ToUpper(leaves),
	} {
		if got := mustRun(t, input, "merkle-root", "--tree", "bitcoin", "--leaves", "-"); got != root100000+"\n" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestMerkleRootOfEntries(t *testing.T) {
	entries := "\n00\n10\n2021\n3031\n40414243\n5051525354555657\n606162636465666768696a6b6c6d6e6f\n"
	const want = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328\n"
	if got := mustRun(t, entries, "merkle-root", "--tree", "rfc6962", "--leaves", "-"); got != want {
		t.Errorf("entries: %s", got)
	}
	var hashes strings.Builder
	for line := range strings.Lines(entries) {
		raw, err := hex.DecodeString(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(&hashes, "%x\n", merkle.LeafHash(raw))
	}
	if got := mustRun(t, hashes.String(), "merkle-root", "--tree", "rfc6962", "--leaf-hashes", "--leaves", "-"); got != want {
		t.Errorf("hashes: %s", got)
	}
	if got := mustRun(t, "", "merkle-root", "--tree", "rfc6962", "--leaves", "-"); !strings.HasPrefix(got, "e3b0c442") {
		t.Errorf("no leaves: %s", got)
	}
}

// many are the lines of leaves that all differ, and the leaves.
func many(count int) (string, []merkle.Hash) {
	var lines strings.Builder
	leaves := make([]merkle.Hash, count)
	for index := range leaves {
		leaves[index] = merkle.LeafHash(fmt.Append(nil, index))
		_, _ = fmt.Fprintf(&lines, "%x\n", leaves[index])
	}
	return lines.String(), leaves
}

func TestLongListsGoThroughInPieces(t *testing.T) {
	lines, leaves := many(3*4096 + 1000)
	for _, shape := range []merkle.Shape{merkle.Bitcoin, merkle.RFC6962} {
		want, err := merkle.Root(shape, leaves)
		if err != nil {
			t.Fatal(err)
		}
		path := write(t, "leaves.hex", lines)
		got := mustRun(t, "", "merkle-root", "--tree", shape.String(), "--leaf-hashes", "--leaves", path)
		if got != hex.EncodeToString(want[:])+"\n" {
			t.Errorf("%s: %s, want %x", shape, got, want)
		}
		for _, index := range []int{0, 4095, 4096, 9999, len(leaves) - 1} {
			proof := mustRun(t, "", "merkle-proof", "--tree", shape.String(), "--leaf-hashes", "--leaves", path, "--index", fmt.Sprint(index))
			out := mustRun(t, proof, "merkle-verify", "--proof", "-", "--root", hex.EncodeToString(want[:]), "--leaf", hex.EncodeToString(leaves[index][:]))
			if out != "The proof is valid.\n" {
				t.Errorf("%s, leaf %d: %s", shape, index, out)
			}
		}
	}
}

func TestEntriesOfAnyLengthKeepTheirOrder(t *testing.T) {
	var lines strings.Builder
	builder := merkle.NewBuilder(merkle.RFC6962)
	for index := range 10_000 {
		entry := bytes.Repeat([]byte{byte(index)}, index%700)
		_, _ = fmt.Fprintf(&lines, "%x\n", entry)
		builder.Add(merkle.LeafHash(entry))
	}
	want, err := builder.Root()
	if err != nil {
		t.Fatal(err)
	}
	if got := mustRun(t, lines.String(), "merkle-root", "--tree", "rfc6962", "--leaves", "-"); got != hex.EncodeToString(want[:])+"\n" {
		t.Errorf("%s, want %x", got, want)
	}
}

func TestConsistencyIsProvedAndVerified(t *testing.T) {
	lines, leaves := many(5000)
	older, err := merkle.Root(merkle.RFC6962, leaves[:4100])
	if err != nil {
		t.Fatal(err)
	}
	newer, err := merkle.Root(merkle.RFC6962, leaves)
	if err != nil {
		t.Fatal(err)
	}
	proof := mustRun(t, lines, "merkle-proof", "--tree", "rfc6962", "--leaf-hashes", "--leaves", "-", "--first-leaves", "4100")
	roots := []string{"--root", hex.EncodeToString(newer[:]), "--first-root", hex.EncodeToString(older[:])}
	out := mustRun(t, proof, append([]string{"merkle-verify", "--json", "--proof", "-"}, roots...)...)
	if got := decode[struct{ Valid bool }](t, out); !got.Valid {
		t.Error(out)
	}
	roots[3] = roots[1]
	out, err = run(t.Context(), strings.NewReader(proof), append([]string{"merkle-verify", "--json", "--proof", "-"}, roots...)...)
	if got := decode[struct{ Valid bool }](t, out); err == nil || got.Valid {
		t.Errorf("a wrong older root: %s, %v", out, err)
	}
}

func TestDigests(t *testing.T) {
	got := mustRun(t, "616263\n\n", "digest", "--algorithm", "keccak256", "--inputs", "-")
	want := "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45\n" +
		"c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470\n"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	file := write(t, "letters", "abc")
	got = mustRun(t, "", "digest", file)
	if want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  " + file + "\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	type files struct {
		Algorithm string
		Files     []struct {
			File, Digest string
			Bytes        int
		}
	}
	listed := decode[files](t, mustRun(t, "abc", "digest", "--json", "--algorithm", "ripemd160", "-"))
	if len(listed.Files) != 1 || listed.Files[0].Digest != "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc" || listed.Files[0].Bytes != 3 ||
		listed.Algorithm != "ripemd160" {
		t.Errorf("%+v", listed)
	}
}

func TestDigestsOfManyInputsKeepTheirOrder(t *testing.T) {
	for _, count := range []int{0, 1, 4096, 10_000} {
		var lines, want strings.Builder
		hasher, err := hashing.New(hashing.HASH160)
		if err != nil {
			t.Fatal(err)
		}
		var digests []string
		for index := range count {
			input := fmt.Append(nil, index)
			_, _ = fmt.Fprintf(&lines, "%x\n", input)
			digests = append(digests, hex.EncodeToString(hasher.Append(nil, input)))
			want.WriteString(digests[index] + "\n")
		}
		if got := mustRun(t, lines.String(), "digest", "--algorithm", "hash160", "--inputs", "-"); got != want.String() {
			t.Errorf("%d inputs come out differently", count)
		}
		type result struct {
			Algorithm string
			Digests   []string
			Inputs    int
		}
		got := decode[result](t, mustRun(t, lines.String(), "digest", "--algorithm", "hash160", "--inputs", "-", "--json"))
		if got.Inputs != count || strings.Join(got.Digests, " ") != strings.Join(digests, " ") {
			t.Errorf("%d inputs come out differently as JSON", count)
		}
	}
}

func mainnet(t testing.TB) []byte {
	data, err := os.ReadFile("../../../shared/hashing/bitcoin/testdata/mainnet-0-2020.headers")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func hexLines(data []byte) string {
	var lines strings.Builder
	for at := 0; at < len(data); at += bitcoin.HeaderSize {
		_, _ = fmt.Fprintf(&lines, "%x\n", data[at:at+bitcoin.HeaderSize])
	}
	return lines.String()
}

type headersResult struct {
	Valid     bool
	Headers   int
	Tip       string
	Retargets int
	Wrong     struct {
		Where  string
		Height int
		Rule   string
	}
}

func TestVerifyHeaders(t *testing.T) {
	data := mainnet(t)
	for form, input := range map[string]string{"hex": hexLines(data), "raw": string(data)} {
		got := decode[headersResult](t, mustRun(t, input, "verify-headers", "--json", "--form", form, "--headers", "-"))
		if !got.Valid || got.Headers != 2021 || got.Retargets != 1 || !strings.HasPrefix(got.Tip, "00000000") {
			t.Errorf("%s: %+v", form, got)
		}
	}
	swapped := bytes.Clone(data)
	copy(swapped[5*80:], data[6*80:7*80])
	for form, want := range map[string]string{"hex": "standard input line 6", "raw": "standard input record 6"} {
		input := string(swapped)
		if form == "hex" {
			input = hexLines(swapped)
		}
		out, err := run(t.Context(), strings.NewReader(input), "verify-headers", "--json", "--form", form, "--headers", "-")
		got := decode[headersResult](t, out)
		if err == nil || got.Valid || got.Wrong.Where != want || got.Wrong.Height != 5 || got.Wrong.Rule != "linkage" || got.Headers != 5 {
			t.Errorf("%s: %s, %v", form, out, err)
		}
	}
	if got := mustRun(t, string(data[80*1000:]), "verify-headers", "--form", "raw", "--height", "1000", "--headers", "-"); !strings.Contains(got,
		"1021 headers of mainnet hold, from height 1000 to 2020") || !strings.Contains(got, "factor of four: 1") {
		t.Error(got)
	}
}

func TestVerifyHeadersOfEthereum(t *testing.T) {
	lines, err := os.ReadFile("../../../shared/hashjob/testdata/ethereum-mainnet-0-1.hex")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(strings.NewReplacer("0x", "", "\n", "").Replace(string(lines)))
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		Valid, Genesis bool
		Headers        int
		Tip, Fork      string
		Wrong          struct {
			Index       int
			Rule, Field string
		}
	}
	for form, input := range map[string]string{"hex": string(lines), "export": string(raw)} {
		got := decode[result](t, mustRun(t, input, "verify-headers", "--chain", "ethereum", "--form", form, "--json", "--headers", "-"))
		if !got.Valid || !got.Genesis || got.Headers != 2 || got.Tip != "0x88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6" {
			t.Errorf("%s: %+v", form, got)
		}
	}
	text := mustRun(t, string(lines[strings.Index(string(lines), "\n")+1:]), "verify-headers", "--chain", "ethereum", "--headers", "-")
	if !strings.Contains(text, "1 headers of mainnet hold, from number 1 to 1") || !strings.Contains(text, "trusted where it begins") {
		t.Error(text)
	}
	raw[100]++
	out, err := run(t.Context(), bytes.NewReader(raw), "verify-headers", "--chain", "ethereum", "--form", "export", "--json", "--headers", "-")
	if got := decode[result](t, out); err == nil || got.Valid || got.Wrong.Index != 0 || got.Wrong.Rule != "genesis" {
		t.Errorf("%s, %v", out, err)
	}
}

func TestProofOfWork(t *testing.T) {
	header := hex.EncodeToString(mainnet(t)[:76]) + "00000000"
	type result struct {
		Found, Complete     bool
		Nonce, Tried, Next  int
		Hash, Header, Extra string
	}
	got := decode[result](t, mustRun(t, "", "proof-of-work", "--json", "--header", header, "--from", "2083200000", "--to", "2083300000"))
	if !got.Found || got.Nonce != 2083236893 || got.Hash != "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f" ||
		got.Header != hex.EncodeToString(mainnet(t)[:80]) || got.Next != got.Nonce+1 {
		t.Errorf("%+v", got)
	}
	out, err := run(t.Context(), nil, "proof-of-work", "--json", "--header", header, "--from", "10", "--to", "20")
	if got := decode[result](t, out); err == nil || got.Found || !got.Complete || got.Tried != 11 || got.Next != 21 {
		t.Errorf("%s, %v", out, err)
	}
	out, err = run(t.Context(), nil, "proof-of-work", "--json", "--header", header, "--timeout", "1ns")
	if got := decode[result](t, out); err == nil || got.Complete || got.Next != 0 || !strings.HasSuffix(err.Error(), "go on with --from 0") {
		t.Errorf("%s, %v", out, err)
	}
}

func TestErrorsNameFileLineAndField(t *testing.T) {
	leaf := block100000[0]
	proof := fmt.Sprintf(`{"proof":"inclusion","tree":"bitcoin","index":0,"leaf":%q,"leaves":2,"root":%q,"path":[%q]}`, leaf, root100000, block100000[1])
	lines, _ := many(9000)
	ambiguous := strings.Split(lines, "\n")
	ambiguous[8001] = ambiguous[8000]
	genesis := hex.EncodeToString(mainnet(t)[:80])
	for _, test := range []struct {
		name, input string
		arguments   []string
		want        string
	}{
		{"a letter in a leaf", leaf + "\n" + strings.Replace(leaf, "6", "g", 1), []string{"merkle-root", "--tree", "bitcoin", "--leaves", "-"},
			"standard input line 2: character 3 is 'g', which is no hexadecimal digit"},
		{"a short leaf", leaf + "\n\n", []string{"merkle-root", "--tree", "bitcoin", "--leaves", "-"},
			"standard input line 2: there are 0 characters; a hash has 64 hexadecimal digits"},
		{"a prefix", "0x00", []string{"digest", "--inputs", "-"}, "standard input line 1: character 2 is 'x', which is no hexadecimal digit"},
		{"half a byte", "00\n123", []string{"digest", "--inputs", "-"}, "standard input line 2: there are 3 hexadecimal digits: their number is odd"},
		{"a line without end", "00\n" + strings.Repeat("0", 8<<20+3), []string{"digest", "--inputs", "-"},
			"standard input line 2: longer than 8388608 characters"},
		{"a list that could be another", strings.Join(ambiguous, "\n"), []string{"merkle-root", "--tree", "bitcoin", "--leaves", "-"},
			"standard input line 8002: leaf 8001 is the same as leaf 8000: a list without it can have the same root (CVE-2012-2459)"},
		{"a late list that could be another", leaf + "\n" + leaf, []string{"merkle-root", "--tree", "bitcoin", "--leaves", "-"},
			"standard input line 2: leaf 1 is the same as leaf 0: a list without it can have the same root (CVE-2012-2459)"},
		{"an empty block", "", []string{"merkle-root", "--tree", "bitcoin", "--leaves", "-"}, "standard input: a bitcoin tree has at least one leaf"},
		{"a leaf beyond the end", leaf, []string{"merkle-proof", "--tree", "bitcoin", "--leaves", "-", "--index", "1"},
			"standard input: there is no leaf 1: the list has 1, counted from 0"},
		{"a shrunk list", leaf, []string{"merkle-proof", "--tree", "rfc6962", "--leaves", "-", "--first-leaves", "2"},
			"standard input: the list has 1 leaves, fewer than the older one with 2"},
		{"a proof of another root", proof, []string{"merkle-verify", "--proof", "-", "--root", leaf},
			"standard input: the proof is not valid: root: the proof is of " + root100000 + ", not of " + leaf},
		{"a proof of another leaf", proof, []string{"merkle-verify", "--proof", "-", "--root", root100000, "--leaf", root100000},
			"standard input: the proof is not valid: leaf: the proof is of " + leaf + ", not of " + root100000},
		{"a wrong proof", proof, []string{"merkle-verify", "--proof", "-", "--root", root100000},
			"standard input: the proof is not valid: leaf 0 of 2: the proof does not lead to the root " + root100000 +
				": it leads to 15b88c5107195bf09eb9da89b83d95b3d070079a3c5c5d3d17d0dcd873fbdacc"},
		{"a short path", strings.Replace(proof, `"leaves":2`, `"leaves":4`, 1), []string{"merkle-verify", "--proof", "-", "--root", root100000},
			"standard input: the proof is not valid: the path to leaf 0 of 4 has 1 hashes, not 2"},
		{"a word in the path", strings.Replace(proof, block100000[1], "left", 1), []string{"merkle-verify", "--proof", "-", "--root", root100000},
			"standard input: read the proof: path[0]: a hash has 64 hexadecimal digits"},
		{"an unknown field", `{"prof":1}`, []string{"merkle-verify", "--proof", "-", "--root", leaf},
			`standard input: read the proof: prof: there is no such field`},
		{"two proofs", proof + proof, []string{"merkle-verify", "--proof", "-", "--root", leaf}, "standard input: read the proof: something follows the document"},
		{"a proof without an index", strings.Replace(proof, `"index":0,`, "", 1), []string{"merkle-verify", "--proof", "-", "--root", leaf},
			"standard input: read the proof: index: an inclusion proof has an index and a leaf"},
		{"a long proof", strings.Repeat(" ", 70_000), []string{"merkle-verify", "--proof", "-", "--root", leaf},
			"standard input: the proof is longer than 65536 bytes"},
		{"half a header", genesis + "\n" + genesis[:80], []string{"verify-headers", "--headers", "-"},
			"standard input line 2, height 1: there are 80 characters; a header has 160 hexadecimal digits"},
		{"a header cut off", string(mainnet(t)[:200]), []string{"verify-headers", "--headers", "-", "--form", "raw"},
			"standard input record 3: it ends after 40 of its 80 bytes"},
		{"no headers", "", []string{"verify-headers", "--headers", "-"}, "standard input: there are no headers"},
		{"the wrong network", genesis, []string{"verify-headers", "--network", "signet", "--headers", "-"},
			"standard input line 1, height 0: genesis: the first block of signet is 00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6, not " +
				"000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"},
		{"no such file", "", []string{"merkle-root", "--tree", "bitcoin", "--leaves", "no-such-file"},
			"open no-such-file: no such file or directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := run(t.Context(), strings.NewReader(test.input), test.arguments...)
			if err == nil || err.Error() != test.want {
				t.Errorf("%v\nwant %s", err, test.want)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	leaves := write(t, "leaves.hex", strings.Join(block100000, "\n"))
	for _, test := range []struct {
		arguments string
		want      int
	}{
		{"merkle-root --tree bitcoin --leaves " + leaves, command.ExitDone},
		{"merkle-root --tree bitcoin --leaves " + leaves + " more", command.ExitUsage},
		{"merkle-root --tree heap --leaves " + leaves, command.ExitUsage},
		{"merkle-root --leaves " + leaves, command.ExitUsage},
		{"merkle-root --tree bitcoin", command.ExitUsage},
		{"merkle-root --tree bitcoin --leaves no-such-file", command.ExitFailed},
		{"merkle-proof --tree bitcoin --leaves " + leaves, command.ExitUsage},
		{"merkle-proof --tree bitcoin --index -1 --leaves " + leaves, command.ExitUsage},
		{"merkle-proof --tree bitcoin --index 0 --first-leaves 1 --leaves " + leaves, command.ExitUsage},
		{"merkle-proof --tree bitcoin --first-leaves 1 --leaves " + leaves, command.ExitUsage},
		{"merkle-proof --tree rfc6962 --first-leaves 0 --leaves " + leaves, command.ExitUsage},
		{"merkle-proof --tree rfc6962 --first-leaves 3 --leaves " + leaves, command.ExitDone},
		{"merkle-proof --tree bitcoin --index 4 --leaves " + leaves, command.ExitFailed},
		{"merkle-verify --proof " + leaves, command.ExitUsage},
		{"merkle-verify --root " + root100000, command.ExitUsage},
		{"merkle-verify --root ab --proof " + leaves, command.ExitUsage},
		{"merkle-verify --root " + root100000 + " --proof " + leaves, command.ExitFailed},
		{"digest", command.ExitUsage},
		{"digest --algorithm md5 " + leaves, command.ExitUsage},
		{"digest --inputs - " + leaves, command.ExitUsage},
		{"digest no-such-file", command.ExitFailed},
		{"verify-headers", command.ExitUsage},
		{"verify-headers --network testnet3 --headers " + leaves, command.ExitUsage},
		{"verify-headers --form xml --headers " + leaves, command.ExitUsage},
		{"verify-headers --headers " + leaves, command.ExitFailed},
		{"verify-headers --chain litecoin --headers " + leaves, command.ExitUsage},
		{"verify-headers --chain ethereum --form raw --headers " + leaves, command.ExitUsage},
		{"verify-headers --chain ethereum --height 1 --headers " + leaves, command.ExitUsage},
		{"verify-headers --chain ethereum --network signet --headers " + leaves, command.ExitUsage},
		{"verify-headers --chain ethereum --form archive --receipts - --headers " + leaves, command.ExitUsage},
		{"verify-headers --genesis - --headers " + leaves, command.ExitUsage},
		{"verify-headers --chain ethereum --headers " + leaves, command.ExitFailed},
		{"verify-headers --chain ethereum --headers ../../../shared/hashjob/testdata/ethereum-mainnet-0-1.hex", command.ExitDone},
		{"anchor --id a --bucket media --prefix a/", command.ExitUsage},
		{"anchor --id a --bucket media --retain-days 1", command.ExitUsage},
		{"anchor --id a --bucket media --prefix a/ --retain-days 1 --mode NONE", command.ExitUsage},
		{"anchor --bucket media --prefix a/ --retain-days 1", command.ExitUsage},
		{"sign --text a", command.ExitUsage},
		{"sign --key alias/a", command.ExitUsage},
		{"sign --key alias/a --text a --data 0x", command.ExitUsage},
		{"sign --key alias/a --transaction " + leaves, command.ExitUsage},
		{"sign --key alias/a --id a --text a", command.ExitUsage},
		{"sign --key alias/a --id a --transaction " + leaves, command.ExitFailed},
		{"proof-of-work", command.ExitUsage},
		{"proof-of-work --header 00", command.ExitUsage},
		{"proof-of-work --from 2 --to 1 --header " + strings.Repeat("00", 80), command.ExitUsage},
		{"proof-of-work --header " + strings.Repeat("00", 80), command.ExitUsage},
		{"proof-of-work --header " + strings.Repeat("zz", 80), command.ExitUsage},
		{"mine", command.ExitUsage},
	} {
		group := job.Command()
		group.SetOut(io.Discard)
		group.SetErr(io.Discard)
		if got := command.Execute(append([]string{"job", "run"}, strings.Fields(test.arguments)...), group); got != test.want {
			t.Errorf("%s: exit code %d, want %d", test.arguments, got, test.want)
		}
	}
}

func TestEachKindHasAnExample(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(each *cobra.Command) {
		if each.Example == "" || each.Short == "" || each.Long == "" {
			t.Errorf("%s has no example or no description", each.CommandPath())
		}
		for _, child := range each.Commands() {
			walk(child)
		}
	}
	walk(job.Command())
}

func TestAReadThatFailsOrHangsEndsTheJob(t *testing.T) {
	broken := errors.New("the disk is gone")
	lines, _ := many(5000)
	_, err := run(t.Context(), io.MultiReader(strings.NewReader(lines), iotest.ErrReader(broken)), "digest", "--inputs", "-")
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "standard input line 5001: ") {
		t.Errorf("a broken read: %v", err)
	}
	hanging, writer := io.Pipe()
	defer func() { _ = writer.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.WriteString(writer, "00\n")
		cancel()
	}()
	if _, err := run(ctx, hanging, "merkle-root", "--tree", "rfc6962", "--leaves", "-"); !errors.Is(err, context.Canceled) {
		t.Errorf("a read that hangs: %v", err)
	}
}

func FuzzLeaves(f *testing.F) {
	f.Add("rfc6962", strings.Join(block100000, "\n"))
	f.Add("bitcoin", strings.Join(block100000, "\r\n")+"\r\n")
	f.Add("rfc6962", "\n\n00\n")
	f.Add("bitcoin", "0x")
	f.Fuzz(func(t *testing.T, tree, text string) {
		if tree != "bitcoin" {
			tree = "rfc6962"
		}
		out, err := run(t.Context(), strings.NewReader(text), "merkle-root", "--tree", tree, "--leaves", "-")
		if (out == "") == (err == nil) {
			t.Fatalf("%q, %v", out, err)
		}
		if err != nil {
			return
		}
		var leaves []merkle.Hash
		for line := range strings.Lines(text) {
			raw, err := hex.DecodeString(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
			if err != nil {
				t.Fatalf("%q is taken as hexadecimal", line)
			}
			if tree == "bitcoin" {
				leaves = append(leaves, merkle.Hash(raw))
			} else {
				leaves = append(leaves, merkle.LeafHash(raw))
			}
		}
		shape, err := merkle.ParseShape(tree)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := merkle.Root(shape, leaves); err != nil || out != hex.EncodeToString(want[:])+"\n" {
			t.Fatalf("%s, want %x, %v", out, want, err)
		}
	})
}

func FuzzProofDocument(f *testing.F) {
	leaves := strings.Join(block100000, "\n")
	proof, err := run(f.Context(), strings.NewReader(leaves), "merkle-proof", "--tree", "bitcoin", "--leaves", "-", "--index", "2")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(proof)
	f.Add(`{"proof":"consistency","tree":"rfc6962","first_leaves":18446744073709551615,"first_root":"","leaves":1,"root":"","path":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := run(t.Context(), strings.NewReader(text), "merkle-verify", "--proof", "-", "--root", root100000)
		if err != nil {
			return
		}
		// Only a transaction of the block can be proved; the shape of its path is another way to write the same proof.
		read := decode[struct {
			Leaf string
			Path []string
		}](t, text)
		known := strings.Contains(leaves, strings.ToLower(read.Leaf)) || len(read.Path) < 2
		if !known {
			t.Errorf("%s is proved", text)
		}
	})
}

// The first header that is not right is named, whether it breaks a rule or cannot be read.
func TestTheFirstOfSeveralWrongHeadersIsNamed(t *testing.T) {
	lines := strings.SplitAfter(hexLines(mainnet(t)), "\n")
	unread, unlike := "zz"+lines[0][2:], lines[0][:152]+"00000000"+lines[0][160:]
	for name, test := range map[string]struct {
		third, fifth, want string
	}{
		"one that breaks a rule comes first": {unlike, unread, "standard input line 3, height 2: proof-of-work: "},
		"one that cannot be read does":       {unread, unlike, "standard input line 3, height 2: character 1 is 'z'"},
	} {
		list := slices.Concat(lines[:2], []string{test.third, lines[3], test.fifth}, lines[5:])
		_, err := run(t.Context(), strings.NewReader(strings.Join(list, "")), "verify-headers", "--headers", "-")
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
