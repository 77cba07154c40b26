// Command floor is the empty function that the benchmark compares with: it does nothing but note when it was called, and
// for which images. It is a bootstrap of the runtime provided.al2023.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// EnvironmentFile names the file to which the function adds a line for each image: its digest, and when the handler
// began, in nanoseconds since 1970.
const EnvironmentFile = "FLOOR_FILE"

func main() { lambda.Start(handler(os.Getenv(EnvironmentFile))) }

// handler is the path of the file.
type handler string

// Invoke takes a batch of an SQS queue with ECR image actions.
func (h handler) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	begun := time.Now()
	lines, err := digests(payload, begun)
	if err != nil {
		return nil, err
	}
	// #nosec G304 G703 -- the path is set by the benchmark.
	file, err := os.OpenFile(string(h), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := file.WriteString(lines); err != nil {
		_ = file.Close()
		return nil, err
	}
	// An absent or null list is read as a failure of the whole batch by some pollers.
	return []byte(`{"batchItemFailures":[]}`), file.Close()
}

// digests is a line for each image of the batch.
func digests(payload []byte, begun time.Time) (string, error) {
	var batch struct {
		Records []struct {
			Body string `json:"body"`
		}
	}
	if err := json.Unmarshal(payload, &batch); err != nil {
		return "", fmt.Errorf("read the batch: %w", err)
	}
	lines := ""
	for _, record := range batch.Records {
		var event struct {
			Detail struct {
				Digest string `json:"image-digest"`
			} `json:"detail"`
		}
		if err := json.Unmarshal([]byte(record.Body), &event); err != nil {
			return "", fmt.Errorf("read an event: %w", err)
		}
		lines += fmt.Sprintf("%s %d\n", event.Detail.Digest, begun.UnixNano())
	}
	return lines, nil
}
