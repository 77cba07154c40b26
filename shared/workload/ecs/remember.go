package ecs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"golang.org/x/sync/errgroup"

	"davit/shared/names"
	"davit/shared/workload"
)

// Remember writes the image to the workload's SSM parameter (names.ImageParameter), from which its stack reads it.
func (d *Driver) Remember(ctx context.Context, reference workload.Reference, image string) error {
	parameter := names.ImageParameter(reference.Cluster(), reference.Name())
	_, err := d.clients.SSM.PutParameter(ctx, &ssm.PutParameterInput{
		Name: &parameter, Value: &image, Type: "String", Overwrite: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("%s: remember %s: %w", reference, image,
			failed("ssm:PutParameter", "arn:aws:ssm:*:*:parameter"+parameter, err))
	}
	return nil
}

// Recall reads the workloads' SSM parameters, ten a call, side by side. A workload without a parameter has the empty
// answer.
func (d *Driver) Recall(ctx context.Context, references []workload.Reference) (map[workload.Reference]string, error) {
	of := make(map[string]workload.Reference, len(references))
	recalled := make(map[workload.Reference]string, len(references))
	var parameters []string
	for _, reference := range references {
		parameter := names.ImageParameter(reference.Cluster(), reference.Name())
		if _, known := of[parameter]; !known {
			parameters = append(parameters, parameter)
		}
		of[parameter] = reference
		recalled[reference] = ""
	}
	var (
		mutex sync.Mutex
		calls errgroup.Group
	)
	calls.SetLimit(concurrency)
	for chunk := range slices.Chunk(parameters, batch) {
		calls.Go(func() error {
			output, err := d.clients.SSM.GetParameters(ctx, &ssm.GetParametersInput{Names: chunk})
			if err != nil {
				return fmt.Errorf("read the image parameters %s: %w", strings.Join(chunk, ", "),
					failed("ssm:GetParameters", "arn:aws:ssm:*:*:parameter"+names.ImageParameterPrefix+"*", err))
			}
			mutex.Lock()
			defer mutex.Unlock()
			for _, parameter := range output.Parameters {
				recalled[of[aws.ToString(parameter.Name)]] = aws.ToString(parameter.Value)
			}
			return nil
		})
	}
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	return recalled, nil
}
