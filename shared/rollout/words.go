package rollout

import (
	"strings"
	"time"

	"davit/shared/ledger"
	"davit/shared/workload"
)

// describe names an image for people: its tag, if it has one, and the start of its digest.
func describe(tag, digest string) string {
	short := workload.ShortDigest(digest)
	if tag == "" {
		return short
	}
	return tag + " (" + short + ")"
}

func describeSetAside(aside ledger.SetAside) string {
	return describe(aside.Tag, aside.Digest) + " is set aside since " + aside.At.UTC().Format(time.RFC3339) + ": " + aside.Reason
}

func describeHold(hold ledger.Hold) string {
	text := "by " + hold.Who + " since " + hold.At.UTC().Format(time.RFC3339)
	if !hold.Until.IsZero() {
		text += " until " + hold.Until.UTC().Format(time.RFC3339)
	}
	return text + ": " + hold.Why
}

// revisionName is the family and number of a task definition's ARN, or the name of a pod template's last image with the
// start of its digest.
func revisionName(revision string) string {
	name := revision[strings.LastIndexByte(revision, '/')+1:]
	if image, digest, pinned := strings.Cut(name, "@"); pinned {
		return image + "@" + workload.ShortDigest(digest)
	}
	return name
}

func reasonOr(reason, otherwise string) string {
	if reason = strings.TrimRight(strings.TrimSpace(reason), "."); reason != "" {
		return reason
	}
	return otherwise
}
