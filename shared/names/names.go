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
	// TagPlaybook opts a workload in to remedies and names the playbook for its incidents; "default" chooses it by the
	// cause. On an alarm it names the one for what the alarm tells. Without it on the workload davit remedies nothing,
	// and IAM says so too.
	TagPlaybook = "davit/playbook"
	// TagMemoryLimit is up to how many MiB davit may raise the memory of the workload's tasks.
	TagMemoryLimit = "davit/memory-limit"
	// TagVolumeLimit is on an Auto Scaling group: up to how many GiB davit may grow the data volume of its host.
	TagVolumeLimit = "davit/volume-limit"
	// TagChainNode is on the Auto Scaling group of a blockchain node, on its instance and on its data volume: the name of
	// the node.
	TagChainNode = "davit/chain-node"
	// TagAct is on a volume that davit made: the ID of the act.
	TagAct = "davit/act"
	// TagSnapshot is on such a volume: the ID of the snapshot that it was made of.
	TagSnapshot = "davit/snapshot"
	// TagWorkload is on an alarm: the workload that it is about.
	TagWorkload = "davit/workload"
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
	RecoverFunction        = "davit-recover"
	RecoverQueue           = "davit-recover"
	RecoverDeadLetterQueue = "davit-recover-dead-letter"
	// StopParameter is the SSM parameter with the global stop. "davit stop" makes it, and it is in no template, since
	// CloudFormation would write it anew with each change of it, tags included, and so end the stop.
	StopParameter          = "/davit/stop"
	RestoreFunction        = "davit-restore"
	RestoreQueue           = "davit-restore"
	RestoreDeadLetterQueue = "davit-restore-dead-letter"
	// SettingsParameter is the SSM parameter with the settings that the functions and the command line read.
	SettingsParameter      = "/davit/settings"
	HashJobFunction        = "davit-hashjob"
	HashJobQueue           = "davit-hashjob"
	HashJobDeadLetterQueue = "davit-hashjob-dead-letter"
	HashJobTable           = "davit-hash-jobs"
	// HashJobMachine is the state machine that does jobs in pieces.
	HashJobMachine = "davit-hashjob"
	// AnchorKeyAlias is the alias of the KMS key that signs anchors.
	AnchorKeyAlias = "alias/davit-anchor"
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
	// EnvironmentMaximumReceives is after how many attempts the function's queue makes a message a dead letter.
	EnvironmentMaximumReceives = "DAVIT_MAXIMUM_RECEIVES"
	// EnvironmentLogLevel is the level below which the function logs nothing: DEBUG, INFO, WARN or ERROR; INFO if absent.
	EnvironmentLogLevel        = "DAVIT_LOG_LEVEL"
	EnvironmentRolloutQueueURL = "DAVIT_ROLLOUT_QUEUE_URL"
	EnvironmentTopic           = "DAVIT_TOPIC"
	EnvironmentAccount         = "DAVIT_ACCOUNT"
	EnvironmentBucket          = "DAVIT_BUCKET"
	EnvironmentAnchorKey       = "DAVIT_ANCHOR_KEY"
	EnvironmentStateMachine    = "DAVIT_STATE_MACHINE"
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

// HashJobBucket is the bucket of hash jobs: documents, results and anchors. Names of buckets are shared by all of AWS.
func HashJobBucket(account, region string) string { return "davit-hash-jobs-" + account + "-" + region }
