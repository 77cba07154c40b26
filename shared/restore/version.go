// Package restore brings objects of S3 back: versions that were deleted or overwritten, and objects that are in an archive.
//
// What to do with an object is decided from its versions alone (Decide), so that a second run does only what the first
// did not: a run that was interrupted is continued by running it again.
package restore

import "time"

// The storage classes whose objects cannot be read until they are restored
// (docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html). Glacier Instant Retrieval is none of them.
const (
	Flexible           = "GLACIER"
	Deep               = "DEEP_ARCHIVE"
	IntelligentTiering = "INTELLIGENT_TIERING"
)

// Version is one version of an object, or a delete marker.
type Version struct {
	Key string `json:"key"`
	// ID is the version's; "null" for one from before the bucket had versions.
	ID string `json:"versionId"`
	// Size is in bytes; 0 for a delete marker.
	Size         int64  `json:"size"`
	StorageClass string `json:"storageClass,omitempty"`
	// Modified is when the version was made, to the second.
	Modified time.Time `json:"modified"`
	IsMarker bool      `json:"-"`
	// InArchive is true of an object of Intelligent-Tiering that has moved to one of its archive tiers, which a listing
	// does not show.
	InArchive bool `json:"-"`
}

// Archived tells whether the version cannot be read until its archive is opened.
func (v Version) Archived() bool {
	return v.StorageClass == Flexible || v.StorageClass == Deep || v.InArchive
}

// Kind is what there is to do with an object.
type Kind string

// The kinds.
const (
	// Nothing: the wanted version is there, or there is none.
	Nothing Kind = "nothing"
	// Uncover removes the delete markers above the wanted version. It moves no data, and archived objects stay archived.
	Uncover Kind = "uncover"
	// Copy makes a new version from the wanted one. Nothing is removed.
	Copy Kind = "copy"
	// Thaw opens the archive for some days and leaves the object where it is.
	Thaw Kind = "thaw"
	// ThawAndCopy opens the archive and makes a new version outside of it.
	ThawAndCopy Kind = "thaw-and-copy"
)

// Step is what there is to do with one object, and why.
type Step struct {
	Kind Kind `json:"kind"`
	// Wanted is the version that is wanted; the zero version where there is none.
	Wanted Version `json:"wanted"`
	// Current is the newest version's ID.
	Current string `json:"current,omitempty"`
	// Markers are the IDs of the delete markers to remove.
	Markers []string `json:"markers,omitempty"`
	// Reason says why, in words.
	Reason string `json:"reason"`
}

// Opens tells whether the step opens an archive.
func (s Step) Opens() bool { return s.Kind == Thaw || s.Kind == ThawAndCopy }

// Wish is what is wanted of each object.
type Wish struct {
	// At is the moment whose versions are wanted; the zero time for the newest ones that are no delete markers.
	At time.Time
	// VersionID is the one version that is wanted, of one object; empty to choose by At.
	VersionID string
	// LeaveArchived opens no archive.
	LeaveArchived bool
	// Keep takes archived objects out of the archive for good, by a copy.
	Keep bool
}

// Decide says what to do with one object, from all of its versions, newest first as S3 lists them. It does no I/O.
func Decide(versions []Version, wish Wish) Step {
	if len(versions) == 0 {
		return Step{Kind: Nothing, Reason: "there is no such object, and no version of one"}
	}
	index, reason := wanted(versions, wish)
	step := Step{Kind: Nothing, Current: versions[0].ID, Wanted: Version{Key: versions[0].Key}, Reason: reason}
	if index < 0 {
		return step
	}
	step.Wanted = versions[index]
	markers := markersAbove(versions[:index])
	switch {
	case index > 0 && markers != nil && !(step.Wanted.Archived() && wish.Keep && !wish.LeaveArchived):
		step.Kind, step.Markers, step.Reason = Uncover, markers, "it was deleted"
	case !step.Wanted.Archived() && index > 0:
		step.Kind, step.Reason = Copy, "it was overwritten"
	case !step.Wanted.Archived():
		step.Reason = "the wanted version is the current one"
	case wish.LeaveArchived:
		step.Reason = "it is archived as " + step.Wanted.StorageClass + ", and archives are to stay closed"
	case index > 0 || wish.Keep:
		step.Kind, step.Reason = ThawAndCopy, "it is archived as "+step.Wanted.StorageClass
	default:
		step.Kind, step.Reason = Thaw, "it is archived as "+step.Wanted.StorageClass
	}
	return step
}

// wanted is the index of the wanted version, or -1 with the reason.
func wanted(versions []Version, wish Wish) (index int, reason string) {
	for i, version := range versions {
		switch {
		case wish.VersionID != "":
			if version.ID != wish.VersionID {
				continue
			}
			if version.IsMarker {
				return -1, "the version " + wish.VersionID + " is a delete marker"
			}
			return i, ""
		case wish.At.IsZero():
			if !version.IsMarker {
				return i, ""
			}
		case !version.Modified.After(wish.At):
			if version.IsMarker {
				return -1, "it was deleted at that moment"
			}
			return i, ""
		}
	}
	switch {
	case wish.VersionID != "":
		return -1, "it has no version " + wish.VersionID
	case wish.At.IsZero():
		return -1, "it has delete markers alone: its versions have expired"
	}
	return -1, "it has no version from that moment: it came later, or the version has expired"
}

// markersAbove are the IDs of the versions if all of them are delete markers, or else nil.
func markersAbove(versions []Version) []string {
	var ids []string
	for _, version := range versions {
		if !version.IsMarker {
			return nil
		}
		ids = append(ids, version.ID)
	}
	return ids
}
