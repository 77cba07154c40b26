package local

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"davit/cmd/davit/local/cloud"
	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/demo"
	"davit/cmd/davit/local/endpoint"
	"davit/cmd/davit/local/engine"
	"davit/shared/names"
)

// testLimit bounds the whole life of the test's local cloud.
const testLimit = 10 * time.Minute

// TestTheLocalCloud brings a local cloud of its own up, shows the demo on it, breaks it, and brings it down: the same
// code that the commands run, on a free port, with its state in a temporary directory.
func TestTheLocalCloud(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	defer cancel()
	site := testSite(t)
	story := console.New(testWriter{t})
	t.Cleanup(func() {
		if err := site.Down(context.WithoutCancel(ctx), story); err != nil {
			t.Error(err)
		}
	})
	if err := site.Up(ctx, story); err != nil {
		t.Fatal(err)
	}
	if err := site.Up(ctx, story); !errors.Is(err, cloud.ErrUp) || !strings.Contains(err.Error(), site.Endpoint.URL()) {
		t.Errorf("second up: got %v, want ErrUp with the endpoint", err)
	}
	davit := buildDavit(ctx, t, site.Root)
	if err := (demo.Demo{Site: site, Console: story, Davit: davit}).Run(ctx); err != nil {
		t.Fatal(err)
	}
	seen, err := site.Status(ctx)
	if err != nil || !seen.Up || !seen.EngineAnswers || len(seen.Services) != 1 || seen.Services[0].Running != 1 {
		t.Errorf("status: got %+v, %v, want one running service", seen, err)
	}
	elsewhere := site
	elsewhere.Endpoint.Port = freePort(t)
	if err := (demo.Demo{Site: elsewhere, Console: story}).Run(ctx); !errors.Is(err, demo.ErrUsed) {
		t.Errorf("demo on a used local cloud, by another port: got %v, want ErrUsed", err)
	}
	testAnArchiveThatOpens(ctx, t, site, davit)
	testPlantedDifference(ctx, t, site, story)
	testPlantedGap(ctx, t, site)

	before, err := site.Engine(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := site.Down(ctx, story); err != nil {
		t.Fatal(err)
	}
	if left := processesOf(t, site.Directory); len(left) > 0 {
		t.Errorf("processes left: %q", left)
	}
	if left := containersOf(ctx, before.Host(), site.Endpoint.Port); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
	if err := site.Down(ctx, story); err != nil {
		t.Errorf("second down: %v", err)
	}
	if seen, err := site.Status(ctx); err != nil || seen.Up {
		t.Errorf("status after down: got %+v, %v, want not up", seen, err)
	}
}

// testAnArchiveThatOpens asks for an archived object, and wants it taken out of the archive by the event that says that it is
// open: in a bucket whose own class is none of an archive.
func testAnArchiveThatOpens(ctx context.Context, t *testing.T, site cloud.Site, davit string) {
	t.Helper()
	configuration := site.Endpoint.Config()
	client := s3.NewFromConfig(configuration, func(options *s3.Options) { options.UsePathStyle = true })
	bucket, key := "davit-media-"+endpoint.Account+"-"+configuration.Region, "archived.txt"
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, StorageClass: types.StorageClassGlacier,
		Body: strings.NewReader("cold")}); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, davit, "restore", "s3://"+bucket+"/"+key, "--keep", "--no-wait", "--yes") // #nosec G204 -- built here
	command.Env = site.Endpoint.Environment(t.TempDir())
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	waiting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		if head.StorageClass != types.StorageClassGlacier {
			return
		}
		select {
		case <-waiting.Done():
			t.Error("nothing took the object out of the archive that has opened")
			return
		case <-ticker.C:
		}
	}
}

// testPlantedDifference keeps the function's log for longer, and wants the difference to what is deployed told.
func testPlantedDifference(ctx context.Context, t *testing.T, site cloud.Site, story *console.Console) {
	t.Helper()
	other := site.Application()
	deployed, err := os.ReadFile(filepath.Join(other.Root, other.Configuration))
	if err != nil {
		t.Fatal(err)
	}
	other.Configuration, other.Assembly = filepath.Join(t.TempDir(), "other.yaml"), t.TempDir()
	if err := os.WriteFile(other.Configuration, bytes.Replace(deployed, []byte("logDays: 3"), []byte("logDays: 5"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := other.Diff(ctx, story); err == nil || !strings.Contains(err.Error(), "stacks with differences: 1") {
		t.Errorf("one log that is kept for longer: %v", err)
	}
}

// testPlantedGap takes away a queue that a template asked for, and wants it missed by name.
func testPlantedGap(ctx context.Context, t *testing.T, site cloud.Site) {
	t.Helper()
	if err := site.Application().Check(ctx); err != nil {
		t.Errorf("before the gap: %v", err)
	}
	client := sqs.NewFromConfig(site.Endpoint.Config())
	name := names.RolloutDeadLetterQueue
	queue, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: queue.QueueUrl}); err != nil {
		t.Fatal(err)
	}
	err = site.Application().Check(ctx)
	if err == nil || !strings.Contains(err.Error(), "davit-automation") || !strings.Contains(err.Error(), "AWS::SQS::Queue") {
		t.Errorf("a queue is gone: got %v, want its stack and type", err)
	}
}

func TestAPortThatIsTakenIsAClearError(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	site := testSite(t)
	site.Endpoint.Port = listener.Addr().(*net.TCPAddr).Port
	err = site.Up(t.Context(), console.New(testWriter{t}))
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(site.Endpoint.Port)+" is taken") {
		t.Errorf("got %v, want an error that names the port", err)
	}
	if left := processesOf(t, site.Directory); len(left) > 0 {
		t.Errorf("processes left: %q", left)
	}
}

func TestWithoutABuildTheErrorNamesTheRemedy(t *testing.T) {
	site := testSite(t)
	site.Root = t.TempDir()
	err := site.Up(t.Context(), console.New(testWriter{t}))
	if !errors.Is(err, cloud.ErrNotBuilt) || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v, want ErrNotBuilt with make build", err)
	}
}

// testSite is a site of this checkout with a directory and a port of its own.
func testSite(t *testing.T) cloud.Site {
	t.Helper()
	site, err := cloud.NewSite(freePort(t), "ap-northeast-2")
	if err != nil {
		t.Fatal(err)
	}
	site.Directory = t.TempDir()
	return site
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// buildDavit builds the command line from the sources under test.
func buildDavit(ctx context.Context, t *testing.T, root string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "davit")
	command := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", path, "./cmd/davit")
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build davit: %v: %s", err, output)
	}
	return path
}

// processesOf are the processes whose command line or environment names the directory.
func processesOf(t *testing.T, directory string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))   // It may have ended.
		around, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ")) // It may be somebody else's.
		if strings.Contains(string(line), directory) || strings.Contains(string(around), directory) {
			found = append(found, entry.Name()+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// containersOf are the containers of the emulator on the port. An engine that is gone has none.
func containersOf(ctx context.Context, host string, port int) []engine.Container {
	found, err := engine.Connect(ctx, host)
	if err != nil {
		return nil
	}
	all, err := found.Containers(ctx, "ministack.instance")
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(container engine.Container) bool {
		return !strings.HasSuffix(container.Labels["ministack.instance"], ":"+strconv.Itoa(port))
	})
}

// testWriter writes the story to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(text []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(text), "\n"))
	return len(text), nil
}
