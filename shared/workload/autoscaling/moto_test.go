package autoscaling_test

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"davit/cmd/davit/emulator/emulatortest"
	"davit/cmd/python/environment"
)

//go:embed requirements.txt
var requirements []byte

// peer is where moto answers, and cloud where the local cloud does, for all tests of the package. The local cloud has
// CloudWatch, whose protocol moto does not speak; moto has Application Auto Scaling, which the local cloud lacks.
var peer, cloud string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	python, err := install()
	if err != nil {
		return 1, err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	command := exec.CommandContext(ctx, python, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
	command.Env = append(os.Environ(), "MOTO_EC2_LOAD_DEFAULT_AMIS=true")
	output, err := command.StderrPipe()
	if err != nil {
		return 1, err
	}
	if err := command.Start(); err != nil {
		return 1, err
	}
	defer func() {
		stop()
		_ = command.Wait()
	}()
	if peer, err = address(bufio.NewScanner(output)); err != nil {
		return 1, err
	}
	return emulatortest.Run(m, func(endpoint string) { cloud = endpoint }, emulatortest.WithoutEngine), nil
}

// running is moto's line that says where it answers.
var running = regexp.MustCompile(`Running on (http://127\.0\.0\.1:[0-9]+)`)

// address waits for moto to say where it answers, and goes on reading what it says.
func address(lines *bufio.Scanner) (string, error) {
	for lines.Scan() {
		if found := running.FindStringSubmatch(lines.Text()); found != nil {
			go func() {
				for lines.Scan() {
				}
			}()
			return found[1], nil
		}
	}
	return "", errors.Join(errors.New("moto ended before it said where it answers"), lines.Err())
}

// install makes the environment with moto beside the installed emulator, once for the same requirements, and answers its
// interpreter.
func install() (string, error) {
	directory, err := emulatortest.Installation()
	if err != nil {
		return "", err
	}
	moto := filepath.Join(directory, "moto")
	err = environment.Make(context.Background(), moto, environment.Options{Requirements: requirements, Compile: true})
	return environment.Python(moto), err
}

func configuration(endpoint string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
