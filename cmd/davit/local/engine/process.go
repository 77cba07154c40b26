package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mentions tells whether a process has the path in its command line. It is how a process is known to be ours.
func mentions(pid int, path string) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(strings.Split(string(text), "\x00"), func(argument string) bool {
		argument = strings.TrimPrefix(argument, "unix://")
		return argument == path || strings.HasPrefix(argument, path+"/")
	})
}

// endMentioning ends every process whose command line names the directory or something below it: containerd and its
// shims, where dockerd died without them.
func endMentioning(ctx context.Context, directory string) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() || !mentions(pid, directory) {
			continue
		}
		if err := end(ctx, pid, stopTimeout); err != nil {
			return err
		}
	}
	return nil
}

// end asks a process to end, waits, and kills it where it does not.
func end(ctx context.Context, pid int, patience time.Duration) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(pid, signal); errors.Is(err, syscall.ESRCH) {
			return nil
		} else if err != nil {
			return fmt.Errorf("send %s to process %d: %w", signal, pid, err)
		}
		gone, err := awaitEnd(ctx, pid, patience)
		if gone || err != nil {
			return err
		}
	}
	return fmt.Errorf("process %d does not end", pid)
}

func awaitEnd(ctx context.Context, pid int, patience time.Duration) (gone bool, err error) {
	deadline := time.Now().Add(patience)
	for alive(pid) {
		if time.Now().After(deadline) {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(pollInterval):
		}
	}
	return true, nil
}

// alive is false of a process that has ended and only waits for its parent to notice, too.
func alive(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	// The state follows the name, which is in parentheses and may hold anything (proc_pid_stat(5)).
	_, rest, found := strings.Cut(string(text[max(0, strings.LastIndexByte(string(text), ')')):]), ") ")
	return found && !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// unmountBelow unmounts the directory and everything below it, the innermost first.
func unmountBelow(directory string) error {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	points := mountPoints(string(text), directory)
	for _, point := range slices.Backward(points) {
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			return fmt.Errorf("unmount %s: %w", point, err)
		}
	}
	return nil
}

// mountPoints lists the mount points at or below the directory, in the order in which they were mounted. The mount
// point is the fifth field, with white space as octal escapes (proc_pid_mountinfo(5)).
func mountPoints(mountinfo, directory string) []string {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var points []string
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescape.Replace(fields[4])
		if point == directory || strings.HasPrefix(point, directory+"/") {
			points = append(points, point)
		}
	}
	return points
}
