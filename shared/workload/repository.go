package workload

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Repository is one ECR repository, private or public. It is comparable and can be a map key.
type Repository struct {
	// Registry is the 12-digit AWS account that owns the repository.
	Registry string `json:"registry"`
	// Region is the AWS region of a private repository, and PublicRegion of a public one.
	Region string `json:"region"`
	// Name is the repository's name, which may hold slashes.
	Name string `json:"name"`
}

// ErrNotECR says that an image does not come from a private ECR repository.
var ErrNotECR = errors.New("not an image of a private ECR repository")

const (
	// PublicRegion stands for the region of public repositories: an account has one public registry for all regions.
	PublicRegion = "public"
	// PublicHost is where public repositories are served, as PublicHost/ALIAS/NAME.
	PublicHost = "public.ecr.aws"
)

const (
	accountDigits = 12
	digestLength  = len("sha256:") + 64
	maximumTag    = 128
)

var (
	// registryHost matches the host names of private registries, dual-stack and China included
	// (docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html).
	registryHost = regexp.MustCompile(`^([0-9]+)\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)$`)
	// repositoryName follows the ECR API reference.
	repositoryName = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	digestFormat   = regexp.MustCompile(`^sha256:[0-9a-f]+$`)
	accountFormat  = regexp.MustCompile(`^[0-9]+$`)
	regionFormat   = regexp.MustCompile(`^[a-z0-9-]+$`)
	// aliasFormat follows the ECR Public API reference of RegistryAlias.
	aliasFormat = regexp.MustCompile(`^[a-z][a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	// tagFormat follows the distribution specification; ECR takes the same.
	tagFormat = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
)

// String is registry/region/name, the form under which the ledger indexes workloads.
func (r Repository) String() string { return r.Registry + "/" + r.Region + "/" + r.Name }

// Public tells whether the repository is of the ECR Public Gallery.
func (r Repository) Public() bool { return r.Region == PublicRegion }

// ParsePublicRepository reads the name PublicHost/ALIAS/NAME of a public repository of the account. The alias is the
// account's own, which only ECR can tell.
func ParsePublicRepository(account, text string) (Repository, error) {
	rest, public := strings.CutPrefix(text, PublicHost+"/")
	alias, name, _ := strings.Cut(rest, "/")
	if !public || !aliasFormat.MatchString(alias) || !repositoryName.MatchString(name) {
		return Repository{}, fmt.Errorf("%q is not a public repository: want %s/ALIAS/NAME", abbreviate(text), PublicHost)
	}
	return Repository{Registry: account, Region: PublicRegion, Name: name}, nil
}

// ParseRepository reads what String writes.
func ParseRepository(text string) (Repository, error) {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) != 3 || len(parts[0]) != accountDigits || !accountFormat.MatchString(parts[0]) || !regionFormat.MatchString(parts[1]) ||
		!repositoryName.MatchString(parts[2]) {
		return Repository{}, fmt.Errorf("%q is not a repository: want ACCOUNT/REGION/NAME", abbreviate(text))
	}
	return Repository{Registry: parts[0], Region: parts[1], Name: parts[2]}, nil
}

// Image is what a container definition runs.
type Image struct {
	// URI is the image as the container definition has it.
	URI string
	// Base is the URI without tag and digest.
	Base string
	// Repository is where the image comes from.
	Repository Repository
	// Tag is empty where the image is named by digest alone.
	Tag string
	// Digest is "sha256:" and 64 hexadecimal digits; empty where the image is named by tag.
	Digest string
}

// ParseImage splits an image name of a private ECR repository. Any other image gives an error that wraps ErrNotECR.
func ParseImage(uri string) (Image, error) {
	image, err := SplitImage(uri)
	if err != nil {
		return Image{}, fmt.Errorf("%w: %w", ErrNotECR, err)
	}
	host, name, _ := strings.Cut(image.Base, "/")
	match := registryHost.FindStringSubmatch(host)
	if match == nil || len(match[1]) != accountDigits || !repositoryName.MatchString(name) {
		return Image{}, fmt.Errorf("%w: %q", ErrNotECR, abbreviate(uri))
	}
	image.Repository = Repository{Registry: match[1], Region: match[2], Name: name}
	return image, nil
}

// SplitImage takes tag and digest off the name of an image of any registry, and leaves its Repository empty.
func SplitImage(uri string) (Image, error) {
	image := Image{URI: uri, Base: uri}
	if base, digest, found := strings.Cut(image.Base, "@"); found {
		if !ValidDigest(digest) {
			return Image{}, fmt.Errorf("%q has no valid digest", abbreviate(uri))
		}
		image.Base, image.Digest = base, digest
	}
	if colon := strings.LastIndexByte(image.Base, ':'); colon > strings.LastIndexByte(image.Base, '/') {
		image.Base, image.Tag = image.Base[:colon], image.Base[colon+1:]
		if !within(image.Tag, maximumTag, tagFormat) {
			return Image{}, fmt.Errorf("%q has no valid tag", abbreviate(uri))
		}
	}
	return image, nil
}

// Pinned is the image of the same repository with another digest, by digest alone.
func (i Image) Pinned(digest string) string { return i.Base + "@" + digest }

// ValidDigest tells whether text is a SHA-256 digest as registries write it.
func ValidDigest(text string) bool {
	return len(text) == digestLength && digestFormat.MatchString(text)
}

// ShortDigest is the digest's first twelve hexadecimal digits, for people.
func ShortDigest(digest string) string {
	text := strings.TrimPrefix(digest, "sha256:")
	if len(text) > 12 {
		return text[:12]
	}
	return text
}
