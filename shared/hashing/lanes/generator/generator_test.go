package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestTheAssemblyIsWhatTheGeneratorWrites(t *testing.T) {
	written, err := files()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range written {
		found, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(found, content) {
			t.Errorf("%s is not what the generator writes: run go generate in shared/hashing/lanes", name)
		}
	}
	for _, pattern := range []string{"*.s", "*_avx2_amd64.go", "*_avx512_amd64.go"} {
		names, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		for _, name := range names {
			if _, generated := written[filepath.Base(name)]; !generated {
				t.Errorf("%s is there, but the generator does not write it", name)
			}
		}
	}
}
