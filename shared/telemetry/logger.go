// Package telemetry is how the functions speak of themselves: a structured log, and metrics that CloudWatch takes from
// the log.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"davit/shared/names"
)

const (
	// redacted stands for the value of an attribute that may be a secret.
	redacted = "[redacted]"
	// maximumText is how many bytes of one text are logged; CloudWatch Logs takes 1 MB an event.
	maximumText = 16 << 10
)

// Logger writes JSON, a line a record, with the keys that Lambda's own log format has: timestamp, level, message, and
// requestId where the context is an invocation's. The level comes from names.EnvironmentLogLevel as it is now. The values of
// attributes whose key speaks of a secret are not written, at any depth of groups; what hides inside other values is
// for the caller to keep out. Long texts are cut.
func Logger(w io.Writer) *slog.Logger {
	return slog.New(invocation{slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level:       level(os.Getenv(names.EnvironmentLogLevel)),
		ReplaceAttr: replace,
	})})
}

// level reads a level; INFO where it is none.
func level(name string) slog.Level {
	var read slog.Level
	if err := read.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo
	}
	return read
}

// invocation adds the request ID of the Lambda invocation.
type invocation struct{ slog.Handler }

func (h invocation) Handle(ctx context.Context, record slog.Record) error {
	if lambda, found := lambdacontext.FromContext(ctx); found && lambda.AwsRequestID != "" {
		record = record.Clone()
		record.AddAttrs(slog.String("requestId", lambda.AwsRequestID))
	}
	return h.Handler.Handle(ctx, record)
}

func (h invocation) WithAttrs(attributes []slog.Attr) slog.Handler {
	return invocation{h.Handler.WithAttrs(attributes)}
}

func (h invocation) WithGroup(name string) slog.Handler {
	return invocation{h.Handler.WithGroup(name)}
}

func replace(groups []string, attribute slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch attribute.Key {
		case slog.TimeKey:
			attribute.Key = "timestamp"
		case slog.MessageKey:
			attribute.Key = "message"
		}
	}
	if secret(attribute.Key) {
		return slog.String(attribute.Key, redacted)
	}
	switch attribute.Value.Kind() {
	case slog.KindString:
		return shortened(attribute, attribute.Value.String())
	case slog.KindAny:
		if err, failed := attribute.Value.Any().(error); failed {
			return shortened(attribute, err.Error())
		}
	}
	return attribute
}

func shortened(attribute slog.Attr, text string) slog.Attr {
	if len(text) > maximumText {
		return slog.String(attribute.Key, strings.ToValidUTF8(text[:maximumText], "")+"…")
	}
	return attribute
}

// secretWords are what the keys of secrets contain, in lower case and without separators.
var secretWords = []string{
	"password", "passphrase", "secret", "credential", "authorization", "accesskey", "apikey", "privatekey",
	"sessiontoken", "securitytoken", "bearer", "cookie", "signature",
}

var separators = strings.NewReplacer("-", "", "_", "", ".", "", " ", "")

// secret tells whether the key speaks of a secret.
func secret(key string) bool {
	plain := strings.ToLower(separators.Replace(key))
	if plain == "token" {
		return true
	}
	for _, word := range secretWords {
		if strings.Contains(plain, word) {
			return true
		}
	}
	return false
}
