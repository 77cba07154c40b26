package config

import (
	"fmt"
	"regexp"
)

// Storage are the buckets.
type Storage struct {
	// Buckets are the buckets, at least one, each name once.
	Buckets []Bucket `yaml:"buckets"`
	// AccessLogs writes each request to a bucket into a bucket of the stack's own for logs. Default true.
	AccessLogs *bool `yaml:"accessLogs"`
	// AccessLogDays is for how many days access logs are kept, 1 to 3650. Default 90.
	AccessLogDays int `yaml:"accessLogDays"`
	// Restore completes what "davit restore" began where it was archived and takes hours: a function that hears of every
	// object whose archive was opened. Absent, the command itself has to run to the end.
	Restore *Restore `yaml:"restore"`
}

// Restore is the function that completes restores.
type Restore struct {
	// Architecture is what the function is built for. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// LogDays is for how many days the function's log is kept; see LogDays. Default 90.
	LogDays int `yaml:"logDays"`
}

// StorageClass is how the objects of a bucket age.
type StorageClass string

// The storage classes.
const (
	// Standard moves objects to Standard-IA after 30 days.
	Standard StorageClass = "standard"
	// Reproducible is for what can be made again, such as thumbnails: One Zone-IA after 30 days. It has the role that
	// Reduced Redundancy had, which costs more than Standard today, loses more (99.99 % durability a year), and is not
	// recommended by AWS.
	Reproducible StorageClass = "reproducible"
	// Archive moves objects to Glacier Instant Retrieval at once, and later to Flexible Retrieval and Deep Archive.
	Archive StorageClass = "archive"
	// Intelligent has S3 move each object by how often it is read (Intelligent-Tiering).
	Intelligent StorageClass = "intelligent"
)

// LockMode is who can shorten the time for which an object version is locked.
type LockMode string

// The modes ("Locking objects with Object Lock" in the S3 user guide).
const (
	// Governance lets those with s3:BypassGovernanceRetention.
	Governance LockMode = "governance"
	// Compliance lets nobody, not even the account's root user.
	Compliance LockMode = "compliance"
)

// Bucket is an S3 bucket: versioned, reached by TLS only, closed to the public.
type Bucket struct {
	// Name is the bucket's name within the installation, 3 to 24 lower-case letters, digits and hyphens. The bucket is
	// called davit-NAME-ACCOUNT-REGION, since bucket names are shared by all of AWS. Required.
	Name string `yaml:"name"`
	// Class is how objects age. Default Standard.
	Class StorageClass `yaml:"class"`
	// FlexibleDays and DeepDays are how old an object of Archive is when it moves to Glacier Flexible Retrieval and to
	// Deep Archive, from which it comes back in hours. Glacier bills at least 90 days in each tier: 90 to 3650, DeepDays
	// at least 90 after FlexibleDays; -1 leaves the tier out. Default 90 and 180.
	FlexibleDays int `yaml:"flexibleDays"`
	DeepDays     int `yaml:"deepDays"`
	// ArchiveAfterDays and DeepArchiveAfterDays are after how many days without a read an object of Intelligent moves to
	// the archive tiers, from which it comes back in hours: 90 to 730 and 180 to 730. Default 0, never.
	ArchiveAfterDays     int `yaml:"archiveAfterDays"`
	DeepArchiveAfterDays int `yaml:"deepArchiveAfterDays"`
	// KMSKey encrypts objects with a KMS key: its ARN, or "own" for a key of the stack's own, which the buckets share.
	// Default none: S3 encrypts with its own keys (SSE-S3).
	KMSKey string `yaml:"kmsKey"`
	// ObjectLock keeps every version from being deleted or overwritten for some time. It cannot be turned off later.
	ObjectLock *ObjectLock `yaml:"objectLock"`
	// NoncurrentDays is after how many days a version that was overwritten or deleted is removed for good, 1 to 3650.
	// Default 90.
	NoncurrentDays int `yaml:"noncurrentDays"`
	// NoncurrentVersions is how many such versions are kept however old they are, 0 to 100. Default 3.
	NoncurrentVersions *int `yaml:"noncurrentVersions"`
}

// ObjectLock keeps versions from being deleted.
type ObjectLock struct {
	// Mode is who can shorten it. Required.
	Mode LockMode `yaml:"mode"`
	// Days is for how long a new version is locked, 1 to 36500. Required.
	Days int `yaml:"days"`
}

// logBucket is the name that the bucket for access logs takes.
const logBucket = "access-logs"

var bucketPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{1,22}[a-z0-9])$`)

func (s *Storage) setDefaults() {
	for i := range s.Buckets {
		s.Buckets[i].setDefaults()
	}
	setDefaultPointer(&s.AccessLogs, true)
	setDefault(&s.AccessLogDays, 90)
	if s.Restore != nil {
		setDefault(&s.Restore.Architecture, ARM64)
		setDefault(&s.Restore.LogDays, 90)
	}
}

func (b *Bucket) setDefaults() {
	setDefault(&b.Class, Standard)
	if b.Class == Archive {
		setDefault(&b.FlexibleDays, 90)
		setDefault(&b.DeepDays, 180)
	}
	setDefault(&b.NoncurrentDays, 90)
	setDefaultPointer(&b.NoncurrentVersions, 3)
}

func (c *Configuration) validateStorage(p *problems) {
	s := c.Storage
	if len(s.Buckets) == 0 {
		p.add("storage.buckets", "want at least one")
	}
	names := make([]string, 0, len(s.Buckets))
	for i := range s.Buckets {
		names = append(names, s.Buckets[i].Name)
		c.validateBucket(p, fmt.Sprintf("storage.buckets[%d]", i), &s.Buckets[i])
	}
	p.unique("storage.buckets", names)
	p.between("storage.accessLogDays", s.AccessLogDays, 1, 3650)
	if s.Restore != nil {
		oneOf(p, "storage.restore.architecture", s.Restore.Architecture, ARM64, X8664)
		p.logDays("storage.restore.logDays", s.Restore.LogDays)
	}
}

func (c *Configuration) validateBucket(p *problems, field string, b *Bucket) {
	p.match(field+".name", b.Name, bucketPattern, "3 to 24 lower-case letters, digits and inner hyphens")
	if b.Name == logBucket && *c.Storage.AccessLogs {
		p.add(field+".name", "%q is the bucket for access logs: choose another name", logBucket)
	}
	oneOf(p, field+".class", b.Class, Standard, Reproducible, Archive, Intelligent)
	c.validateKey(p, field+".kmsKey", b.KMSKey)
	b.validateTiers(p, field)
	if b.ObjectLock != nil {
		oneOf(p, field+".objectLock.mode", b.ObjectLock.Mode, Governance, Compliance)
		p.between(field+".objectLock.days", b.ObjectLock.Days, 1, 36500)
		if b.ObjectLock.Mode == Compliance && c.Removal == Destroy {
			p.add(field+".objectLock.mode", "nobody can delete what %s locks, and removal is %s: choose %s, or removal %s",
				Compliance, Destroy, Governance, Retain)
		}
	}
	p.between(field+".noncurrentDays", b.NoncurrentDays, 1, 3650)
	p.between(field+".noncurrentVersions", *b.NoncurrentVersions, 0, 100)
}

// validateTiers checks the days of the tiers, and that they are given to a class that has them.
func (b *Bucket) validateTiers(p *problems, field string) {
	if b.Class != Archive && (b.FlexibleDays != 0 || b.DeepDays != 0) {
		p.add(field+".flexibleDays", "flexibleDays and deepDays are of the class %s alone; leave them out", Archive)
	}
	if b.Class != Intelligent && (b.ArchiveAfterDays != 0 || b.DeepArchiveAfterDays != 0) {
		p.add(field+".archiveAfterDays", "archiveAfterDays and deepArchiveAfterDays are of the class %s alone; leave them out",
			Intelligent)
	}
	if b.FlexibleDays > 0 {
		p.between(field+".flexibleDays", b.FlexibleDays, 90, 3650)
	}
	if b.DeepDays > 0 {
		p.between(field+".deepDays", b.DeepDays, 90, 3650)
	}
	if b.FlexibleDays > 0 && b.DeepDays > 0 && b.DeepDays < b.FlexibleDays+90 {
		p.add(field+".deepDays", "want at least %d: Flexible Retrieval, from %d days on, bills 90", b.FlexibleDays+90, b.FlexibleDays)
	}
	if b.FlexibleDays < -1 || b.DeepDays < -1 {
		p.add(field+".flexibleDays", "want days, or -1 for a tier that is left out")
	}
	if b.ArchiveAfterDays != 0 {
		p.between(field+".archiveAfterDays", b.ArchiveAfterDays, 90, 730)
	}
	if b.DeepArchiveAfterDays != 0 {
		p.between(field+".deepArchiveAfterDays", b.DeepArchiveAfterDays, 180, 730)
	}
}
