package emulator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// runRecord is what is kept of a started emulator, so that another process can find and stop it.
type runRecord struct {
	// Endpoint is where it answers.
	Endpoint string `json:"endpoint"`
	// DockerHost is its engine, empty if it has none.
	DockerHost string `json:"dockerHost,omitempty"`
	// Instance is the value of the label that its containers carry.
	Instance string `json:"instance"`
}

const (
	pidName    = "emulator.pid"
	recordName = "emulator.json"
	readLimit  = 1 << 20
)

// Running tells whether the emulator of the directory is up, and where it answers.
func Running(directory string) (endpoint string, running bool) {
	if _, running = ownProcess(directory); !running {
		return "", false
	}
	return readRecord(directory).Endpoint, true
}

// Stop ends the emulator of the directory with its functions, and removes the containers that it started. It waits for
// the process to end by itself and kills it after 15 seconds, or at once when the context ends. There is nothing to do,
// and no error, if it does not run.
func Stop(ctx context.Context, directory string) error {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return fmt.Errorf("stop the emulator in %s: %w", directory, err)
	}
	record := readRecord(directory)
	if pid, running := ownProcess(directory); running {
		if err := endGroup(ctx, pid); err != nil {
			return fmt.Errorf("stop the emulator in %s: %w", directory, err)
		}
	}
	for _, pid := range relatedProcesses(directory) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
	if err := removeContainers(ctx, record); err != nil {
		return fmt.Errorf("stop the emulator in %s: %w", directory, err)
	}
	for _, name := range []string{pidName, recordName} {
		if err := os.Remove(filepath.Join(directory, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("stop the emulator in %s: %w", directory, err)
		}
	}
	return nil
}

// record writes down how to find the started process.
func (o Options) record(pid int) error {
	text, err := json.Marshal(runRecord{
		Endpoint:   o.endpoint(),
		DockerHost: o.DockerHost,
		Instance:   fmt.Sprintf("%s:%d", o.instanceHost(), o.Port),
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(o.path(recordName), text, 0o600); err != nil {
		return err
	}
	return os.WriteFile(o.path(pidName), []byte(strconv.Itoa(pid)+"\n"), 0o600)
}

// instanceHost tells this directory's emulator from others on the same engine.
func (o Options) instanceHost() string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(o.Directory)) // never fails
	return "davit-" + hex.EncodeToString(sum.Sum(nil))
}

func readRecord(directory string) runRecord {
	var record runRecord
	text, err := readBounded(filepath.Join(directory, recordName))
	if err != nil || json.Unmarshal(text, &record) != nil {
		return runRecord{}
	}
	return record
}

// ownProcess is the process of the pid file, if it runs and is the directory's emulator: numbers are used again.
func ownProcess(directory string) (pid int, running bool) {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return 0, false
	}
	text, err := readBounded(filepath.Join(directory, pidName))
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0, false
	}
	command, err := readBounded(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return 0, false
	}
	plugin := []byte("\x00" + filepath.Join(directory, "plugin") + "\x00")
	return pid, bytes.HasSuffix(command, plugin)
}

// endGroup ends the process group: asked first, killed after the grace period or when the context ends.
func endGroup(ctx context.Context, pid int) error {
	if err := syscall.Kill(-pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process group %d: %w", pid, err)
	}
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for alive(pid) {
		select {
		case <-ticker.C:
			continue
		case <-grace.C:
		case <-ctx.Done():
		}
		break
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL) // what the leader left behind
	for alive(pid) {
		<-ticker.C // a killed process is gone in a moment
	}
	return nil
}

// alive tells whether the process runs; one that has ended and waits for its parent does not.
func alive(pid int) bool {
	status, err := readBounded(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, found := bytes.Cut(status, []byte(") "))
	return found && len(after) > 0 && after[0] != 'Z' && after[0] != 'X'
}

// relatedProcesses are the processes that inherited the environment of the directory's emulator: functions that
// outlived it.
func relatedProcesses(directory string) []int {
	home := []byte("HOME=" + filepath.Join(directory, "home"))
	var related []int
	for _, pid := range processes() {
		environment, err := readBounded(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || pid == os.Getpid() {
			continue
		}
		for variable := range bytes.SplitSeq(environment, []byte{0}) {
			if bytes.Equal(variable, home) {
				related = append(related, pid)
				break
			}
		}
	}
	return related
}

// portHolder names the process that listens on the TCP port, empty if that cannot be known.
func portHolder(port int) string {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		inode := listenerInode(table, port)
		if inode == "" {
			continue
		}
		for _, pid := range processes() {
			if hasDescriptor(pid, "socket:["+inode+"]") {
				return fmt.Sprintf("process %d (%s)", pid, commandLine(pid))
			}
		}
	}
	return ""
}

// listenerInode finds the inode of the listening socket; columns as in proc_net_tcp(5).
func listenerInode(table string, port int) string {
	file, err := os.Open(table) // #nosec G304 -- one of two fixed names
	if err != nil {
		return ""
	}
	defer file.Close()
	suffix := fmt.Sprintf(":%04X", port)
	lines := bufio.NewScanner(io.LimitReader(file, 16<<20))
	for lines.Scan() {
		columns := strings.Fields(lines.Text())
		if len(columns) > 9 && strings.HasSuffix(columns[1], suffix) && columns[3] == "0A" {
			return columns[9]
		}
	}
	return ""
}

func hasDescriptor(pid int, target string) bool {
	directory := fmt.Sprintf("/proc/%d/fd", pid)
	descriptors, err := os.ReadDir(directory)
	if err != nil {
		return false
	}
	for _, descriptor := range descriptors {
		if link, err := os.Readlink(filepath.Join(directory, descriptor.Name())); err == nil && link == target {
			return true
		}
	}
	return false
}

func commandLine(pid int) string {
	text, err := readBounded(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(bytes.ReplaceAll(text, []byte{0}, []byte{' '})))
}

func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path) // #nosec G304 -- our own state, or /proc
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, readLimit))
}
