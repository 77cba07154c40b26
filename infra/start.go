package main

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/aws/aws-cdk-go/awscdk/v2"
)

// newApp starts the CDK. The first process of a user unpacks it into the user's cache, and one that comes at that moment does not
// wait but fails: so they start one after the other.
func newApp(props *awscdk.AppProps) awscdk.App {
	defer waitForCache()()
	return awscdk.NewApp(props)
}

// waitForCache waits until no other process starts the CDK with the same cache, and answers what lets the next one go on. Who has
// no cache, or none that can be written, need not wait.
func waitForCache() (done func()) {
	caches, err := os.UserCacheDir()
	if err != nil {
		return func() {}
	}
	folder := filepath.Join(caches, "davit")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return func() {}
	}
	file, err := os.OpenFile(filepath.Join(folder, "cdk.lock"), os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- our own lock
	if err != nil {
		return func() {}
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX) // #nosec G115 -- descriptors are small
		if err != syscall.EINTR {
			return func() { _ = file.Close() } // closing releases the lock
		}
	}
}
