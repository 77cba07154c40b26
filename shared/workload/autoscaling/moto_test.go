package autoscaling_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
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
	sum := sha256.Sum256(requirements)
	environment := filepath.Join(directory, "moto-"+hex.EncodeToString(sum[:6]))
	python, stamp := filepath.Join(environment, "bin", "python"), filepath.Join(environment, ".complete")
	if _, err := os.Stat(stamp); err == nil {
		return python, nil
	}
	if err := os.RemoveAll(environment); err != nil {
		return "", err
	}
	for _, arguments := range [][]string{
		{"python3", "-m", "venv", environment},
		{python, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--disable-pip-version-check", "-r", "requirements.txt"},
		{python, "-m", "pip", "check", "--disable-pip-version-check"},
	} {
		command := exec.Command(arguments[0], arguments[1:]...)
		if output, err := command.CombinedOutput(); err != nil {
			return "", fmt.Errorf("install moto: %v: %w\n%s", arguments, err, bytes.TrimSpace(output))
		}
	}
	return python, os.WriteFile(stamp, nil, 0o600)
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
