package chainwatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// readDisk reads how full a file system is from a Prometheus node exporter.
func readDisk(ctx context.Context, client *http.Client, address, mount string) (used float64, err error) {
	answer, err := call(ctx, client, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	size, sizeErr := fileSystem(answer, "node_filesystem_size_bytes", mount)
	available, availableErr := fileSystem(answer, "node_filesystem_avail_bytes", mount)
	if err := errors.Join(sizeErr, availableErr); err != nil {
		return 0, err
	}
	if size <= 0 || available < 0 || available > size {
		return 0, fmt.Errorf("%s cannot have %g bytes with %g available", mount, size, available)
	}
	return 100 * (1 - available/size), nil
}

// fileSystem finds a sample of the mount in the text format of Prometheus
// (prometheus.io/docs/instrumenting/exposition_formats).
func fileSystem(text []byte, metric, mount string) (float64, error) {
	label := "mountpoint=" + strconv.Quote(mount)
	for line := range bytes.Lines(text) {
		rest, found := strings.CutPrefix(string(bytes.TrimSpace(line)), metric+"{")
		labels, value, closed := strings.Cut(rest, "} ")
		if !found || !closed || !hasLabel(labels, label) {
			continue
		}
		number, _, _ := strings.Cut(value, " ")
		read, err := strconv.ParseFloat(number, 64)
		if err != nil || read != read {
			return 0, fmt.Errorf("%s of %s is no number", metric, mount)
		}
		return read, nil
	}
	return 0, fmt.Errorf("there is no %s of %s", metric, mount)
}

// hasLabel tells whether the label is one of the list, and not the end of another's name.
func hasLabel(labels, label string) bool {
	return strings.HasPrefix(labels, label) || strings.Contains(labels, ","+label)
}
