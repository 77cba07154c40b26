// Package config is the one typed description of an installation: which stacks it has and how each is sized. It knows
// nothing of the CDK, so that it can be read, checked and tested without synthesising anything.
//
// A configuration is a YAML file. Unknown fields are errors, absent fields take the defaults that are documented at
// each field, and a section that is absent leaves its stack out: a file with nothing but "automation" is how davit
// comes into an account whose services exist already.
package config

import (
	"davit/shared/settings"
)

// Configuration describes one installation in one account and region.
type Configuration struct {
	// Owner is the team that answers for the resources; it becomes the tag "owner" on each of them. Required.
	Owner string `yaml:"owner"`
	// Environment is the name of the environment, such as "development"; it becomes the tag "environment". Required.
	Environment string `yaml:"environment"`
	// Tags are further tags of every resource. Keys of 1 to 128 and values of up to 256 characters; keys must not start
	// with "aws:" nor with "davit/", which opts workloads in.
	Tags map[string]string `yaml:"tags"`
	// Account is the AWS account, 12 digits. Required; quote it in YAML.
	Account string `yaml:"account"`
	// Region is the AWS region, such as "ap-northeast-2". Required.
	Region string `yaml:"region"`
	// AvailabilityZones are the names of all zones of the region that may be used, such as "ap-northeast-2a". They are
	// written here, and not looked up, so that a template is the same wherever it is made. Required with Network: at
	// least as many as Network.Zones.
	AvailabilityZones []string `yaml:"availabilityZones"`
	// Removal says what becomes of data (images, objects, the ledger, logs) when its stack is deleted. Default Retain.
	Removal Removal `yaml:"removal"`

	// Network is the VPC; absent, there is none.
	Network *Network `yaml:"network"`
	// Registry is the private image registry; absent, there is none.
	Registry *Registry `yaml:"registry"`
	// Storage are the buckets; absent, there are none.
	Storage *Storage `yaml:"storage"`
	// ECS is the cluster with its services; absent, there is none. It needs Network and Registry.
	ECS *ECS `yaml:"ecs"`
	// Automation is what rolls images out. It needs no other section.
	Automation *Automation `yaml:"automation"`
}

// Removal says what becomes of data when its stack is deleted.
type Removal string

// The kinds of removal.
const (
	// Retain keeps the data; whoever deletes the stack deletes the data by hand, or imports it again.
	Retain Removal = "retain"
	// Destroy deletes the data with the stack. A bucket that still holds objects fails the deletion all the same.
	Destroy Removal = "destroy"
)

// Architecture is a processor architecture, by the name that both Lambda and this configuration use.
type Architecture string

// The architectures.
const (
	ARM64 Architecture = "arm64"
	X8664 Architecture = "x86_64"
)

// GOARCH is the architecture's name in Go, which is also the folder of its binaries under bin/functions.
func (a Architecture) GOARCH() string {
	if a == X8664 {
		return "amd64"
	}
	return "arm64"
}

// LogLevel is a level of a function's log, by Lambda's name for it.
type LogLevel string

// The levels.
const (
	Debug LogLevel = "DEBUG"
	Info  LogLevel = "INFO"
	Warn  LogLevel = "WARN"
	Error LogLevel = "ERROR"
)

// NAT is how private subnets reach the internet.
type NAT string

// The kinds of NAT.
const (
	// NATNone has no private subnets with a way out: tasks run in public subnets with a public address of their own.
	NATNone NAT = "none"
	// NATOne is one gateway for all zones: cheaper, and the way out is lost with its zone.
	NATOne NAT = "one"
	// NATPerZone is a gateway in each zone.
	NATPerZone NAT = "per-az"
)

// Network is the VPC.
type Network struct {
	// CIDR is the IPv4 block, from /16 to /24. Default 10.0.0.0/16.
	CIDR string `yaml:"cidr"`
	// Zones is in how many availability zones there are subnets: 2 or 3. Default 2, which a load balancer needs.
	Zones int `yaml:"zones"`
	// NAT is how private subnets reach the internet. Default NATOne.
	NAT NAT `yaml:"nat"`
	// GatewayEndpoints are the gateway endpoints, which cost nothing: "s3", "dynamodb". Default both; an empty list
	// makes none.
	GatewayEndpoints []string `yaml:"gatewayEndpoints"`
	// InterfaceEndpoints are the interface endpoints, each of which costs an hourly price in each zone; see
	// InterfaceEndpointNames. Default none. Behind NATNone, tasks in public subnets need none.
	InterfaceEndpoints []string `yaml:"interfaceEndpoints"`
	// FlowLogs records the traffic of the VPC in CloudWatch Logs. Default true.
	FlowLogs *bool `yaml:"flowLogs"`
	// FlowLogDays is for how many days flow logs are kept; see LogDays. Default 30.
	FlowLogDays int `yaml:"flowLogDays"`
}

// Registry is the private image registry.
type Registry struct {
	// Repositories are the repositories, at least one, each name once.
	Repositories []Repository `yaml:"repositories"`
}

// Repository is a private ECR repository.
type Repository struct {
	// Name is the repository's name: 2 to 256 lower-case letters, digits and . _ - /. Required.
	Name string `yaml:"name"`
	// ImmutableTags refuses to move a tag to another image. Default true; a workload whose policy is "tag:…" follows a
	// tag that moves and needs false.
	ImmutableTags *bool `yaml:"immutableTags"`
	// ScanOnPush has ECR look for known vulnerabilities in each pushed image. Default true.
	ScanOnPush *bool `yaml:"scanOnPush"`
	// ExpireUntaggedDays is after how many days an image without a tag is deleted, 1 to 3650; 0 keeps all. Default 30
	// with immutable tags, where nothing that davit rolled out loses its tag, and 0 without, since there a running
	// image loses its tag as soon as the tag moves.
	ExpireUntaggedDays *int `yaml:"expireUntaggedDays"`
	// KeepTagged is how many tagged images are kept, 100 to 10000; 0 keeps all. Default 0: ECR counts images by the
	// time of their push and knows nothing of what runs, so that a workload which stays long on one image would lose
	// it, and fail at its next scale-out, once that many newer ones were pushed.
	KeepTagged int `yaml:"keepTagged"`
}

// Storage are the buckets.
type Storage struct {
	// Buckets are the buckets, at least one, each name once.
	Buckets []Bucket `yaml:"buckets"`
}

// StorageClass is how the objects of a bucket age.
type StorageClass string

// The storage classes.
const (
	// Standard moves objects to Standard-IA after 30 days.
	Standard StorageClass = "standard"
	// Reproducible is for what can be made again, such as thumbnails: One Zone-IA after 30 days. It has the role that
	// Reduced Redundancy had, which costs more than Standard today and is not recommended by AWS.
	Reproducible StorageClass = "reproducible"
	// Archive moves objects to Glacier Instant Retrieval at once, to Flexible Retrieval after 90 and to Deep Archive
	// after 180 days.
	Archive StorageClass = "archive"
)

// Bucket is an S3 bucket: versioned, reached by TLS only, closed to the public.
type Bucket struct {
	// Name is the bucket's name within the installation, 3 to 24 lower-case letters, digits and hyphens. The bucket is
	// called davit-NAME-ACCOUNT-REGION, since bucket names are shared by all of AWS. Required.
	Name string `yaml:"name"`
	// Class is how objects age. Default Standard.
	Class StorageClass `yaml:"class"`
	// NoncurrentDays is after how many days a version that was overwritten or deleted is removed for good, 1 to 3650.
	// Default 90.
	NoncurrentDays int `yaml:"noncurrentDays"`
	// NoncurrentVersions is how many such versions are kept however old they are, 0 to 100. Default 3.
	NoncurrentVersions *int `yaml:"noncurrentVersions"`
}

// ECS is a cluster with its services.
type ECS struct {
	// Cluster is the cluster's name: 1 to 255 letters, digits, _ and -. Default "davit".
	Cluster string `yaml:"cluster"`
	// ContainerInsights collects metrics of each task and container, at the price of custom metrics. Default false.
	ContainerInsights bool `yaml:"containerInsights"`
	// Services are the services, each name once.
	Services []Service `yaml:"services"`
}

// Service is an ECS service on Fargate.
type Service struct {
	// Name is the service's name, and its container's: 1 to 100 letters, digits, _ and -. Required.
	Name string `yaml:"name"`
	// Repository is the repository that the service follows: one of Registry.Repositories. Required.
	Repository string `yaml:"repository"`
	// Policy is the image policy, such as "semver:1.x"; it opts the service in to davit. A tag value of AWS: letters,
	// digits, spaces and _ . : / = + - @, up to 256; name what needs more in Settings.Policies and write "policy:NAME".
	// Empty leaves the service to others.
	Policy string `yaml:"policy"`
	// InitialImage is what runs until the first rollout, since the first deploy finds the repository empty: any image
	// that the execution role may pull and that answers on ContainerPort. It is written once, when the parameter is
	// made; changing it later puts that image in the place of what was rolled out. Required.
	InitialImage string `yaml:"initialImage"`
	// Architecture is what the image was built for. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// CPU is the task's share in units of 1/1024 vCPU: 256, 512, 1024, 2048, 4096, 8192 or 16384. Default 256.
	CPU int `yaml:"cpu"`
	// Memory is the task's memory in MiB, within what Fargate offers for CPU. Default twice CPU.
	Memory int `yaml:"memory"`
	// ContainerPort is the TCP port that the container listens on, 1 to 65535. Required.
	ContainerPort int `yaml:"containerPort"`
	// Environment are the container's environment variables.
	Environment map[string]string `yaml:"environment"`
	// LoadBalancer puts the service behind an Application Load Balancer of its own. Default true.
	LoadBalancer *bool `yaml:"loadBalancer"`
	// Public opens the load balancer to the internet on port 80; otherwise only the VPC reaches it. Default false.
	Public bool `yaml:"public"`
	// HealthPath is the path that the load balancer asks for, which answers 200 to 399. Default "/".
	HealthPath string `yaml:"healthPath"`
	// HealthCommand is run in the container to tell whether it is healthy, such as ["CMD", "/healthy"]. Default none.
	HealthCommand []string `yaml:"healthCommand"`
	// CircuitBreaker has ECS put a deployment back that does not come up. Default true.
	CircuitBreaker *bool `yaml:"circuitBreaker"`
	// Autoscaling lets Application Auto Scaling own the number of tasks; absent, it stays as it is.
	Autoscaling *Autoscaling `yaml:"autoscaling"`
	// LogDays is for how many days the container's log is kept; see LogDays. Default 30.
	LogDays int `yaml:"logDays"`
}

// Autoscaling keeps the use of CPU near a target by the number of tasks.
type Autoscaling struct {
	// Minimum and Maximum bound the number of tasks: 1 to 5000, Minimum not above Maximum. Required.
	Minimum int `yaml:"minimum"`
	Maximum int `yaml:"maximum"`
	// CPUPercent is the average use of CPU to aim at, 10 to 90. Default 60.
	CPUPercent int `yaml:"cpuPercent"`
}

// Automation is what rolls images out: queue, function, ledger, rules, and what tells humans of it.
type Automation struct {
	// Architecture is what the functions are built for. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// Repositories are the ECR repositories of this account and region that the functions may read, as names in which *
	// stands for any text. Default ["*"].
	Repositories []string `yaml:"repositories"`
	// PassRoles are the roles of task definitions, which a new revision must be allowed to name: either "role/PATH" with
	// * for any text, such as "role/davit/*", or a full ARN of a role of this account. Without any, a task definition
	// that has a role cannot be rolled out. The platform's own roles are under "role/davit/*", the default.
	PassRoles []string `yaml:"passRoles"`
	// SweepMinutes is how often every workload is looked at without an event, 5 to 1440 minutes. Default 15.
	SweepMinutes int `yaml:"sweepMinutes"`
	// Memory is the rollout function's memory in MiB, 128 to 10240; its CPU grows with it. Default 512.
	Memory int `yaml:"memory"`
	// TimeoutSeconds is how long the function may work on one batch, 10 to 900. Default 60. A message that is not done
	// is seen again after six times as long.
	TimeoutSeconds int `yaml:"timeoutSeconds"`
	// MaximumConcurrency is how many batches are worked on at once, 2 to 1000. Default 10.
	MaximumConcurrency int `yaml:"maximumConcurrency"`
	// ReservedConcurrency takes this many of the account's concurrent executions for the function alone, at least
	// MaximumConcurrency; 0 reserves none. Default 0.
	ReservedConcurrency int `yaml:"reservedConcurrency"`
	// MaximumReceives is after how many attempts a message goes to the dead-letter queue, 2 to 1000. Default 6.
	MaximumReceives int `yaml:"maximumReceives"`
	// LogDays is for how many days the function's log is kept; see LogDays. Default 90.
	LogDays int `yaml:"logDays"`
	// LogLevel is the level below which the function logs nothing: DEBUG, INFO, WARN or ERROR. Default INFO.
	LogLevel LogLevel `yaml:"logLevel"`
	// Tracing sends traces of the function to X-Ray. Default false.
	Tracing bool `yaml:"tracing"`
	// DeletionProtection refuses to delete the ledger's table until it is turned off. Default true with Retain, false
	// with Destroy.
	DeletionProtection *bool `yaml:"deletionProtection"`
	// Subscriptions are told of failed, overdue and superseded rollouts and of alarms.
	Subscriptions []Subscription `yaml:"subscriptions"`
	// Settings are what the functions and the command line read at run time.
	Settings Settings `yaml:"settings"`
}

// Subscription is who is told.
type Subscription struct {
	// Protocol is "email", "email-json", "https" or "sms". Required.
	Protocol string `yaml:"protocol"`
	// Endpoint is the address in the form of the protocol. Required.
	Endpoint string `yaml:"endpoint"`
}

// Settings is what the functions and the command line read at run time; see davit/shared/settings for each field's
// meaning and range.
type Settings struct {
	// Policies are expressions by name, for workloads tagged "policy:NAME".
	Policies map[string]string `yaml:"policies"`
	// Freezes are the windows in which nothing rolls out.
	Freezes []Freeze `yaml:"freezes"`
	// OutcomeTimeout is how long a rollout may go without an outcome, such as "30m".
	OutcomeTimeout Duration `yaml:"outcomeTimeout"`
	// HistoryDays is how long the ledger keeps history.
	HistoryDays int `yaml:"historyDays"`
}

// Freeze is a window in which nothing rolls out.
type Freeze struct {
	// Name is shown in every refusal that the window causes.
	Name string `yaml:"name"`
	// Cron is when the window opens, five fields in TimeZone.
	Cron string `yaml:"cron"`
	// Duration is how long it stays open, such as "60h".
	Duration Duration `yaml:"duration"`
	// TimeZone is an IANA name; UTC if absent.
	TimeZone string `yaml:"timeZone"`
	// Workloads are patterns on references such as "ecs:production/*"; all workloads if absent.
	Workloads []string `yaml:"workloads"`
}

// Document is the settings in the form in which the functions read them.
func (s Settings) Document() settings.Settings {
	document := settings.Settings{
		Version:        settings.Version,
		Policies:       s.Policies,
		OutcomeTimeout: settings.Duration(s.OutcomeTimeout),
		HistoryDays:    s.HistoryDays,
	}
	for _, freeze := range s.Freezes {
		document.Freezes = append(document.Freezes, settings.Freeze{
			Name:      freeze.Name,
			Cron:      freeze.Cron,
			Duration:  settings.Duration(freeze.Duration),
			TimeZone:  freeze.TimeZone,
			Workloads: freeze.Workloads,
		})
	}
	return document
}
