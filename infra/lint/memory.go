package lint

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// mostRemembered bounds a memory. A checkout has some hundred things that pass.
const mostRemembered = 5000

// Memory knows what passed: a folder with an empty file for each, named by its Sum. A zero Memory knows nothing and keeps nothing.
type Memory struct{ folder string }

// UserMemory is the memory that the user's checkouts share: davit/passed in the user's cache folder. Who has no such folder has
// a zero Memory.
func UserMemory() Memory {
	caches, err := os.UserCacheDir()
	if err != nil {
		return Memory{}
	}
	return Memory{folder: filepath.Join(caches, "davit", "passed")}
}

// Sum stands for its parts, all of them and in this order.
func Sum(parts ...[]byte) string {
	whole := sha256.New()
	for _, part := range parts {
		one := sha256.Sum256(part)
		whole.Write(one[:])
	}
	return hex.EncodeToString(whole.Sum(nil))
}

// Passed tells whether what the sum stands for passed.
func (m Memory) Passed(sum string) bool {
	if m.folder == "" {
		return false
	}
	path, now := filepath.Join(m.folder, sum), time.Now()
	return os.Chtimes(path, now, now) == nil // what is used is not forgotten
}

// Remember keeps the sums of what passed, and forgets what was used the longest ago where there is too much.
func (m Memory) Remember(sums ...string) error {
	if m.folder == "" {
		return nil
	}
	if err := os.MkdirAll(m.folder, 0o750); err != nil {
		return fmt.Errorf("remember what passed: %w", err)
	}
	for _, sum := range sums {
		if err := os.WriteFile(filepath.Join(m.folder, sum), nil, 0o600); err != nil {
			return fmt.Errorf("remember what passed: %w", err)
		}
	}
	return m.forget()
}

func (m Memory) forget() error {
	entries, err := os.ReadDir(m.folder)
	if err != nil || len(entries) <= mostRemembered {
		return err
	}
	files := make([]fs.FileInfo, 0, len(entries))
	for _, entry := range entries {
		if file, err := entry.Info(); err == nil { // else somebody else forgot it just now
			files = append(files, file)
		}
	}
	slices.SortFunc(files, func(one, other fs.FileInfo) int {
		return cmp.Or(other.ModTime().Compare(one.ModTime()), cmp.Compare(one.Name(), other.Name()))
	})
	for _, file := range files[min(mostRemembered, len(files)):] {
		if err := os.Remove(filepath.Join(m.folder, file.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget what passed long ago: %w", err)
		}
	}
	return nil
}
