package job

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// progressEvery is how often a line of progress is written anew.
const progressEvery = 500 * time.Millisecond

// progress tells, on a terminal, how far a long run is: on one line of standard error that is wiped out at the end. A short
// run shows nothing.
type progress struct {
	to    io.Writer
	what  string
	begun time.Time

	mutex   sync.Mutex
	count   uint64
	next    time.Time
	written bool
}

// newProgress counts things of the name. It is silent where standard error is no terminal.
func newProgress(command *cobra.Command, what string) *progress {
	now := time.Now()
	made := &progress{what: what, begun: now, next: now.Add(progressEvery)}
	if file, ok := command.ErrOrStderr().(*os.File); ok {
		if status, err := file.Stat(); err == nil && status.Mode()&os.ModeCharDevice != 0 {
			made.to = file
		}
	}
	return made
}

// add counts more things.
func (p *progress) add(more uint64) { p.tell(time.Now(), more) }

func (p *progress) tell(now time.Time, more uint64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.count += more
	if p.to == nil || now.Before(p.next) {
		return
	}
	p.next = now.Add(progressEvery)
	p.written = true
	seconds := now.Sub(p.begun).Seconds()
	_, _ = fmt.Fprintf(p.to, "\r\x1b[K%d %s, %.0f a second", p.count, p.what, float64(p.count)/seconds)
}

// end wipes the line out.
func (p *progress) end() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.written {
		_, _ = io.WriteString(p.to, "\r\x1b[K")
		p.written = false
	}
}
