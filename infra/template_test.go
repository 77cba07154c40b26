package main

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"davit"
	"davit/cmd/davit/emulator"
	"davit/cmd/davit/emulator/emulatortest"
	"davit/infra/config"
)

// inputs are the configurations. Tests read nothing of the checkout but what is embedded, here or as davit.Checkout, and so part
// of what go test remembers them by. Of files that they open there it knows no more than the path and the time, and nothing at all of
// those that TestMain opens.
//
//go:embed configurations/*.yaml shapes/*.yaml testdata/*.yaml
var inputs embed.FS

// template is a stack's synthesised template.
type template struct {
	Parameters map[string]map[string]any
	Resources  map[string]resource
	Outputs    map[string]any
	// text is the template as it was written.
	text string
}

// resource is a resource of a template.
type resource struct {
	Type                string
	Properties          map[string]any
	Metadata            map[string]any
	DependsOn           logicalNames
	DeletionPolicy      string
	UpdateReplacePolicy string
}

// logicalNames are one name or several, as CloudFormation writes them.
type logicalNames []string

// UnmarshalJSON reads a string, or a list of strings.
func (n *logicalNames) UnmarshalJSON(document []byte) error {
	var one string
	if json.Unmarshal(document, &one) == nil {
		*n = logicalNames{one}
		return nil
	}
	return json.Unmarshal(document, (*[]string)(n))
}

// stacks are the templates of one configuration, by stack.
type stacks map[string]template

// synthesised are the templates of the configurations that the tests look at.
var synthesised = map[string]stacks{}

// configured are the configurations themselves.
var configured map[string]*config.Configuration

// checkout is a copy of what is embedded of the checkout.
var checkout string

// endpoint is a local cloud, and judging another one, in which IAM decides on each call.
var endpoint, judging string

// Configurations that the tests look at, beside those that are checked in.
const (
	local       = "local"
	development = "development"
	alone       = "automation"
	jobsAlone   = "hashjobs"
	// retagged is development with other tags.
	retagged = "retagged"
	// watched has nothing but what watches blockchain nodes.
	watched = "chainwatch"
	// chosen has what the others leave at its default.
	chosen = "chosen"
	// Files of testdata, each for choices that exclude those of the others.
	existing, isolated, regional = "existing", "isolated", "regional"
	// privateCluster is a Kubernetes cluster in subnets without a way out, reached from there alone; autoCluster is one on
	// Auto Mode.
	privateCluster, autoCluster = "private-cluster", "auto-cluster"
	// privateRollouts are rollouts, remedies and scaling on clusters that exist and are reached from their VPC alone.
	privateRollouts = "private-rollouts"
)

// choices is the configuration "chosen".
const choices = `
owner: platform
environment: production
account: "111122223333"
region: eu-north-1
availabilityZones: [eu-north-1a, eu-north-1b, eu-north-1c]
network:
  zones: 3
  nat: per-az
  gatewayEndpoints: [s3]
  interfaceEndpoints: [ecr.api, ecr.dkr, logs, ssm, sts]
registry:
  repositories:
    - {name: team/web, immutableTags: false, expire: [{tags: cache-*, keep: 5}]}
    - {name: worker, scanOnPush: false}
ecs:
  cluster: production
  services:
    - name: web
      repository: team/web
      policy: tag:latest
      scaling: policy:shop
      initialImage: public.ecr.aws/docker/library/httpd:2.4
      containerPort: 80
      public: true
      cpu: 1024
      memory: 3072
      environment: {MODE: production}
      healthCommand: [CMD-SHELL, "true"]
    - name: worker
      repository: worker
      initialImage: public.ecr.aws/docker/library/busybox:stable
      containerPort: 9000
      loadBalancer: false
      circuitBreaker: false
automation:
  repositories: [team/*, worker, "arn:aws:ecr:us-east-1:999999999999:repository/shared/*"]
  passRoles: ["role/davit/*", "arn:aws:iam::111122223333:role/legacy"]
  reservedConcurrency: 20
  maximumConcurrency: 20
  maximumReceives: 9
  tracing: true
  deletionProtection: false
  subscriptions: [{protocol: email, endpoint: platform@example.com}]
  settings:
    scaling: {shop: {policy: min=1 max=10 target=60}}
scaling: {lookMinutes: 5}
chainwatch:
  minutes: 5
  architecture: x86_64
  nodes:
    - name: sepolia
      kind: execution
      parameter: /davit/chain/sepolia
      chainId: 11155111
      references: [{url: "https://reference.example"}]
`

// TestMain synthesises every configuration once, in one process of the CDK, and starts the local clouds.
func TestMain(m *testing.M) {
	run := synthesiseAndRun
	if os.Getenv("CDK_VALIDATION") == "" {
		run = runWithoutValidation
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// runWithoutValidation runs the tests in a process whose CDK does not validate: that takes longer than all of the tests,
// and "cdk synth" does it. The CDK keeps the environment that the process started with, so it is too late for this one.
func runWithoutValidation(*testing.M) (int, error) {
	again := exec.Command(os.Args[0], os.Args[1:]...)
	again.Env = append(os.Environ(), "CDK_VALIDATION=false", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20")
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	var failed *exec.ExitError
	switch err := again.Run(); {
	case errors.As(err, &failed):
		return failed.ExitCode(), nil
	default:
		return 0, err
	}
}

func synthesiseAndRun(m *testing.M) (int, error) {
	defer jsii.Close()
	folder, err := os.MkdirTemp("", "infra-test")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	checkout = filepath.Join(folder, "checkout")
	if err := errors.Join(os.CopyFS(checkout, davit.Checkout), os.CopyFS(filepath.Join(checkout, "infra"), inputs)); err != nil {
		return 1, err
	}
	functions, err := standIns(filepath.Join(folder, "functions"), filepath.Join(checkout, functionSources))
	if err != nil {
		return 1, err
	}
	configured, err = readConfigurations()
	if err != nil {
		return 1, err
	}
	for name, configuration := range configured {
		if synthesised[name], err = templates(filepath.Join(folder, name), functions, configuration); err != nil {
			return 1, fmt.Errorf("synthesise %s: %w", name, err)
		}
	}
	return emulatortest.Run(inCloud(func() int {
		return emulatortest.Run(m, func(url string) { judging = url }, emulatortest.WithoutEngine,
			func(options *emulator.Options) { options.EnforcePermissions = true })
	}), func(url string) { endpoint = url }, emulatortest.WithoutEngine), nil
}

// inCloud runs the tests while an emulator runs.
type inCloud func() int

func (run inCloud) Run() int { return run() }

func readConfigurations() (map[string]*config.Configuration, error) {
	read := map[string]*config.Configuration{}
	for _, name := range []string{local, development, alone, watched, jobsAlone} {
		configuration, err := config.Read(filepath.Join(checkout, configurationsFolder, name+".yaml"))
		if err != nil {
			return nil, err
		}
		read[name] = configuration
	}
	again, err := config.Read(filepath.Join(checkout, configurationsFolder, development+".yaml"))
	if err != nil {
		return nil, err
	}
	again.Owner, again.Tags = "somebody else", map[string]string{"cost-centre": "42"}
	read[retagged] = again
	if read[chosen], err = config.Parse([]byte(choices)); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(checkout, "infra", "testdata", "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if read[strings.TrimSuffix(filepath.Base(path), ".yaml")], err = config.Read(path); err != nil {
			return nil, err
		}
	}
	if err := readAdvised(read); err != nil {
		return nil, err
	}
	return read, readShapes(read)
}

// readShapes adds the shapes that can be deployed.
func readShapes(read map[string]*config.Configuration) error {
	for _, shape := range config.Shapes {
		if config.ImpossibleShape(shape) {
			continue
		}
		configuration, err := config.ReadShape(filepath.Join(checkout, shapesFolder), shape)
		if err != nil {
			return err
		}
		read[shape] = configuration
	}
	return nil
}

// templates synthesises a configuration with the feature flags of cdk.json, as the CDK CLI would.
func templates(folder, functions string, configuration *config.Configuration) (stacks, error) {
	settings, err := os.ReadFile(filepath.Join(checkout, settingsFile))
	if err != nil {
		return nil, err
	}
	context, err := flags(settings)
	if err != nil {
		return nil, err
	}
	app := newApp(&awscdk.AppProps{
		AnalyticsReporting: jsii.Bool(false),
		Context:            &context,
		Outdir:             jsii.String(folder),
		TreeMetadata:       jsii.Bool(false),
	})
	addStacks(app, configuration, functions)
	app.Synth(nil)
	paths, err := filepath.Glob(filepath.Join(folder, "*.template.json"))
	if err != nil {
		return nil, err
	}
	found := stacks{}
	for _, path := range paths {
		var read template
		document, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(document, &read); err != nil {
			return nil, err
		}
		read.text = string(document)
		found[strings.TrimSuffix(filepath.Base(path), ".template.json")] = read
	}
	return found, nil
}

// TestWhatIsRememberedIsOfTheseInterpreters looks at INTERPRETERS, with which make tells go test by which versions of Node and
// Python it is to remember the results of these tests.
func TestWhatIsRememberedIsOfTheseInterpreters(t *testing.T) {
	told := os.Getenv("INTERPRETERS")
	if told == "" {
		return // as nobody told
	}
	var have []string
	for _, program := range []string{"node", "python3"} {
		version, err := exec.CommandContext(t.Context(), program, "--version").Output()
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, strings.TrimSpace(string(version)))
	}
	if strings.Join(have, " ") != told {
		t.Errorf("they are %q, and INTERPRETERS is %q", have, told)
	}
}

// of are the resources of a type by logical name.
func (t template) of(kind string) map[string]resource {
	found := map[string]resource{}
	for name, candidate := range t.Resources {
		if candidate.Type == kind {
			found[name] = candidate
		}
	}
	return found
}

// only is the one resource of the type.
func (t template) only(tb testing.TB, kind string) (string, resource) {
	tb.Helper()
	found := t.of(kind)
	if len(found) != 1 {
		tb.Fatalf("want one %s, have %v", kind, slices.Collect(maps.Keys(found)))
	}
	for name, one := range found {
		return name, one
	}
	return "", resource{}
}

// with is the one resource of the type whose property has the value.
func (t template) with(tb testing.TB, kind, property string, value any) (string, resource) {
	tb.Helper()
	for name, candidate := range t.of(kind) {
		if candidate.Properties[property] == value {
			return name, candidate
		}
	}
	tb.Fatalf("no %s has %s %v", kind, property, value)
	return "", resource{}
}

// at follows the keys and indices into a value; it is nil where there is nothing.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			fields, _ := value.(map[string]any)
			value = fields[step]
		case int:
			items, _ := value.([]any)
			if step >= len(items) {
				return nil
			}
			value = items[step]
		}
	}
	return value
}

// list is the value as a list; a single one is a list of one, as in a policy.
func list(value any) []any {
	switch value := value.(type) {
	case nil:
		return nil
	case []any:
		return value
	}
	return []any{value}
}

// texts are the strings of a list.
func texts(value any) []string {
	var found []string
	for _, item := range list(value) {
		if text, ok := item.(string); ok {
			found = append(found, text)
		}
	}
	return found
}

// tags are a resource's tags, in either of the forms that CloudFormation has.
func (r resource) tags() map[string]string {
	found := map[string]string{}
	if pairs, ok := r.Properties["Tags"].(map[string]any); ok {
		for key, value := range pairs {
			found[key], _ = value.(string)
		}
		return found
	}
	pairs := append(list(r.Properties["Tags"]), list(r.Properties["HostedZoneTags"])...)
	for _, specification := range list(r.Properties["TagSpecifications"]) {
		pairs = append(pairs, list(at(specification, "Tags"))...)
	}
	for _, tag := range pairs {
		key, _ := at(tag, "Key").(string)
		found[key], _ = at(tag, "Value").(string)
	}
	return found
}

// refersTo tells whether the value is a reference to the resource, by Ref or by an attribute.
func refersTo(value any, name string) bool {
	return at(value, "Ref") == name || at(value, "Fn::GetAtt", 0) == name
}

// asText is the value as JSON, to search and to show.
func asText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// statement is a statement of a policy, with the resource that has it.
type statement struct {
	where      string
	fields     map[string]any
	isIdentity bool
}

func (s statement) allows(action string) bool {
	return s.fields["Effect"] == "Allow" && slices.Contains(texts(s.fields["Action"]), action)
}

// statements are all statements of all policies of the template: those of identities, and those of resources.
func (t template) statements() []statement {
	var found []statement
	add := func(where string, document any, isIdentity bool) {
		for _, fields := range list(at(document, "Statement")) {
			fields, _ := fields.(map[string]any)
			found = append(found, statement{where, fields, isIdentity})
		}
	}
	for name, one := range t.Resources {
		switch one.Type {
		case "AWS::IAM::Role":
			for _, policy := range list(one.Properties["Policies"]) {
				add(name, at(policy, "PolicyDocument"), true)
			}
		case "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy":
			add(name, one.Properties["PolicyDocument"], true)
		default:
			add(name, one.Properties["PolicyDocument"], false)
		}
	}
	return found
}

// everyTemplate runs the test on each template of each configuration.
func everyTemplate(t *testing.T, test func(t *testing.T, have template)) {
	t.Helper()
	for _, configuration := range slices.Sorted(maps.Keys(synthesised)) {
		for _, stack := range slices.Sorted(maps.Keys(synthesised[configuration])) {
			t.Run(configuration+"/"+stack, func(t *testing.T) { test(t, synthesised[configuration][stack]) })
		}
	}
}

// everyAutomation runs the test on the stack davit-automation of each configuration that has it.
func everyAutomation(t *testing.T, test func(t *testing.T, have template)) {
	t.Helper()
	everyStack(t, automationStack, test)
}

// everyStack runs the test on the stack of each configuration that has it.
func everyStack(t *testing.T, stack string, test func(t *testing.T, have template)) {
	t.Helper()
	found := 0
	for _, configuration := range slices.Sorted(maps.Keys(synthesised)) {
		if have, there := synthesised[configuration][stack]; there {
			found++
			t.Run(configuration, func(t *testing.T) { test(t, have) })
		}
	}
	if found == 0 {
		t.Errorf("no configuration has %s", stack)
	}
}
