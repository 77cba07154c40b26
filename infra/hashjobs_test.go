package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/infra/chain"
	"davit/shared/hashjob"
	"davit/shared/names"
)

func everyHashJobs(t *testing.T, test func(t *testing.T, have template)) {
	t.Helper()
	everyStack(t, hashJobsStack, test)
}

func TestHashJobsDeployAlone(t *testing.T) {
	have := synthesised[jobsAlone][hashJobsStack]
	if text := asText(have); strings.Contains(text, "Fn::ImportValue") || strings.Contains(text, "Fn::GetStackOutput") {
		t.Error("it refers to another stack")
	}
	_, bus := have.only(t, "AWS::Events::EventBus")
	if bus.Properties["Name"] != names.Bus {
		t.Errorf("its bus is %s", asText(bus.Properties))
	}
	if beside := synthesised[development][hashJobsStack].of("AWS::Events::EventBus"); len(beside) > 0 {
		t.Error("beside the automation it has a bus of its own")
	}
}

func TestTheBucketOfHashJobsLocksObjectsAndTellsOfThem(t *testing.T) {
	everyHashJobs(t, func(t *testing.T, have template) {
		name, bucket := have.only(t, "AWS::S3::Bucket")
		want := map[string]any{
			"ObjectLockEnabled":         true,
			"VersioningConfiguration":   map[string]any{"Status": "Enabled"},
			"NotificationConfiguration": map[string]any{"EventBridgeConfiguration": map[string]any{"EventBridgeEnabled": true}},
		}
		for property, value := range want {
			if difference := cmp.Diff(value, bucket.Properties[property]); difference != "" {
				t.Errorf("%s: -want +have:\n%s", property, difference)
			}
		}
		if !refusesPlainText(have, "s3:*", name) {
			t.Error("it is reached without TLS")
		}
	})
}

func TestTheFunctionOfHashJobsMayDoWhatItNeedsAndNoMore(t *testing.T) {
	want := []string{
		"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem",
		"events:PutEvents",
		"kms:GetPublicKey", "kms:Sign",
		"logs:CreateLogStream", "logs:PutLogEvents",
		"s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:PutObjectRetention",
		"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage",
		"states:StartExecution",
	}
	everyHashJobs(t, func(t *testing.T, have template) {
		_, function := have.only(t, "AWS::Lambda::Function")
		role, _ := at(function.Properties, "Role", "Fn::GetAtt", 0).(string)
		var actions []string
		for _, s := range have.statements() {
			if s.where != role || s.fields["Effect"] != "Allow" {
				continue
			}
			actions = append(actions, texts(s.fields["Action"])...)
			resources := asText(s.fields["Resource"])
			switch {
			case s.allows("s3:PutObjectRetention") && (strings.Count(resources, "/*") != 1 || !strings.Contains(resources, "/"+hashjob.AnchorsPrefix+"*")):
				t.Errorf("it locks %s", resources)
			case s.allows("s3:PutObject") && strings.Contains(resources, "/"+hashjob.DocumentsPrefix):
				t.Errorf("it writes documents: %s", resources)
			}
		}
		slices.Sort(actions)
		if difference := cmp.Diff(want, slices.Compact(actions)); difference != "" {
			t.Errorf("-want +have:\n%s", difference)
		}
	})
}

func TestJobsSignWithTheKeysThatTheConfigurationNamesAlone(t *testing.T) {
	for configuration, want := range map[string]int{local: 1, jobsAlone: 0} {
		have := synthesised[configuration][hashJobsStack]
		var found []statement
		for _, s := range have.statements() {
			if s.fields["Sid"] == "SignForEthereum" {
				found = append(found, s)
			}
		}
		if len(found) != want {
			t.Errorf("%s: there are %d statements", configuration, len(found))
		}
		for _, s := range found {
			condition := map[string]any{"ForAnyValue:StringEquals": map[string]any{"kms:ResourceAliases": []any{chain.SigningAlias}}}
			if difference := cmp.Diff(condition, s.fields["Condition"]); difference != "" {
				t.Errorf("-want +have:\n%s", difference)
			}
		}
	}
	_, key := synthesised[local][chainStack].only(t, "AWS::KMS::Key")
	if policy := asText(key.Properties["KeyPolicy"]); !strings.Contains(policy, hashJobsStack+":ExportsOutput") {
		t.Errorf("the key's own policy does not name the function's role: %s", policy)
	}
}

func TestJobsReadTheBucketsThatTheConfigurationNamesAlone(t *testing.T) {
	for configuration, want := range map[string]int{development: 2, jobsAlone: 1} {
		for _, s := range synthesised[configuration][hashJobsStack].statements() {
			if s.allows("s3:ListBucket") && len(list(s.fields["Resource"])) != want {
				t.Errorf("%s: they are %s", configuration, asText(s.fields["Resource"]))
			}
		}
	}
}

func TestTheFunctionOfHashJobsIsToldWhereEverythingIs(t *testing.T) {
	everyHashJobs(t, func(t *testing.T, have template) {
		_, function := have.only(t, "AWS::Lambda::Function")
		variables, _ := at(function.Properties, "Environment", "Variables").(map[string]any)
		for _, variable := range []string{names.EnvironmentTable, names.EnvironmentBucket, names.EnvironmentBus, names.EnvironmentQueueURL,
			names.EnvironmentDeadLetterQueueURL, names.EnvironmentAnchorKey, names.EnvironmentStateMachine} {
			if variables[variable] == nil {
				t.Errorf("it is not told %s", variable)
			}
		}
		if machine := asText(variables[names.EnvironmentStateMachine]); !strings.Contains(machine, ":stateMachine:"+names.HashJobMachine) {
			t.Errorf("the state machine is %s", machine)
		}
	})
}

func TestRequestsAndDocumentsReachTheQueue(t *testing.T) {
	everyHashJobs(t, func(t *testing.T, have template) {
		queue, _ := have.with(t, "AWS::SQS::Queue", "QueueName", names.HashJobQueue)
		dead, _ := have.with(t, "AWS::SQS::Queue", "QueueName", names.HashJobDeadLetterQueue)
		rules := have.of("AWS::Events::Rule")
		if len(rules) != 2 {
			t.Errorf("there are %d rules", len(rules))
		}
		for name, rule := range rules {
			target := at(rule.Properties, "Targets", 0)
			if !refersTo(at(target, "Arn"), queue) || !refersTo(at(target, "DeadLetterConfig", "Arn"), dead) {
				t.Errorf("%s delivers to %s", name, asText(target))
			}
		}
		_, document := have.with(t, "AWS::Events::Rule", "Name", "davit-hashjob-document")
		if prefix := at(document.Properties, "EventPattern", "detail", "object", "key", 0, "prefix"); prefix != hashjob.DocumentsPrefix {
			t.Errorf("documents are below %v", prefix)
		}
	})
}

// states is a state machine in the states language.
type states struct {
	StartAt string
	States  map[string]struct {
		Type, Next, Label string
		End               bool
		Parameters        struct{ Payload map[string]any }
		Catch             []struct{ Next string }
		Retry             []any
		MaxConcurrency    int
		ItemReader        struct{ Resource string }
		ItemProcessor     struct {
			ProcessorConfig struct{ Mode string }
			States          map[string]struct {
				Parameters struct{ Payload map[string]any }
				Retry      []any
			}
		}
	}
}

func TestTheStateMachineAsksForTheStepsThatTheFunctionHas(t *testing.T) {
	everyHashJobs(t, func(t *testing.T, have template) {
		_, machine := have.only(t, "AWS::StepFunctions::StateMachine")
		text, _ := at(machine.Properties, "DefinitionString", "Fn::Sub", 0).(string)
		var read states
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for state, step := range map[string]string{"Plan": hashjob.StepPlan, "Combine": hashjob.StepCombine, "Tell": hashjob.StepFailed} {
			if read.States[state].Parameters.Payload["step"] != step || len(read.States[state].Retry) == 0 {
				t.Errorf("%s asks for %v", state, read.States[state].Parameters.Payload)
			}
		}
		pieces := read.States["Pieces"]
		if pieces.ItemProcessor.ProcessorConfig.Mode != "DISTRIBUTED" || pieces.MaxConcurrency == 0 ||
			pieces.ItemProcessor.States["Piece"].Parameters.Payload["step"] != hashjob.StepPiece {
			t.Errorf("the pieces are %+v", pieces)
		}
		for _, state := range []string{"Plan", "Pieces", "Combine"} {
			if catch := read.States[state].Catch; len(catch) != 1 || catch[0].Next != "Tell" {
				t.Errorf("nobody is told when %s fails", state)
			}
		}
	})
}

func TestTheKeyOfAnchorsSignsAndDoesNothingElse(t *testing.T) {
	everyHashJobs(t, func(t *testing.T, have template) {
		_, key := have.only(t, "AWS::KMS::Key")
		if key.Properties["KeyUsage"] != "SIGN_VERIFY" || key.Properties["KeySpec"] != "ECC_NIST_P256" {
			t.Errorf("it is %v for %v", key.Properties["KeySpec"], key.Properties["KeyUsage"])
		}
		_, alias := have.only(t, "AWS::KMS::Alias")
		if alias.Properties["AliasName"] != names.AnchorKeyAlias {
			t.Errorf("its alias is %v", alias.Properties["AliasName"])
		}
	})
}
