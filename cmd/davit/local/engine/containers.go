package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// Container is a container as the engine lists it.
type Container struct {
	// ID is the full ID, 64 hexadecimal digits.
	ID string `json:"Id"`
	// Image is the image's name as it was asked for.
	Image string `json:"Image"`
	// State is one of created, running, paused, restarting, removing, exited and dead.
	State  string            `json:"State"`
	Labels map[string]string `json:"Labels"`
}

// Containers lists the containers that carry every given label, written KEY or KEY=VALUE; stopped ones too.
func (e *Engine) Containers(ctx context.Context, labels ...string) ([]Container, error) {
	filters, err := json.Marshal(map[string][]string{"label": labels})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	var found []Container
	if err := e.get(ctx, "/containers/json?all=1&filters="+url.QueryEscape(string(filters)), &found); err != nil {
		return nil, fmt.Errorf("list the containers labelled %v: %w", labels, err)
	}
	return found, nil
}

// Remove kills a container and removes it with its anonymous volumes. One that is gone, or is being removed by somebody
// else, is no error.
func (e *Engine) Remove(ctx context.Context, id string) error {
	_, err := e.call(ctx, http.MethodDelete, "/containers/"+url.PathEscape(id)+"?force=1&v=1", nil, "")
	var status *StatusError
	if errors.As(err, &status) && (status.Status == http.StatusNotFound || status.Status == http.StatusConflict) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove container %.12s: %w", id, err)
	}
	return nil
}

// Kill sends a signal such as SIGKILL to a running container's first process, as `docker kill --signal` does.
func (e *Engine) Kill(ctx context.Context, id, signal string) error {
	path := "/containers/" + url.PathEscape(id) + "/kill?signal=" + url.QueryEscape(signal)
	if _, err := e.call(ctx, http.MethodPost, path, nil, ""); err != nil {
		return fmt.Errorf("send %s to container %.12s: %w", signal, id, err)
	}
	return nil
}

// RemoveLabelled removes every container that carries the labels and answers how many there were.
func (e *Engine) RemoveLabelled(ctx context.Context, labels ...string) (int, error) {
	found, err := e.Containers(ctx, labels...)
	if err != nil {
		return 0, err
	}
	for _, container := range found {
		if err := e.Remove(ctx, container.ID); err != nil {
			return 0, err
		}
	}
	return len(found), nil
}

// Execute runs a command inside a running container, as `docker exec` does, and answers its exit code and what it wrote
// to both outputs.
func (e *Engine) Execute(ctx context.Context, id string, command ...string) (exit int, output string, err error) {
	order, err := json.Marshal(map[string]any{"AttachStdout": true, "AttachStderr": true, "Cmd": command})
	if err != nil {
		return 0, "", fmt.Errorf("execute in container %.12s: %w", id, err)
	}
	made, err := e.call(ctx, http.MethodPost, "/containers/"+url.PathEscape(id)+"/exec", bytes.NewReader(order),
		"application/json")
	if err != nil {
		return 0, "", fmt.Errorf("execute %v in container %.12s: %w", command, id, err)
	}
	var execution struct{ ID string }
	if err := json.Unmarshal(made, &execution); err != nil {
		return 0, "", fmt.Errorf("execute %v in container %.12s: %w", command, id, err)
	}
	path := "/exec/" + url.PathEscape(execution.ID)
	stream, err := e.call(ctx, http.MethodPost, path+"/start", bytes.NewReader([]byte(`{}`)), "application/json")
	if err != nil {
		return 0, "", fmt.Errorf("execute %v in container %.12s: %w", command, id, err)
	}
	var outcome struct{ ExitCode int }
	if err := e.get(ctx, path+"/json", &outcome); err != nil {
		return 0, "", fmt.Errorf("read the exit code of %v in container %.12s: %w", command, id, err)
	}
	return outcome.ExitCode, demultiplex(stream), nil
}

// demultiplex joins the frames of both outputs: an 8-byte header with the payload's length in its last four bytes, then
// the payload (docs.docker.com/reference/api/engine/version/v1.41/#operation/ContainerAttach).
func demultiplex(stream []byte) string {
	const header = 8
	var text []byte
	for len(stream) >= header {
		length := min(int(binary.BigEndian.Uint32(stream[4:header])), len(stream)-header)
		text = append(text, stream[header:header+length]...)
		stream = stream[header+length:]
	}
	return string(text)
}
