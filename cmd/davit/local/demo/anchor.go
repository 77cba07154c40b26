package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"davit/cmd/davit/local/endpoint"
	"davit/events/hashjob"
)

// records are what the demo anchors.
var records = map[string]string{
	"invoices/1001.txt": "Invoice 1001: 40 containers, 12 800 EUR\n",
	"invoices/1002.txt": "Invoice 1002: 3 containers, 960 EUR\n",
	"invoices/1003.txt": "Invoice 1003: a crane, 71 000 EUR\n",
}

// anchored is the one of them that is verified, tampered what somebody might make of it.
const (
	anchored = "invoices/1002.txt"
	tampered = "Invoice 1002: 3 containers, 9 600 EUR\n"
)

// anchors has the records of a bucket anchored by the deployed function, and verifies one of them with nothing but the file,
// its proof and the public key. A file that was changed is refused.
func (s *stage) anchors(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "davit-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // it holds nothing of worth
	id := "invoices-" + strconv.FormatInt(time.Now().Unix(), 10)
	if err := s.putRecords(ctx); err != nil {
		return err
	}
	job := filepath.Join(folder, "job.json")
	if err := writeAnchorJob(job, id, s.recordsBucket()); err != nil {
		return err
	}
	online := s.Site.Endpoint.Environment(s.Site.Home())
	if _, err := s.davit(ctx, online, "job", "submit", job, "--wait"); err != nil {
		return err
	}
	s.Console.Good("the root of %d records is signed by KMS and locked, with a proof for each", len(records))
	for name, arguments := range map[string][]string{
		"davit.pem": {"anchor", "public-key"}, "proof.json": {"anchor", "proof", id, anchored},
	} {
		text, err := s.davit(ctx, online, arguments...)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return err
		}
	}
	return s.verifies(ctx, folder)
}

// verifies runs `davit anchor verify` on the record and on a changed one. Its environment names no cloud.
func (s *stage) verifies(ctx context.Context, folder string) error {
	offline := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder}
	file := filepath.Join(folder, filepath.Base(anchored))
	verify := []string{"anchor", "verify", file, "--proof", filepath.Join(folder, "proof.json"), "--public-key", filepath.Join(folder, "davit.pem")}
	if err := os.WriteFile(file, []byte(records[anchored]), 0o600); err != nil {
		return err
	}
	said, err := s.davit(ctx, offline, verify...)
	if err != nil {
		return err
	}
	s.Console.Line("%s", strings.ReplaceAll(firstLine(said), folder+"/", ""))
	s.Console.Good("verified without any network: the file, its proof and the public key are enough")
	if err := os.WriteFile(file, []byte(tampered), 0o600); err != nil {
		return err
	}
	_, err = s.davit(ctx, offline, verify...)
	var exited *exec.ExitError
	if !errors.As(err, &exited) || !strings.Contains(err.Error(), "not verified") {
		return fmt.Errorf("the changed record was not refused: %w", errors.Join(errors.New("want exit code 1"), err))
	}
	s.Console.Good("refused: the same record with another amount")
	return nil
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// recordsBucket is the bucket of the local installation that its hash jobs may read.
func (s *stage) recordsBucket() string {
	return fmt.Sprintf("davit-records-%s-%s", endpoint.Account, s.Site.Endpoint.Region)
}

func (s *stage) putRecords(ctx context.Context) error {
	client := s3.NewFromConfig(s.Site.Endpoint.Config(), func(options *s3.Options) { options.UsePathStyle = true })
	for key, text := range records {
		_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(s.recordsBucket()), Key: aws.String(key), Body: strings.NewReader(text)})
		if err != nil {
			return fmt.Errorf("put %s into %s: %w", key, s.recordsBucket(), err)
		}
	}
	s.Console.Line("%d records are in s3://%s", len(records), s.recordsBucket())
	return nil
}

func writeAnchorJob(path, id, bucket string) error {
	document, err := json.Marshal(hashjob.Job{Version: hashjob.Version, ID: id, Kind: hashjob.Anchor, Anchor: &hashjob.AnchorOptions{RetainDays: 1},
		Input: &hashjob.Input{S3: &hashjob.S3Input{Bucket: bucket, Prefix: "invoices/", Form: hashjob.FormObjects}}})
	if err != nil {
		return err
	}
	return os.WriteFile(path, document, 0o600)
}

// davit runs the davit program, as a user would, and answers what it wrote.
func (s *stage) davit(ctx context.Context, environment []string, arguments ...string) ([]byte, error) {
	// #nosec G204 -- the program is davit itself.
	command := exec.CommandContext(ctx, s.Davit, arguments...)
	command.Env = environment
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	s.Console.Line("$ davit %s", shortened(arguments))
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("davit %s: %w: %s", strings.Join(arguments, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}

// shortened are the arguments with paths by their last part.
func shortened(arguments []string) string {
	texts := make([]string, len(arguments))
	for index, argument := range arguments {
		if texts[index] = argument; filepath.IsAbs(argument) {
			texts[index] = filepath.Base(argument)
		}
	}
	return strings.Join(texts, " ")
}
