package chainwatch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	// callTimeout is how long one call may take.
	callTimeout = 5 * time.Second
	// maximumAnswer is how long an answer may be, in bytes. A node exporter's is the longest.
	maximumAnswer = 4 << 20
)

// newHTTPClient follows no redirect, which would carry a key elsewhere, and keeps connections between looks.
func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout: callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: callTimeout}).DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    callTimeout,
			ResponseHeaderTimeout:  callTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    8,
			IdleConnTimeout:        90 * time.Second,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		},
	}
}

// call sends a request and answers the body of its answer. Its errors say nothing of the address, nor of what the other
// side wrote, either of which may hold a key.
func call(ctx context.Context, client *http.Client, method, address string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("its address cannot be used")
	}
	request.Header.Set("Accept", "application/json, text/plain;q=0.5")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, plain(err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered HTTP status %d", response.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maximumAnswer+1))
	switch {
	case err != nil:
		return nil, plain(err)
	case len(answer) > maximumAnswer:
		return nil, fmt.Errorf("its answer is longer than %d bytes", maximumAnswer)
	}
	return answer, nil
}

// plain says in words of our own what went wrong with a call.
func plain(err error) error {
	var name *net.DNSError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case os.IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("it did not answer within %s", callTimeout)
	case errors.Is(err, context.Canceled):
		return errors.New("the look was ended before it answered")
	case errors.As(err, &name):
		return errors.New("its name cannot be resolved")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("it refused the connection")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it closed the connection")
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid):
		return errors.New("its certificate is not good")
	}
	return errors.New("it cannot be reached")
}

// join puts a path behind an address that may have a path and a query of its own.
func join(address, path string) string {
	base, query, found := strings.Cut(address, "?")
	joined := strings.TrimSuffix(base, "/") + path
	if found {
		joined += "?" + query
	}
	return joined
}
