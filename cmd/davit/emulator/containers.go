package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

const engineTimeout = 30 * time.Second

// removeContainers removes what the emulator started on its engine and did not remove itself. An engine that is gone
// has no containers.
// https://docs.docker.com/reference/api/engine/
func removeContainers(ctx context.Context, record runRecord) error {
	if record.DockerHost == "" || record.Instance == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), engineTimeout)
	defer cancel()
	client, base, err := engine(record.DockerHost)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()

	filter, err := json.Marshal(map[string][]string{"label": {"ministack.instance=" + record.Instance}})
	if err != nil {
		return err
	}
	var found []struct{ ID string }
	err = callEngine(ctx, client, http.MethodGet, base+"/containers/json?all=1&filters="+url.QueryEscape(string(filter)),
		&found)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the emulator's containers: %w", err)
	}
	for _, container := range found {
		err := callEngine(ctx, client, http.MethodDelete, base+"/containers/"+container.ID+"?force=1&v=1", nil)
		if err != nil {
			return fmt.Errorf("remove container %.12s: %w", container.ID, err)
		}
	}
	return nil
}

// engine is a client of the Docker engine, and the start of its URLs.
func engine(dockerHost string) (*http.Client, string, error) {
	if socket, unix := strings.CutPrefix(dockerHost, "unix://"); unix {
		dialer := &net.Dialer{}
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}}
		return &http.Client{Transport: transport}, "http://docker", nil
	}
	if address, tcp := strings.CutPrefix(dockerHost, "tcp://"); tcp {
		return &http.Client{}, "http://" + address, nil
	}
	return nil, "", fmt.Errorf("the Docker host %q is neither unix:// nor tcp://", dockerHost)
}

// callEngine makes one call and decodes its answer into result, unless that is nil. A container that is gone is fine.
func callEngine(ctx context.Context, client *http.Client, method, address string, result any) error {
	request, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 8<<20))
	if err != nil {
		return err
	}
	if method == http.MethodDelete && (response.StatusCode == http.StatusNotFound ||
		response.StatusCode == http.StatusConflict) { // gone, or being removed by another
		return nil
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("the engine answers %s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(body, result)
}
