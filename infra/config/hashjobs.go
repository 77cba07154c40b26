package config

import (
	"fmt"
	"regexp"
)

// KeySpec is the kind of a KMS key that signs.
type KeySpec string

// The kinds of keys, all of which sign over SHA-256 ("Asymmetric key specs" in the KMS developer guide).
const (
	P256      KeySpec = "ECC_NIST_P256"
	Secp256k1 KeySpec = "ECC_SECG_P256K1"
)

// HashJobs is what does hash jobs: queue, function, bucket, and the state machine for jobs in pieces. It needs no other
// section; where there is no Automation it has the bus "davit" of its own.
type HashJobs struct {
	// Architecture is what the function is built for. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// InputBuckets are buckets of this account that jobs may read, beside their own. Default none.
	InputBuckets []string `yaml:"inputBuckets"`
	// AnchorKey is the kind of the key that signs anchors: P256 or Secp256k1. Default P256. Another one is another key.
	AnchorKey KeySpec `yaml:"anchorKey"`
	// SigningKeys are the aliases of the KMS keys of this account that jobs of the kind sign may use, such as "alias/treasury";
	// each key's own policy must let the function's role use it, too. With Chain.Signing its key is one of them by itself.
	// Default none.
	SigningKeys []string `yaml:"signingKeys"`
	// Memory is the function's memory in MiB, 128 to 10240; its CPU grows with it, to two cores at 3538. Default 1769, which
	// is one core.
	Memory int `yaml:"memory"`
	// TimeoutSeconds is how long one invocation may work, 30 to 900; what takes longer goes on in the next one. Default 300.
	TimeoutSeconds int `yaml:"timeoutSeconds"`
	// MaximumConcurrency is how many batches of messages, and how many pieces of a job, are worked on at once, 2 to 1000.
	// Default 10.
	MaximumConcurrency int `yaml:"maximumConcurrency"`
	// MaximumReceives is after how many attempts a message goes to the dead-letter queue, 2 to 1000. Default 10.
	MaximumReceives int `yaml:"maximumReceives"`
	// WorkDays is after how many days what invocations handed on is deleted, 1 to 365. Default 7.
	WorkDays int `yaml:"workDays"`
	// LogDays is for how many days the function's log is kept; see LogDays. Default 90.
	LogDays int `yaml:"logDays"`
	// LogLevel is the level below which the function logs nothing: DEBUG, INFO, WARN or ERROR. Default INFO.
	LogLevel LogLevel `yaml:"logLevel"`
}

func (h *HashJobs) setDefaults() {
	setDefault(&h.Architecture, ARM64)
	setDefault(&h.AnchorKey, P256)
	setDefault(&h.Memory, 1769)
	setDefault(&h.TimeoutSeconds, 300)
	setDefault(&h.MaximumConcurrency, 10)
	setDefault(&h.MaximumReceives, DefaultReceives)
	setDefault(&h.WorkDays, 7)
	setDefault(&h.LogDays, 90)
	setDefault(&h.LogLevel, Info)
}

// anyBucketPattern is the name of a bucket as AWS has it, without periods, which TLS does not take well.
var anyBucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)

// keyAliasPattern is an alias of a key of one's own ("CreateAlias" in the API reference of KMS).
var keyAliasPattern = regexp.MustCompile(`^alias/[A-Za-z0-9/_-]{1,250}$`)

func (h *HashJobs) validate(p *problems) {
	oneOf(p, "hashJobs.architecture", h.Architecture, ARM64, X8664)
	for index, name := range h.InputBuckets {
		p.match(fmt.Sprintf("hashJobs.inputBuckets[%d]", index), name, anyBucketPattern, "the name of a bucket")
	}
	p.unique("hashJobs.inputBuckets", h.InputBuckets)
	oneOf(p, "hashJobs.anchorKey", h.AnchorKey, P256, Secp256k1)
	for index, alias := range h.SigningKeys {
		p.match(fmt.Sprintf("hashJobs.signingKeys[%d]", index), alias, keyAliasPattern, `"alias/" and the name of a key`)
	}
	p.unique("hashJobs.signingKeys", h.SigningKeys)
	p.between("hashJobs.memory", h.Memory, 128, 10240)
	p.between("hashJobs.timeoutSeconds", h.TimeoutSeconds, 30, 900)
	p.between("hashJobs.maximumConcurrency", h.MaximumConcurrency, 2, 1000)
	p.between("hashJobs.maximumReceives", h.MaximumReceives, 2, 1000)
	p.between("hashJobs.workDays", h.WorkDays, 1, 365)
	p.logDays("hashJobs.logDays", h.LogDays)
	oneOf(p, "hashJobs.logLevel", h.LogLevel, Debug, Info, Warn, Error)
}
