package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"davit/shared/names"
)

// line is the one line that was logged.
func line(t *testing.T, log *bytes.Buffer) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(log.Bytes(), &fields); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	return fields
}

func TestALineHasTheKeysOfLambda(t *testing.T) {
	log := new(bytes.Buffer)
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	Logger(log).With("workload", "ecs:davit/web").WarnContext(ctx, "refused", "message", "kept", "digest", "sha256:0")
	got := line(t, log)
	if _, err := time.Parse(time.RFC3339, got["timestamp"].(string)); err != nil {
		t.Error(err)
	}
	delete(got, "timestamp")
	// A "message" among the attributes is one too many, but takes nothing away: JSON keeps the last.
	for key, want := range map[string]any{
		"level": "WARN", "workload": "ecs:davit/web", "digest": "sha256:0", "requestId": "request-1",
	} {
		if got[key] != want {
			t.Errorf("%s is %v, not %v", key, got[key], want)
		}
	}
	if !strings.Contains(log.String(), `"message":"refused"`) {
		t.Errorf("the line is %s", log)
	}
}

func TestThereIsNoRequestIDOutsideAnInvocation(t *testing.T) {
	log := new(bytes.Buffer)
	Logger(log).InfoContext(t.Context(), "hello")
	if got, found := line(t, log)["requestId"]; found {
		t.Errorf("the request ID is %v", got)
	}
}

func TestTheLevelComesFromTheEnvironment(t *testing.T) {
	levels := []slog.Level{-8, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError, 12}
	for name, want := range map[string]int{
		"DEBUG": 5, "INFO": 4, "": 4, "nonsense": 4, "WARN": 3, "warn": 3, "ERROR": 2,
	} {
		t.Setenv(names.EnvironmentLogLevel, name)
		log := new(bytes.Buffer)
		logger := Logger(log)
		for _, level := range levels {
			logger.Log(t.Context(), level, "hello")
		}
		if got := strings.Count(log.String(), "\n"); got != want {
			t.Errorf("at level %q %d lines are written, not %d", name, got, want)
		}
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	for _, key := range []string{
		"password", "DB_PASSWORD", "clientSecret", "aws_secret_access_key", "Authorization", "x-amz-security-token",
		"token", "api-key", "sessionToken", "Set-Cookie", "private key", "X-Amz-Signature",
	} {
		log := new(bytes.Buffer)
		logger := Logger(log)
		logger.Info("hello", key, "hunter2", slog.Group("of", slog.Group("groups", slog.Any(key, []string{"hunter2"}))))
		logger.With(key, "hunter2").WithGroup("group").Info("hello", key, errors.New("hunter2"))
		if text := log.String(); strings.Contains(text, "hunter2") || strings.Count(text, redacted) != 4 {
			t.Errorf("the value of %s is in the log: %s", key, text)
		}
	}
}

func TestWhatIsNoSecretIsLogged(t *testing.T) {
	for _, key := range []string{"digest", "workload", "taskDefinition", "id", "key", "tokens", "reason"} {
		log := new(bytes.Buffer)
		Logger(log).Info("hello", key, "plain")
		if got := line(t, log)[key]; got != "plain" {
			t.Errorf("%s is logged as %v", key, got)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	long := strings.Repeat("ø", maximumText)
	log := new(bytes.Buffer)
	Logger(log).Info(long, "text", long, "error", errors.New(long), "short", "x", "number", 7)
	fields := line(t, log)
	for _, key := range []string{"message", "text", "error"} {
		text := fields[key].(string)
		if len(text) > maximumText+len("…") || !strings.HasSuffix(text, "…") || strings.Contains(text, "\ufffd") {
			t.Errorf("%s has %d bytes", key, len(text))
		}
	}
	if fields["short"] != "x" || fields["number"] != 7.0 {
		t.Errorf("the short ones are %v and %v", fields["short"], fields["number"])
	}
}
