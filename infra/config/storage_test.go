package config

import "testing"

func TestErrorsOfTheStorageNameTheField(t *testing.T) {
	const bucket = "name: media"
	with := func(fields string) string { return bucket + "\n      " + fields }
	tests := []struct {
		name, from, to string
		want           []string
	}{
		{"the bucket for access logs", bucket, "name: access-logs", []string{"storage.buckets[0].name", "access logs"}},
		{"a key that is none", bucket, with("kmsKey: mine"), []string{"storage.buckets[0].kmsKey"}},
		{"tiers of another class", bucket, with("deepDays: 200"), []string{"storage.buckets[0].flexibleDays", "archive alone"}},
		{"archive tiers of another class", bucket, with("archiveAfterDays: 90"), []string{"storage.buckets[0].archiveAfterDays", "intelligent alone"}},
		{"a tier that is left before it is paid", bucket, with("class: archive\n      flexibleDays: 120"), []string{"storage.buckets[0].deepDays: want at least 210"}},
		{"an archive too early", bucket, with("class: intelligent\n      archiveAfterDays: 30"), []string{"storage.buckets[0].archiveAfterDays: want 90 to 730"}},
		{"a lock of no kind", bucket, with("objectLock: {days: 1}"), []string{"storage.buckets[0].objectLock.mode"}},
		{"a lock for no time", bucket, with("objectLock: {mode: governance}"), []string{"storage.buckets[0].objectLock.days: want 1"}},
		{"a lock that nobody opens on what is to go", bucket, with("objectLock: {mode: compliance, days: 1}\nremoval: destroy"),
			[]string{"storage.buckets[0].objectLock.mode", "governance"}},
		{"logs for no time", bucket, bucket + "\n  accessLogDays: -1", []string{"storage.accessLogDays"}},
		{"a function of no architecture", bucket, bucket + "\n  restore: {architecture: mips}", []string{"storage.restore.architecture"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { refuses(t, whole, test.from, test.to, test.want) })
	}
}
