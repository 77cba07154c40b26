// Package endpoint is how programs reach a local cloud: as an AWS configuration for the SDK, and as an environment for
// other programs.
package endpoint

import (
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Account is the AWS account of every local cloud.
const Account = "000000000000"

// credential is both halves of the key pair; a local cloud takes any.
const credential = "test"

// Endpoint is one local cloud as its users reach it.
type Endpoint struct {
	// Port is the TCP port on the loopback address.
	Port int
	// Region is the AWS region.
	Region string
}

// URL is the endpoint of every service.
func (e Endpoint) URL() string { return fmt.Sprintf("http://localhost:%d", e.Port) }

// Registry is the host and port of the image registry, as they begin an image's name.
func (e Endpoint) Registry() string { return fmt.Sprintf("localhost:%d", e.Port) }

// Config is the configuration for clients of the SDK. It reads nothing of the caller's environment or files, so that no
// call can reach a real account.
func (e Endpoint) Config() aws.Config {
	return aws.Config{
		Region:       e.Region,
		BaseEndpoint: aws.String(e.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(credential, credential, ""),
	}
}

// Environment is the whole environment for a program that works against the local cloud: what AWS tools read, and of
// the caller's own environment no more than what finds programs. home is the program's home directory.
func (e Endpoint) Environment(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"TMPDIR=" + os.TempDir(),
		"AWS_ENDPOINT_URL=" + e.URL(),
		"AWS_ENDPOINT_URL_S3=" + e.URL(),
		"AWS_ACCESS_KEY_ID=" + credential,
		"AWS_SECRET_ACCESS_KEY=" + credential,
		"AWS_REGION=" + e.Region,
		"AWS_DEFAULT_REGION=" + e.Region,
		// No file of the caller's, no instance metadata.
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}
