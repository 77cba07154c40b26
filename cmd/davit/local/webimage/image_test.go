package webimage

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func digest(t *testing.T, image v1.Image, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	hash, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return hash.String()
}

func TestADigestDependsOnTheProgramAndTheVersionAlone(t *testing.T) {
	make := func(binary string) Program {
		program, err := fromBinary([]byte(binary))
		if err != nil {
			t.Fatal(err)
		}
		return program
	}
	image := func(program Program, version string) string {
		made, err := program.Working(version)
		return digest(t, made, err)
	}
	first := image(make("program"), "1.0.0")
	if again := image(make("program"), "1.0.0"); again != first {
		t.Errorf("made twice: got %s and %s, want the same digest", first, again)
	}
	if other := image(make("program"), "1.1.0"); other == first {
		t.Error("another version has the same digest")
	}
	if other := image(make("another"), "1.0.0"); other == first {
		t.Error("another program has the same digest")
	}
	broken, err := make("program").Broken("1.0.0")
	if digest(t, broken, err) == first {
		t.Error("the broken image has the digest of the working one")
	}
}
