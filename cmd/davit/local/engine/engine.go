// Package engine speaks to a Docker engine over its HTTP API, finds the one that answers, and starts a private one where
// there is none. It uses the few calls that the local cloud needs
// (docs.docker.com/reference/api/engine/).
package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// pingTimeout bounds the first call to an engine. A local engine answers within milliseconds.
const pingTimeout = 2 * time.Second

// answerLimit bounds what is read of an engine's answer, in bytes.
const answerLimit = 4 << 20

// ErrHost is wrapped by Connect's errors about an address that it cannot use.
var ErrHost = errors.New("not a Docker host that can be used")

// Engine is a Docker engine that answered.
type Engine struct {
	host   string
	base   string
	client *http.Client
}

// Connect opens the engine at host, in the form of DOCKER_HOST (unix:///path or tcp://host:port without TLS), and waits
// up to two seconds for its answer.
func Connect(ctx context.Context, host string) (*Engine, error) {
	engine, err := open(host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if _, err := engine.call(ctx, http.MethodGet, "/_ping", nil, ""); err != nil {
		return nil, fmt.Errorf("ask the Docker engine at %s: %w", host, err)
	}
	return engine, nil
}

// open makes the client for a host without asking it anything.
func open(host string) (*Engine, error) {
	address, err := url.Parse(host)
	path, isSocket := strings.CutPrefix(host, "unix://")
	transport := &http.Transport{MaxIdleConns: 4, IdleConnTimeout: time.Second}
	engine := &Engine{host: host, client: &http.Client{Transport: transport}}
	switch {
	case isSocket && strings.HasPrefix(path, "/") && path != "/":
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
		engine.base = "http://docker"
	case err == nil && (address.Scheme == "tcp" && address.Port() != "" || address.Scheme == "http" && address.Host != ""):
		engine.base = "http://" + address.Host
	default:
		return nil, fmt.Errorf("%w: %q: want unix:///PATH or tcp://HOST:PORT without TLS", ErrHost, host)
	}
	return engine, nil
}

// Host is the engine's address in the form of DOCKER_HOST.
func (e *Engine) Host() string { return e.host }

// Version is the engine's own version, such as "20.10.24".
func (e *Engine) Version(ctx context.Context) (string, error) {
	var answer struct{ Version string }
	if err := e.get(ctx, "/version", &answer); err != nil {
		return "", fmt.Errorf("read the Docker engine's version: %w", err)
	}
	return answer.Version, nil
}

// Load puts the images of a docker-archive into the engine, as `docker load` does.
func (e *Engine) Load(ctx context.Context, archive io.Reader) error {
	answer, err := e.call(ctx, http.MethodPost, "/images/load?quiet=1", archive, "application/x-tar")
	if err != nil {
		return fmt.Errorf("load an image into the Docker engine: %w", err)
	}
	// The engine answers 200 and tells of a failure in its stream.
	var line struct {
		Error string `json:"error"`
	}
	for decoder := json.NewDecoder(bytes.NewReader(answer)); decoder.Decode(&line) == nil; {
		if line.Error != "" {
			return fmt.Errorf("load an image into the Docker engine: %s", line.Error)
		}
	}
	return nil
}

// call sends one request and answers the body. A status of 400 or above is an error with the engine's message.
func (e *Engine) call(ctx context.Context, method, path string, body io.Reader, contentType string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, e.base+path, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := e.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return nil, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil, &StatusError{Status: response.StatusCode, Message: message(answer)}
	}
	return answer, nil
}

// get decodes the answer to a GET.
func (e *Engine) get(ctx context.Context, path string, into any) error {
	answer, err := e.call(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// StatusError is a refusal of the engine.
type StatusError struct {
	// Status is the HTTP status, 400 or above.
	Status int
	// Message is the engine's own.
	Message string
}

// Error tells the status and the engine's message.
func (e *StatusError) Error() string { return fmt.Sprintf("Docker engine: %d %s", e.Status, e.Message) }

// message finds the text in an engine's error document.
func message(answer []byte) string {
	var document struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &document) == nil && document.Message != "" {
		return document.Message
	}
	return strings.TrimSpace(string(answer))
}
