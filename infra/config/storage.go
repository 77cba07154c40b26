package config

import (
	"fmt"
	"regexp"
)

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

var bucketPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{1,22}[a-z0-9])$`)

func (s *Storage) setDefaults() {
	for i := range s.Buckets {
		s.Buckets[i].setDefaults()
	}
}

func (b *Bucket) setDefaults() {
	setDefault(&b.Class, Standard)
	setDefault(&b.NoncurrentDays, 90)
	setDefaultPointer(&b.NoncurrentVersions, 3)
}

func (s *Storage) validate(p *problems) {
	if len(s.Buckets) == 0 {
		p.add("storage.buckets", "want at least one")
	}
	names := make([]string, 0, len(s.Buckets))
	for i, bucket := range s.Buckets {
		field := fmt.Sprintf("storage.buckets[%d]", i)
		names = append(names, bucket.Name)
		p.match(field+".name", bucket.Name, bucketPattern, "3 to 24 lower-case letters, digits and inner hyphens")
		oneOf(p, field+".class", bucket.Class, Standard, Reproducible, Archive)
		p.between(field+".noncurrentDays", bucket.NoncurrentDays, 1, 3650)
		p.between(field+".noncurrentVersions", *bucket.NoncurrentVersions, 0, 100)
	}
	p.unique("storage.buckets", names)
}
