package chainwatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"davit/shared/names"
	"davit/shared/settings/nodes"
	"davit/shared/telemetry"
)

// SSMAPI is the part of the SSM client that the watch uses.
type SSMAPI interface {
	GetParameters(ctx context.Context, input *ssm.GetParametersInput,
		options ...func(*ssm.Options)) (*ssm.GetParametersOutput, error)
}

// Parameters reads SSM parameters.
type Parameters struct{ Client SSMAPI }

// mostParameters is how many GetParameters takes
// (docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html).
const mostParameters = 10

// Addresses reads the parameters, decrypted.
func (p Parameters) Addresses(ctx context.Context, parameters []string) (map[string]string, error) {
	found := map[string]string{}
	for part := range slices.Chunk(parameters, mostParameters) {
		output, err := p.Client.GetParameters(ctx, &ssm.GetParametersInput{Names: part, WithDecryption: aws.Bool(true)})
		if err != nil {
			return nil, fmt.Errorf("read the parameters %v: %w", part, err)
		}
		for _, parameter := range output.Parameters {
			found[aws.ToString(parameter.Name)] = aws.ToString(parameter.Value)
		}
	}
	return found, nil
}

// Watch looks at nodes and tells of them.
type Watch struct {
	// Parameters holds the document under the name Parameter, and addresses.
	Parameters Addresses
	Parameter  string
	Collector  *Collector
	// Metrics is where metrics are written; in a Lambda function that is os.Stdout.
	Metrics io.Writer
	Log     *slog.Logger
	Now     func() time.Time
}

// Look looks once at every node of the document. It fails if the document cannot be read or the metrics cannot be
// written; a node that is ill is no failure.
func (w *Watch) Look(ctx context.Context) error {
	found, err := w.Parameters.Addresses(ctx, []string{w.Parameter})
	if err != nil {
		return err
	}
	document, err := nodes.Parse([]byte(found[w.Parameter]))
	if err != nil {
		return fmt.Errorf("read the nodes in the parameter %s: %w", w.Parameter, err)
	}
	var failures []error
	for _, seen := range w.Collector.Collect(ctx, document) {
		failures = append(failures, w.tell(ctx, Judge(w.Now(), seen)))
	}
	return errors.Join(failures...)
}

func (w *Watch) tell(ctx context.Context, verdict Verdict) error {
	for _, reason := range verdict.Reasons {
		w.Log.WarnContext(ctx, "a node is not as it should be", "node", verdict.Node, "code", reason.Code, "reason", reason.Text,
			"unhealthy", verdict.Unhealthy)
	}
	return telemetry.WriteGauges(w.Metrics, w.Now(), names.DimensionNode, verdict.Node, verdict.Gauges)
}
