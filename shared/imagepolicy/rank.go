package imagepolicy

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// The reasons that do not depend on the policy.
const (
	reasonDigest    = "its digest is not a SHA-256 digest"
	reasonUntagged  = "it has no tag"
	reasonNotImage  = "it is not a container image but an artifact of another type"
	reasonTag       = "the tag is not one that a registry allows"
	reasonSignature = "the tag is that of a signature, attestation or SBOM"
)

// entry is a candidate with what its tag is ordered by.
type entry[K any] struct {
	Candidate
	key K
}

// omission is a left-out image with what the list is ordered by.
type omission struct {
	LeftOut
	pushedAt time.Time
}

// rank keeps the contract of Ranking for every policy. A policy brings two functions: judge reads from a tag what the
// tag is ordered by, or says why the tag does not qualify; compare is negative where its first argument is better.
func rank[K any](images []Image, judge func(tag string) (key K, reason string), compare func(a, b K) int) Ranking {
	images = merged(images)
	entries := make([]entry[K], 0, len(images))
	var omissions []omission
	for i := range images {
		image := &images[i]
		if reason := unfit(image); reason != "" {
			omissions = leaveOut(omissions, image, reason)
			continue
		}
		best, found := entry[K]{}, false
		first := len(omissions)
		for _, tag := range image.Tags {
			key, reason := judgeTag(tag, judge)
			if reason != "" {
				omissions = append(omissions, omit(image, tag, reason))
				continue
			}
			if !found || cmp.Or(compare(key, best.key), strings.Compare(tag, best.Tag)) < 0 {
				best = entry[K]{Candidate{Digest: image.Digest, Tag: tag, PushedAt: image.PushedAt}, key}
				found = true
			}
		}
		if found {
			entries = append(entries, best)
			omissions = omissions[:first]
		}
	}
	slices.SortFunc(entries, func(a, b entry[K]) int {
		return cmp.Or(compare(a.key, b.key), b.PushedAt.Compare(a.PushedAt), strings.Compare(a.Digest, b.Digest))
	})
	ranking := Ranking{Candidates: make([]Candidate, len(entries)), LeftOut: listed(omissions)}
	for i := range entries {
		ranking.Candidates[i] = entries[i].Candidate
	}
	return ranking
}

// unfit says why an image does not qualify whatever its tags are; empty where they decide.
func unfit(image *Image) string {
	switch {
	case !validDigest(image.Digest):
		return reasonDigest
	case !isImage(image.ArtifactMediaType):
		return reasonNotImage
	case len(image.Tags) == 0:
		return reasonUntagged
	}
	return ""
}

func judgeTag[K any](tag string, judge func(string) (K, string)) (key K, reason string) {
	switch {
	case !validTag(tag):
		return key, reasonTag
	case attachmentTag(tag):
		return key, reasonSignature
	}
	return judge(tag)
}

func omit(image *Image, tag, reason string) omission {
	return omission{LeftOut{Digest: image.Digest, Tag: tag, Reason: reason}, image.PushedAt}
}

// leaveOut leaves all of an image's tags out for one reason.
func leaveOut(omissions []omission, image *Image, reason string) []omission {
	if len(image.Tags) == 0 {
		return append(omissions, omit(image, "", reason))
	}
	for _, tag := range image.Tags {
		omissions = append(omissions, omit(image, tag, reason))
	}
	return omissions
}

// listed orders what was left out, last pushed first, and drops tags that an image listed twice.
func listed(omissions []omission) []LeftOut {
	if len(omissions) == 0 {
		return nil
	}
	slices.SortFunc(omissions, func(a, b omission) int {
		return cmp.Or(b.pushedAt.Compare(a.pushedAt), strings.Compare(a.Digest, b.Digest), strings.Compare(a.Tag, b.Tag))
	})
	list := make([]LeftOut, 0, len(omissions))
	for i := range omissions {
		left := omissions[i].LeftOut
		if last := len(list) - 1; last >= 0 && list[last].Digest == left.Digest && list[last].Tag == left.Tag {
			continue
		}
		list = append(list, left)
	}
	return list
}

// merged makes one image of those with the same digest: a listing that is read page by page while somebody pushes can
// hold an image twice. The later push wins; the tags are those of both. Nothing given is changed.
func merged(images []Image) []Image {
	places := make(map[string]int, len(images))
	for i := range images {
		places[images[i].Digest] = i
	}
	if len(places) == len(images) {
		return images
	}
	clear(places)
	unique := make([]Image, 0, len(images))
	for _, image := range images {
		place, seen := places[image.Digest]
		if !seen {
			places[image.Digest] = len(unique)
			unique = append(unique, image)
			continue
		}
		unique[place] = merge(unique[place], image)
	}
	return unique
}

func merge(a, b Image) Image {
	later := a
	if cmp.Or(b.PushedAt.Compare(a.PushedAt), strings.Compare(b.ArtifactMediaType, a.ArtifactMediaType)) > 0 {
		later = b
	}
	later.Tags = slices.Concat(a.Tags, b.Tags)
	return later
}

// byPushTime is the comparison of policies that have no order of their own.
func byPushTime(struct{}, struct{}) int { return 0 }
