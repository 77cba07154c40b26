package emulator_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"davit/cmd/davit/emulator"
)

// functionCode builds the zip of the test function, once for all tests.
var functionCode = sync.OnceValues(func() ([]byte, error) {
	program, err := buildProgram("./testdata/function")
	if err != nil {
		return nil, err
	}
	var code bytes.Buffer
	writer := zip.NewWriter(&code)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Store}
	header.SetMode(0o755)
	entry, err := writer.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := entry.Write(program); err != nil {
		return nil, err
	}
	err = writer.Close()
	return code.Bytes(), err
})

// buildProgram builds a package of testdata for an environment without libraries.
func buildProgram(path string) ([]byte, error) {
	directory, err := os.MkdirTemp("", "davit-program-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	output := filepath.Join(directory, "program")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", output, path)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(output)
}

// saw is what the test function answers.
type saw struct {
	Environment []string `json:"environment"`
	Refusal     string   `json:"refusal"`
}

// newFunction makes the test function with a role of its own, and answers the role's name.
func newFunction(t *testing.T) (role string) {
	t.Helper()
	name := unique(t)
	made, err := iam.NewFromConfig(cloud(t)).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
			"Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	code, err := functionCode()
	if err != nil {
		t.Fatal(err)
	}
	_, err = lambda.NewFromConfig(cloud(t)).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Role: made.Role.Arn, Runtime: lambdatypes.RuntimeProvidedal2023,
		Handler: aws.String("bootstrap"), Code: &lambdatypes.FunctionCode{ZipFile: code}, Timeout: aws.Int32(20),
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func invoke(t *testing.T, function string, request map[string]string) saw {
	t.Helper()
	payload, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := lambda.NewFromConfig(cloud(t)).Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: &function, Payload: payload,
	})
	if err != nil {
		t.Fatal(err)
	}
	var found saw
	if err := json.Unmarshal(answer.Payload, &found); err != nil || answer.FunctionError != nil {
		t.Fatalf("the function answers %s: %v", answer.Payload, err)
	}
	return found
}

func TestFunctionsSeeNothingOfTheCallersEnvironment(t *testing.T) {
	t.Setenv("DAVIT_SECRET", "hidden")
	t.Setenv("AWS_SESSION_TOKEN", "private")
	withoutEngine(t)
	function := newFunction(t)
	environment := invoke(t, function, nil).Environment
	for _, variable := range environment {
		if strings.Contains(variable, "hidden") || strings.Contains(variable, "private") ||
			strings.HasPrefix(variable, "HOME="+os.Getenv("HOME")+"/.") {
			t.Errorf("the function sees %s", variable)
		}
	}
	for _, variable := range []string{"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=" + emulator.DefaultRegion} {
		if !slices.Contains(environment, variable) {
			t.Errorf("the function does not see %s in %v", variable, environment)
		}
	}
}
