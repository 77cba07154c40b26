package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"davit/shared/names"
)

// nodeParameter holds the address of the node that the watch of this account looks at.
const nodeParameter = "/davit/chain/dev"

// watchConfiguration is the section that has the watch deployed.
func watchConfiguration(architecture string) map[string]any {
	return map[string]any{"architecture": architecture, "nodes": []any{map[string]any{
		"name": "dev", "kind": "execution", "parameter": nodeParameter, "chainId": 1337,
		"references": []any{map[string]any{"url": "http://127.0.0.1:1"}},
	}}}
}

// The deployed function, under its own role, reads its parameters, looks at a node and writes what CloudWatch makes
// metrics of; once the node is gone it says so.
func TestTheDeployedWatchTellsALivingNodeFromADeadOne(t *testing.T) {
	account, err := theAccount()
	if err != nil {
		t.Fatal(err)
	}
	node := httptest.NewServer(http.HandlerFunc(answerAsNode))
	defer node.Close()
	_, err = account.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String(nodeParameter),
		Type: types.ParameterTypeSecureString, Value: &node.URL, Overwrite: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	account.lookAtNodes(t)
	account.awaitMetrics(t, func(line map[string]any) bool {
		return line["Unhealthy"] == 0.0 && line["Height"] == 26.0 && line["BlocksBehind"] == nil
	})
	node.Close()
	account.lookAtNodes(t)
	account.awaitMetrics(t, func(line map[string]any) bool { return line["Unhealthy"] == 1.0 && line["Height"] == nil })
}

// answerAsNode answers what the watch asks an execution client.
func answerAsNode(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(io.LimitReader(request.Body, 1<<16))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	result := `"0x539"`
	switch {
	case strings.Contains(string(body), "eth_getBlockByNumber"):
		result = fmt.Sprintf(`{"number": "0x1a", "timestamp": "0x%x", "hash": "0x%064d"}`, time.Now().Unix(), 7)
	case strings.Contains(string(body), "eth_syncing"):
		result = "false"
	}
	_, _ = fmt.Fprintf(w, `{"jsonrpc": "2.0", "id": 1, "result": %s}`, result)
}

// lookAtNodes does at once what the schedule does.
func (a *account) lookAtNodes(t *testing.T) {
	t.Helper()
	output, err := lambda.NewFromConfig(a.site.Endpoint.Config()).Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String(names.ChainwatchFunction)})
	if err != nil {
		t.Fatal(err)
	}
	if output.FunctionError != nil {
		t.Fatalf("%s: %s", *output.FunctionError, output.Payload)
	}
}

// awaitMetrics waits for a line of metrics of the node in the function's log.
func (a *account) awaitMetrics(t *testing.T, is func(line map[string]any) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	for {
		output, err := a.logs.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName: aws.String("/aws/lambda/" + names.ChainwatchFunction)})
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range output.Events {
			var line map[string]any
			if json.Unmarshal([]byte(aws.ToString(event.Message)), &line) == nil && line["Node"] == "dev" && is(line) {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no such line among the %d of the function's log", len(output.Events))
		case <-time.After(lookEvery):
		}
	}
}
