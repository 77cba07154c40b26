package imagepolicy

import "strings"

const (
	digestPrefix = "sha256:"
	digestDigits = 64
	// maximumTag is how long a tag may be (distribution specification, "Pulling manifests").
	maximumTag = 128
)

// isImage tells container images from signatures, charts and other artifacts by the media type of the manifest's
// configuration. A registry that names the type of the manifest itself, as for an index of several platforms, means
// an image.
func isImage(mediaType string) bool {
	switch mediaType {
	case "",
		"application/vnd.docker.container.image.v1+json",
		"application/vnd.oci.image.config.v1+json",
		"application/vnd.docker.distribution.manifest.v2+json",
		"application/vnd.docker.distribution.manifest.list.v2+json",
		"application/vnd.oci.image.manifest.v1+json",
		"application/vnd.oci.image.index.v1+json":
		return true
	}
	return false
}

// attachmentTag tells whether a tag is one that signing tools give to what they attach to an image: the image's digest
// with a hyphen for the colon, and an ending. The form without an ending is the referrers tag of the OCI distribution
// specification.
func attachmentTag(tag string) bool {
	rest, found := strings.CutPrefix(tag, "sha256-")
	if !found || len(rest) < digestDigits || !hexadecimal(rest[:digestDigits]) {
		return false
	}
	switch rest[digestDigits:] {
	case "", ".sig", ".att", ".sbom":
		return true
	}
	return false
}

// validDigest tells whether text is a SHA-256 digest as registries write it.
func validDigest(text string) bool {
	digits, found := strings.CutPrefix(text, digestPrefix)
	return found && len(digits) == digestDigits && hexadecimal(digits)
}

func hexadecimal(text string) bool {
	for i := range len(text) {
		if c := text[i]; !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// validTag tells whether text is a tag: a letter, digit or underscore, then up to 127 more of those, full stops and
// hyphens (the distribution specification; ECR takes the same).
func validTag(text string) bool {
	if text == "" || len(text) > maximumTag {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if !isDigit(c) && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && (i == 0 || c != '.' && c != '-') {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
