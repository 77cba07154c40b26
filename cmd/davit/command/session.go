package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"github.com/spf13/cobra"

	"davit/cmd/davit/emulator"
	"davit/shared/installation"
	"davit/shared/names"
)

// credentialsTimeout bounds the search for credentials.
const credentialsTimeout = 15 * time.Second

// environment is the world that the verbs work in.
type environment struct {
	// load answers the configuration for AWS; region is empty where none was asked for.
	load func(ctx context.Context, region string) (aws.Config, error)
	// now is the clock.
	now func() time.Time
}

func awsEnvironment() environment { return environment{load: LoadConfiguration, now: time.Now} }

// LoadConfiguration is the configuration for AWS in the region, or in that of the environment where it is empty. It is the
// SDK's own, except that for a cloud on this machine region and credentials may be absent.
func LoadConfiguration(ctx context.Context, region string) (aws.Config, error) {
	// The SDK would write its own log between a command's lines.
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	if err := checkEndpoint(endpoint); err != nil {
		return aws.Config{}, err
	}
	local := onThisMachine(endpoint)
	if local {
		options = append(options, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	}
	configuration, err := config.LoadDefaultConfig(ctx, options...)
	if unknown := (config.SharedConfigProfileNotExistError{}); errors.As(err, &unknown) {
		return aws.Config{}, fmt.Errorf("AWS_PROFILE is %q, and no such profile is configured: \"aws configure list-profiles\" lists "+
			"those that are: %w", unknown.Profile, err)
	}
	if err != nil {
		return aws.Config{}, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if endpoint != "" {
		configuration.APIOptions = append(configuration.APIOptions, nameSilence(endpoint))
	}
	if configuration.Region == "" && local {
		configuration.Region = emulator.DefaultRegion
	}
	if configuration.Region == "" {
		return aws.Config{}, errors.New("no AWS region is known: set AWS_REGION, or give --region")
	}
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	_, err = configuration.Credentials.Retrieve(ctx)
	if err != nil && local {
		configuration.Credentials = credentials.NewStaticCredentialsProvider("local", "local", "")
		return configuration, nil
	}
	if err != nil {
		return aws.Config{}, fmt.Errorf("no AWS credentials are found: set AWS_PROFILE, sign in with \"aws sso login\", "+
			"or set AWS_ENDPOINT_URL for the local cloud: %w", err)
	}
	return configuration, nil
}

// nameSilence puts in words that nothing listens at the endpoint.
func nameSilence(endpoint string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("NameSilence", func(ctx context.Context,
			input middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			output, metadata, err := next.HandleInitialize(ctx, input)
			if errors.Is(err, syscall.ECONNREFUSED) {
				err = &told{cause: err, text: fmt.Sprintf("nothing answers at %s: start the local cloud with \"davit local up\", "+
					"or unset AWS_ENDPOINT_URL", endpoint)}
			}
			return output, metadata, err
		}), middleware.Before)
	}
}

// Account asks AWS whose account the configuration's credentials are of.
func Account(ctx context.Context, configuration aws.Config) (string, error) {
	identity, err := sts.NewFromConfig(configuration).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("asking AWS who calls: %w", err)
	}
	return aws.ToString(identity.Account), nil
}

// checkEndpoint refuses an endpoint with which every call would fail, and says how it is written. None at all is AWS itself.
func checkEndpoint(endpoint string) error {
	parsed, err := url.Parse(endpoint)
	if endpoint == "" || err == nil && parsed.Host != "" && (parsed.Scheme == "http" || parsed.Scheme == "https") {
		return nil
	}
	_, host, found := strings.Cut(endpoint, "://")
	if !found {
		host = endpoint
	}
	return fmt.Errorf("AWS_ENDPOINT_URL is %q: want http://%s", endpoint, host)
}

// onThisMachine tells whether the URL's host is the loopback address.
func onThisMachine(endpoint string) bool {
	parsed, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := parsed.Hostname()
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// access is what a verb may do.
type access int

const (
	// reading verbs are refused every call that could write.
	reading access = iota
	writing
)

// flags are those that every verb has.
type flags struct {
	region string
	asJSON bool
}

func (f *flags) add(command *cobra.Command) {
	command.Flags().StringVar(&f.region, "region", "", "AWS region; that of the AWS environment if absent")
	command.Flags().BoolVar(&f.asJSON, "json", false, "write the result as JSON; progress goes to standard error")
}

// session is one run of a verb.
type session struct {
	*installation.Installation
	configuration aws.Config
	now           func() time.Time
	asJSON        bool
	out           io.Writer
	progress      io.Writer
}

// verb makes the body of a verb: it opens a session, does the work, and puts failures in words.
func (e environment) verb(given *flags, may access,
	work func(ctx context.Context, s *session, arguments []string) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, arguments []string) error {
		ctx := command.Context()
		s, err := e.open(ctx, *given, may)
		if err != nil {
			return err
		}
		s.out, s.progress = command.OutOrStdout(), command.ErrOrStderr()
		return s.inWords(ctx, work(ctx, s, arguments))
	}
}

func (e environment) open(ctx context.Context, given flags, may access) (*session, error) {
	configuration, err := e.load(ctx, given.region)
	if err != nil {
		return nil, err
	}
	if may == reading {
		configuration = configuration.Copy()
		configuration.APIOptions = append(configuration.APIOptions, refuseWrites)
	}
	opened := installation.Open(configuration, names.Table, names.SettingsParameter, slog.New(slog.DiscardHandler))
	opened.Reconciler.Now, opened.Remedies.Now = e.now, e.now
	return &session{Installation: opened, configuration: configuration, now: e.now, asJSON: given.asJSON,
		out: io.Discard, progress: io.Discard}, nil
}

// refuseWrites fails every call but those that AWS names as reads.
func refuseWrites(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("ReadOnly", func(ctx context.Context,
		input middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		if operation := awsmiddleware.GetOperationName(ctx); !isRead(operation) {
			return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("a command that only reads tried %q", operation)
		}
		return next.HandleInitialize(ctx, input)
	}), middleware.After)
}

func isRead(operation string) bool {
	for _, prefix := range []string{"Describe", "Get", "List", "BatchGet"} {
		if strings.HasPrefix(operation, prefix) {
			return true
		}
	}
	return operation == "Query"
}

// say writes a line of progress.
func (s *session) say(format string, arguments ...any) {
	_, _ = fmt.Fprintf(s.progress, format+"\n", arguments...)
}

// result writes the value as JSON, or what text writes.
func (s *session) result(value any, text func(io.Writer) error) error {
	if !s.asJSON {
		return text(s.out)
	}
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// caller is who runs the command.
type caller struct {
	// account is the 12-digit AWS account.
	account string
	// name is the last part of the caller's ARN: the user, or the session of a role.
	name string
}

// whoCalls asks STS, which needs no permission
// (docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
func (s *session) whoCalls(ctx context.Context) (caller, error) {
	identity, err := sts.NewFromConfig(s.configuration).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return caller{}, fmt.Errorf("asking AWS who calls: %w", err)
	}
	return caller{account: aws.ToString(identity.Account), name: lastPart(aws.ToString(identity.Arn))}, nil
}

// lastPart is what follows the last slash, or the last colon where there is none.
func lastPart(arn string) string { return arn[strings.LastIndexAny(arn, "/:")+1:] }
