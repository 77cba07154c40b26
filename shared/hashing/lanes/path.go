package lanes

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
)

// Path is a way to compute: the instructions used.
type Path string

// The paths. Each needs the instructions that it names. Keccak and RIPEMD-160 have lanes only with AVX2 and AVX-512.
const (
	// Portable is Go and its standard library alone; that may use the CPU's instructions too, one input after another.
	Portable Path = "portable"
	// AVX2 has 8 lanes of SHA-256 and of RIPEMD-160, and 4 of Keccak. It and those of x86 below need BMI2 too.
	AVX2 Path = "avx2"
	// SHANI is the SHA extensions of x86, four inputs side by side, and AVX2 for the other functions.
	SHANI Path = "sha-ni"
	// AVX512 has 16 lanes of SHA-256 and of RIPEMD-160, and 8 of Keccak.
	AVX512 Path = "avx512"
	// ARM64 is the SHA-2 instructions of ARMv8, two inputs side by side.
	ARM64 Path = "arm64"
)

// Variable is the environment variable that forces a path.
const Variable = "DAVIT_HASHING"

// chosen is the path that is taken; width, sponges and lines are how many messages it has side by side, 0 where it has no
// lanes for SHA-256, Keccak or RIPEMD-160. They change only before the program begins, and in tests.
var (
	chosen                = Portable
	width, sponges, lines int
)

func init() {
	paths := Paths()
	_ = choose(paths[len(paths)-1]) // it is one of them
	wanted := os.Getenv(Variable)
	if wanted == "" {
		return
	}
	if err := choose(Path(wanted)); err != nil {
		slog.Warn("hashing goes on with what is fastest here", "variable", Variable, "reason", err, "path", chosen)
	}
}

// choose takes a path that this CPU has.
func choose(path Path) error {
	if paths := Paths(); !slices.Contains(paths, path) {
		names := make([]string, len(paths))
		for index, known := range paths {
			names[index] = string(known)
		}
		return fmt.Errorf("%.40q is no way to hash on this CPU: it has %s", string(path), strings.Join(names, ", "))
	}
	chosen = path
	width, sponges, lines = widths(path)
	return nil
}

// Chosen is the path that is taken.
func Chosen() Path { return chosen }

// Paths are those that this CPU has, the fastest one last.
func Paths() []Path { return append([]Path{Portable}, native()...) }

// inLanes is how many of the messages go through lanes of this width: whole groups.
func inLanes(count, width int) int {
	if width == 0 {
		return 0
	}
	return count - count%width
}
