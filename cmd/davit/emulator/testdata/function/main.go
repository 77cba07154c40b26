// Command function is the function of the emulator's tests: it tells its environment and sends a message.
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// request says where to send what.
type request struct {
	Queue   string `json:"queue"`
	Message string `json:"message"`
}

// answer is what the function saw.
type answer struct {
	Environment []string `json:"environment"`
	// Refusal is the error of sending, empty if the message was sent or none was asked for.
	Refusal string `json:"refusal"`
}

func main() {
	lambda.Start(func(ctx context.Context, asked request) (answer, error) {
		saw := answer{Environment: os.Environ()}
		if asked.Queue == "" {
			return saw, nil
		}
		refusal, err := send(ctx, asked)
		saw.Refusal = refusal
		return saw, err
	})
}

// send calls SendMessage with the credentials of the function. The signer alone builds faster than a client of SQS.
func send(ctx context.Context, asked request) (refusal string, err error) {
	form := url.Values{"Action": {"SendMessage"}, "QueueUrl": {asked.Queue}, "MessageBody": {asked.Message}}.Encode()
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form)) // #nosec G704 -- a test
	if err != nil {
		return "", err
	}
	call.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	identity := aws.Credentials{
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
	}
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(form)))
	if err := v4.NewSigner().SignHTTP(ctx, identity, call, hash, "sqs", os.Getenv("AWS_REGION"), time.Now()); err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(call) // #nosec G704 -- a test
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil || response.StatusCode == http.StatusOK {
		return "", err
	}
	return string(body), nil
}
