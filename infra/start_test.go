package main

import (
	"testing"
	"time"
)

func TestTheCDKIsStartedByOneProcessAtATime(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	done, second := waitForCache(), make(chan struct{})
	go func() {
		waitForCache()()
		close(second)
	}()
	select {
	case <-second:
		t.Error("the second did not wait for the first")
	case <-time.After(50 * time.Millisecond):
	}
	done()
	<-second
}
