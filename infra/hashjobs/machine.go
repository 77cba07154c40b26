package hashjobs

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

func machineARN(configuration *config.Configuration) string {
	return foundation.ARN(configuration, "states", "stateMachine:"+names.HashJobMachine)
}

// newMachine makes the state machine for jobs in pieces: the function plans them, a Distributed Map has one invocation do
// each, and the function puts them together. It is written in the states language itself: the CDK's own constructs add
// permissions that are wider than what is needed.
func newMachine(made *HashJobs, configuration *config.Configuration) {
	machine := awsstepfunctions.NewCfnStateMachine(made.Stack, jsii.String("Machine"), &awsstepfunctions.CfnStateMachineProps{
		StateMachineName: jsii.String(names.HashJobMachine),
		StateMachineType: jsii.String("STANDARD"),
		RoleArn:          machineRole(made, configuration).RoleArn(),
		DefinitionString: awscdk.Fn_Sub(jsii.String(definition(configuration)), &map[string]*string{"Function": made.Function.FunctionArn()}),
	})
	machine.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY, nil)
}

// machineRole may read the list of pieces, invoke the function, and run the children of its own map
// (docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html).
func machineRole(made *HashJobs, configuration *config.Configuration) awsiam.IRole {
	executions := foundation.ARN(configuration, "states", "execution:"+names.HashJobMachine+"*")
	role := awsiam.NewRole(made.Stack, jsii.String("MachineRole"), &awsiam.RoleProps{
		Description: jsii.String("What the state machine " + names.HashJobMachine + " may do."),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("states.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]string{"aws:SourceAccount": configuration.Account}},
		}),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"own": document([]awsiam.PolicyStatement{
			allow("Function", []string{*made.Function.FunctionArn()}, "lambda:InvokeFunction"),
			allow("List", []string{*made.Bucket.ArnForObjects(jsii.String(workPrefix + "*"))}, "s3:GetObject"),
			allow("Pieces", []string{machineARN(configuration)}, "states:StartExecution"),
			allow("Children", []string{executions}, "states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"),
		})},
	})
	return role.WithoutPolicyUpdates(nil)
}

// invocation is a state in which the function does a step; payload are its other fields.
func invocation(step string, payload map[string]any) map[string]any {
	payload["step"] = step
	return map[string]any{
		"Type":           "Task",
		"Resource":       "arn:${AWS::Partition}:states:::lambda:invoke",
		"Parameters":     map[string]any{"FunctionName": "${Function}", "Payload": payload},
		"ResultSelector": map[string]any{"answer.$": "$.Payload"},
		// "Handle transient Lambda service exceptions" in the Step Functions developer guide, and steps that found the bucket
		// or the table busy.
		"Retry": []any{map[string]any{
			"ErrorEquals": []string{"Lambda.ClientExecutionTimeoutException", "Lambda.ServiceException", "Lambda.AWSLambdaException",
				"Lambda.SdkClientException", "Lambda.TooManyRequestsException", "States.TaskFailed"},
			"IntervalSeconds": 2, "MaxAttempts": 4, "BackoffRate": 2, "JitterStrategy": "FULL",
		}},
	}
}

// caught adds what follows a failure: the job is told of it, and the execution fails.
func caught(state map[string]any) map[string]any {
	state["Catch"] = []any{map[string]any{"ErrorEquals": []string{"States.ALL"}, "ResultPath": "$.cause", "Next": "Tell"}}
	return state
}

func definition(configuration *config.Configuration) string {
	job := func(more map[string]any) map[string]any {
		payload := map[string]any{"id.$": "$.id", "attempt.$": "$.attempt"}
		for key, value := range more {
			payload[key] = value
		}
		return payload
	}
	plan := caught(invocation("plan", job(nil)))
	plan["ResultPath"], plan["Next"] = "$.plan", "Pieces"
	piece := invocation("piece", job(map[string]any{"piece.$": "$.piece"}))
	piece["End"] = true
	pieces := caught(map[string]any{
		"Type":  "Map",
		"Label": "Pieces",
		"ItemReader": map[string]any{
			"Resource":     "arn:${AWS::Partition}:states:::s3:getObject",
			"ReaderConfig": map[string]any{"InputType": "JSON"},
			"Parameters":   map[string]any{"Bucket.$": "$.plan.answer.bucket", "Key.$": "$.plan.answer.key"},
		},
		"ItemSelector":   job(map[string]any{"piece.$": "$$.Map.Item.Value.piece"}),
		"MaxConcurrency": configuration.HashJobs.MaximumConcurrency,
		"ItemProcessor": map[string]any{
			"ProcessorConfig": map[string]any{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
			"StartAt":         "Piece",
			"States":          map[string]any{"Piece": piece},
		},
		"ResultPath": nil, // the pieces are in the bucket
		"Next":       "Combine",
	})
	combine := caught(invocation("combine", job(nil)))
	combine["End"] = true
	tell := invocation("failed", job(map[string]any{"cause.$": "$.cause"}))
	tell["Next"] = "Failed"
	text, err := json.Marshal(map[string]any{
		"Comment": "A hash job in pieces: each is a whole part of the tree, and together they are the tree.",
		"StartAt": "Plan",
		"States": map[string]any{"Plan": plan, "Pieces": pieces, "Combine": combine, "Tell": tell,
			"Failed": map[string]any{"Type": "Fail", "Error": "HashJobFailed", "Cause": "The job's record says why."}},
	})
	if err != nil {
		panic(err) // the literal above is wrong
	}
	return string(text)
}
