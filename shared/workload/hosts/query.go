package hosts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"

	"davit/shared/backoff"
)

// EC2 makes calls by EC2's query API (docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html). The SDK's
// package for it has seven hundred operations and takes minutes to compile; davit makes eight calls.
type EC2 struct {
	endpoint    string
	region      string
	credentials aws.CredentialsProvider
	client      aws.HTTPClient
	signer      *v4.Signer
}

const (
	ec2Version      = "2016-11-15"
	maximumAnswer   = 8 << 20
	maximumAttempts = 3
)

// throttled are the codes of answers that another attempt may change
// (docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html).
var throttled = []string{"RequestLimitExceeded", "Throttling", "InternalError", "Unavailable", "ServiceUnavailable", "InsufficientInstanceCapacity"}

// NewEC2 makes the client. It makes no call.
func NewEC2(configuration aws.Config) *EC2 {
	endpoint := aws.ToString(configuration.BaseEndpoint)
	if endpoint == "" {
		endpoint = "https://ec2." + configuration.Region + ".amazonaws.com"
		if strings.HasPrefix(configuration.Region, "cn-") {
			endpoint += ".cn"
		}
	}
	client := configuration.HTTPClient
	if client == nil {
		client = &http.Client{Timeout: 20 * time.Second}
	}
	return &EC2{endpoint: endpoint, region: configuration.Region, credentials: configuration.Credentials, client: client, signer: v4.NewSigner()}
}

// call makes one call and reads its answer. A call that was throttled, or not answered, is made again: those that change
// something are given absolute values, or a token by which EC2 knows them again.
func (e *EC2) call(ctx context.Context, action string, parameters map[string]string, answer any) error {
	form := url.Values{"Action": {action}, "Version": {ec2Version}}
	for name, value := range parameters {
		form.Set(name, value)
	}
	var err error
	for attempt := 1; attempt <= maximumAttempts; attempt++ {
		var again bool
		if again, err = e.once(ctx, form.Encode(), answer); err == nil {
			return nil
		}
		if !again || attempt == maximumAttempts {
			break
		}
		if waited := backoff.Wait(ctx, backoff.Delay(200*time.Millisecond, 2*time.Second, attempt)); waited != nil {
			return fmt.Errorf("ec2:%s: %w", action, errors.Join(err, waited))
		}
	}
	return fmt.Errorf("ec2:%s: %w", action, err)
}

// once tells beside its error whether another attempt may do better.
func (e *EC2) once(ctx context.Context, body string, answer any) (again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.endpoint+"/", strings.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	credentials, err := e.credentials.Retrieve(ctx)
	if err != nil {
		return false, fmt.Errorf("find credentials: %w", err)
	}
	sum := sha256.Sum256([]byte(body))
	if err := e.signer.SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), "ec2", e.region, time.Now()); err != nil {
		return false, fmt.Errorf("sign the request: %w", err)
	}
	response, err := e.client.Do(request)
	if err != nil {
		return ctx.Err() == nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maximumAnswer))
	if err != nil {
		return true, fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		failure := failureOf(response.StatusCode, text)
		return response.StatusCode >= http.StatusInternalServerError || slices.Contains(throttled, failure.Code), failure
	}
	if answer == nil {
		return false, nil
	}
	if err := xml.Unmarshal(text, answer); err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	return false, nil
}

// failureOf is EC2's own error (docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html).
func failureOf(status int, text []byte) *smithy.GenericAPIError {
	var answer struct {
		Code    string `xml:"Errors>Error>Code"`
		Message string `xml:"Errors>Error>Message"`
	}
	if xml.Unmarshal(text, &answer) != nil || answer.Code == "" {
		return &smithy.GenericAPIError{Code: http.StatusText(status), Message: fmt.Sprintf("status %d", status)}
	}
	return &smithy.GenericAPIError{Code: answer.Code, Message: answer.Message}
}

// hasCode tells whether AWS answered with one of the codes.
func hasCode(err error, codes ...string) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && slices.Contains(codes, answer.ErrorCode())
}

// message is AWS's own words.
func message(err error) string {
	var answer smithy.APIError
	if !errors.As(err, &answer) || answer.ErrorMessage() == "" {
		return err.Error()
	}
	return strings.TrimRight(answer.ErrorMessage(), ". ")
}
