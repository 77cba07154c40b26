// Package names holds what the infrastructure and the functions must agree on: the names of tags, queues, tables and
// parameters. It is one of the few packages that both sides import, and it imports nothing.
package names

// Tag keys on ECS services, and annotation keys on Kubernetes workloads.
const (
	// TagPolicy opts a workload in and names its image policy. Without it davit changes nothing, and IAM says so too.
	TagPolicy = "davit/policy"
	// TagContainer names the one container whose image davit changes, where several could be meant.
	TagContainer = "davit/container"
	// TagRepository names the ECR repository to follow where the running task definition does not show it yet, such as
	// on the first deploy into an empty registry.
	TagRepository = "davit/repository"
	// TagHold leaves the workload alone; the value says who and why.
	TagHold = "davit/hold"
	// TagPlaybook names the playbook for the workload's incidents.
	TagPlaybook = "davit/playbook"
	// TagRollout is on every task definition revision that davit registers: the ID of the rollout it was made for.
	TagRollout = "davit/rollout"
)

// Names of the resources of one davit installation. There is one installation in an account and region.
const (
	Bus                    = "davit"
	Table                  = "davit-ledger"
	Topic                  = "davit-notifications"
	RolloutFunction        = "davit-rollout"
	RolloutQueue           = "davit-rollout"
	RolloutDeadLetterQueue = "davit-rollout-dead-letter"
	// SettingsParameter is the SSM parameter with the settings that the functions and the command line read.
	SettingsParameter = "/davit/settings"
	// ImageParameterPrefix is the path under which the running image of each workload is kept.
	ImageParameterPrefix = "/davit/image/"
)

// Attributes of the ledger's DynamoDB table.
const (
	TablePartitionKey = "pk"
	TableSortKey      = "sk"
	TableTimeToLive   = "expires"
)

// Environment variables of the functions.
const (
	EnvironmentTable              = "DAVIT_TABLE"
	EnvironmentBus                = "DAVIT_BUS"
	EnvironmentQueueURL           = "DAVIT_QUEUE_URL"
	EnvironmentDeadLetterQueueURL = "DAVIT_DEAD_LETTER_QUEUE_URL"
	EnvironmentSettingsParameter  = "DAVIT_SETTINGS_PARAMETER"
)

// EventSource is the source of every event that davit publishes, and of the messages it sends to itself.
const EventSource = "davit"

// MetricNamespace is the CloudWatch namespace of davit's own metrics.
const MetricNamespace = "davit"

// ImageParameter is the SSM parameter that holds the running image of an ECS service, as repository@digest. The
// platform's task definition reads it, so that a deploy of the stack keeps the image that runs.
func ImageParameter(cluster, service string) string {
	return ImageParameterPrefix + "ecs/" + cluster + "/" + service
}
