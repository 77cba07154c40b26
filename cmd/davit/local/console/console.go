// Package console writes what a long command does, a step at a time, for people: plain lines that also read well in a
// file, with a little colour on a terminal.
package console

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Console writes steps to one place. Its methods may be called from several goroutines.
type Console struct {
	mutex  sync.Mutex
	out    io.Writer
	colour bool
}

// New writes to out. There is colour only on a terminal, and not where NO_COLOR is set (no-color.org) or TERM is dumb.
func New(out io.Writer) *Console {
	file, ok := out.(*os.File)
	colour := ok && terminal(file) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return &Console{out: out, colour: colour}
}

func terminal(file *os.File) bool {
	status, err := file.Stat()
	return err == nil && status.Mode()&os.ModeCharDevice != 0
}

// Title begins a chapter.
func (c *Console) Title(format string, arguments ...any) {
	c.write("\n" + c.paint("1", fmt.Sprintf(format, arguments...)) + "\n")
}

// Line is a remark.
func (c *Console) Line(format string, arguments ...any) {
	c.write("    " + strings.ReplaceAll(fmt.Sprintf(format, arguments...), "\n", "\n    ") + "\n")
}

// Blank is an empty line.
func (c *Console) Blank() { c.write("\n") }

// Good says that something expected was seen.
func (c *Console) Good(format string, arguments ...any) {
	c.write("  " + c.paint("32", "ok") + "  " + fmt.Sprintf(format, arguments...) + "\n")
}

// Step does one piece of work: it names it, and says how long it took or that it failed.
func (c *Console) Step(title string, work func() error) error {
	begun := time.Now()
	c.write(c.paint("36", "==>") + " " + title + "\n")
	err := work()
	if err != nil {
		c.write("    " + c.paint("31", "failed") + " after " + Elapsed(begun) + "\n")
		return err
	}
	c.write("    done in " + Elapsed(begun) + "\n")
	return nil
}

// Writer writes every whole line given to it as a remark; the rest of a line is kept for the next write.
func (c *Console) Writer() io.Writer { return &lines{console: c} }

type lines struct {
	console *Console
	rest    string
}

func (l *lines) Write(text []byte) (int, error) {
	l.rest += string(text)
	for {
		line, rest, found := strings.Cut(l.rest, "\n")
		if !found {
			return len(text), nil
		}
		l.console.Line("%s", line)
		l.rest = rest
	}
}

func (c *Console) paint(code, text string) string {
	if !c.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (c *Console) write(text string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	_, _ = io.WriteString(c.out, text)
}

// Elapsed is the time since begun, in seconds with one digit.
func Elapsed(begun time.Time) string { return fmt.Sprintf("%.1f s", time.Since(begun).Seconds()) }

// Wait is one thing to wait for.
type Wait struct {
	// For says what is expected, in words.
	For string
	// Limit is how long to wait at most.
	Limit time.Duration
	// Every is the time between two looks; 100 ms if absent.
	Every time.Duration
}

// Await looks until what is expected is seen. look says whether it is, and what it saw, in words; the words are told
// when they change. An error of look ends the wait, and so does the limit, with what was expected and what was seen
// last.
func (c *Console) Await(ctx context.Context, wait Wait, look func(context.Context) (seen string, done bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, wait.Limit)
	defer cancel()
	every := wait.Every
	if every == 0 {
		every = 100 * time.Millisecond
	}
	told := ""
	for {
		seen, done, err := look(ctx)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("waiting for %s: %w", wait.For, err)
		}
		if err != nil { // The look was cut short by the limit.
			return late(ctx, wait, told)
		}
		if seen != told {
			c.Line("%s", seen)
			told = seen
		}
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return late(ctx, wait, told)
		case <-time.After(every):
		}
	}
}

// late is the error of a wait that saw something else, or nothing, until its limit.
func late(ctx context.Context, wait Wait, told string) error {
	seen := "nothing"
	if told != "" {
		seen = fmt.Sprintf("%q", told)
	}
	return fmt.Errorf("waited up to %s for %s: saw %s: %w", wait.Limit, wait.For, seen, context.Cause(ctx))
}
