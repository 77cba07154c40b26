package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"davit/shared/backoff"
)

// Media types of requests and answers (kubernetes.io/docs/reference/using-api/api-concepts).
const (
	JSON = "application/json"
	// StrategicMerge is a patch that changes the named items of a list and leaves the others.
	StrategicMerge = "application/strategic-merge-patch+json"
	// MetadataList is a list of the objects' metadata alone.
	MetadataList = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

const (
	// attempts is how often a request that may be repeated is sent: few, since every caller is looked at again.
	attempts = 3
	// firstPause and longestPause bound the time between two of them.
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
	// maximumAnswer bounds an answer, in bytes; maximumMessage the text of a refusal.
	maximumAnswer  = 32 << 20
	maximumMessage = 1000
	// perPage is how many objects a page of a listing has, and maximumListed bounds the pages to 100,000 objects.
	perPage       = 500
	maximumListed = 200
)

// errSilent is the cause of an Unreachable that was not tried.
var errSilent = errors.New("it did not a moment ago")

// Request is one request to an API server.
type Request struct {
	// Method is GET if empty.
	Method string
	// Path is that of the API, such as /apis/apps/v1/namespaces/shop/deployments/web.
	Path  string
	Query url.Values
	// Accept is JSON if empty.
	Accept string
	// Body is what is sent, and Content its media type.
	Body    []byte
	Content string
}

// String is the method and the path, for errors.
func (r Request) String() string {
	if r.Method == "" {
		return http.MethodGet + " " + r.Path
	}
	return r.Method + " " + r.Path
}

// Do sends the request and decodes the answer into a value, unless that is nil. Reads are repeated a few times where the
// server is busy; a token that the server no longer takes is made anew once. A refusal is an *Answer, silence an
// *Unreachable, after which the cluster is not asked again for a while.
func (c *Clusters) Do(ctx context.Context, name string, request Request, into any) error {
	known, err := c.Describe(ctx, name)
	if err != nil {
		return err
	}
	if err := c.silent(name); err != nil {
		return err
	}
	renewed := false
	for attempt := 1; ; attempt++ {
		body, err := c.send(ctx, known, request)
		if err == nil {
			return decode(known, request, body, into)
		}
		if has(err, http.StatusUnauthorized) && !renewed {
			renewed = true // send has forgotten the token
			continue
		}
		pause, worth := pauseAfter(err, request, attempt)
		if !worth {
			return err
		}
		if err := backoff.Wait(ctx, pause); err != nil {
			return &Unreachable{Cluster: name, Err: err}
		}
	}
}

// Pages lists objects, 500 a request.
func Pages[T any](ctx context.Context, c *Clusters, name string, request Request) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		query := url.Values{}
		for key, values := range request.Query {
			query[key] = values
		}
		request.Query = query
		query.Set("limit", strconv.Itoa(perPage))
		for range maximumListed {
			var page struct {
				Metadata struct {
					Continue string `json:"continue"`
				} `json:"metadata"`
				Items []T `json:"items"`
			}
			if err := c.Do(ctx, name, request, &page); err != nil {
				yield(nil, err)
				return
			}
			if !yield(page.Items, nil) || page.Metadata.Continue == "" {
				return
			}
			query.Set("continue", page.Metadata.Continue)
		}
		yield(nil, fmt.Errorf("cluster %s: %s: more than %d objects", name, request, perPage*maximumListed))
	}
}

// send makes one attempt.
func (c *Clusters) send(ctx context.Context, known Cluster, request Request) ([]byte, error) {
	text, err := c.token(ctx, known.Name)
	if err != nil {
		return nil, err
	}
	outgoing, err := request.prepare(ctx, known.endpoint, text)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %s: %w", known.Name, request, err)
	}
	response, err := known.http.Do(outgoing)
	if err != nil {
		return nil, c.unreachable(ctx, known.Name, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maximumAnswer+1))
	switch {
	case err != nil:
		return nil, c.unreachable(ctx, known.Name, err)
	case len(body) > maximumAnswer:
		return nil, fmt.Errorf("cluster %s: %s: the answer is longer than %d MiB", known.Name, request, maximumAnswer>>20)
	case response.StatusCode == http.StatusUnauthorized:
		c.forgetToken(known.Name, text)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, refusal(known.Name, request, response, body)
	}
	return body, nil
}

func (r Request) prepare(ctx context.Context, endpoint, text string) (*http.Request, error) {
	address := endpoint + r.Path
	if len(r.Query) > 0 {
		address += "?" + r.Query.Encode()
	}
	outgoing, err := http.NewRequestWithContext(ctx, r.Method, address, bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	outgoing.Header.Set("Authorization", "Bearer "+text)
	outgoing.Header.Set("User-Agent", "davit")
	// A change names the version that it changes, so it may go again over a new connection where the old one was dead.
	outgoing.Header["Idempotency-Key"] = nil
	outgoing.Header.Set("Accept", JSON)
	if r.Accept != "" {
		outgoing.Header.Set("Accept", r.Accept)
	}
	if r.Content != "" {
		outgoing.Header.Set("Content-Type", r.Content)
	}
	return outgoing, nil
}

// refusal reads the Status that Kubernetes answers, or takes the text of a proxy as it is.
func refusal(name string, request Request, response *http.Response, body []byte) error {
	answer := &busy{Answer: Answer{Cluster: name, Request: request.String(), Code: response.StatusCode}}
	var status struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &status) == nil {
		answer.Reason, answer.Message = status.Reason, status.Message
	}
	if answer.Message == "" {
		answer.Message = http.StatusText(response.StatusCode)
	}
	if len(answer.Message) > maximumMessage {
		answer.Message = answer.Message[:maximumMessage] + "…"
	}
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode < 500 {
		return &answer.Answer
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		answer.after = min(time.Duration(seconds)*time.Second, longestPause)
	}
	return answer
}

// busy is an Answer that may be another one a moment later.
type busy struct {
	Answer
	after time.Duration
}

// Unwrap is the answer itself.
func (b *busy) Unwrap() error { return &b.Answer }

// pauseAfter tells whether a request is worth repeating, and when. A change is repeated only where the server says that
// it did nothing.
func pauseAfter(err error, request Request, attempt int) (time.Duration, bool) {
	var answer *busy
	if attempt >= attempts || !errors.As(err, &answer) {
		return 0, false
	}
	if request.Method != "" && request.Method != http.MethodGet && answer.Code != http.StatusTooManyRequests {
		return 0, false
	}
	if answer.after > 0 {
		return answer.after, true
	}
	return backoff.Delay(firstPause, longestPause, attempt), true
}

// unreachable remembers the silence of a cluster, except where the caller itself gave up, and has EKS asked anew where it
// is.
func (c *Clusters) unreachable(ctx context.Context, name string, err error) error {
	if ctx.Err() == nil {
		c.known.Forget(name)
		c.mutex.Lock()
		c.silentUntil[name] = c.Now().Add(silence)
		c.mutex.Unlock()
	}
	return &Unreachable{Cluster: name, Err: err}
}

// silent is an error while a cluster is not asked.
func (c *Clusters) silent(name string) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.Now().Before(c.silentUntil[name]) {
		return &Unreachable{Cluster: name, Err: errSilent}
	}
	return nil
}

func decode(known Cluster, request Request, body []byte, into any) error {
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("cluster %s: %s: read the answer: %w", known.Name, request, err)
	}
	return nil
}
