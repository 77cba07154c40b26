package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"davit/events/davit"
	"davit/shared/backoff"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/workload"
	"davit/shared/workqueue"
)

const (
	// writeAttempts is how often a change is tried on a record that others change at the same time.
	writeAttempts = 8
	// maximumWhy and maximumWho keep what humans say readable, in characters.
	maximumWhy = 400
	maximumWho = 128
)

// errNothingToChange ends a change without a write.
var errNothingToChange = errors.New("there is nothing to change")

// act is what a human does to one workload.
type act struct {
	// verb is the name of the command, which is also the entry's action.
	verb     rollout.Action
	workload workload.Reference
	who, why string
}

func (a act) order() rollout.Order {
	return rollout.Order{Action: a.verb, Workload: a.workload, Who: a.who}
}

// by completes the act with who does it: the name given, or else the caller's own.
func (s *session) by(ctx context.Context, done act) (act, caller, error) {
	identity, err := s.whoCalls(ctx)
	if err != nil {
		return done, caller{}, err
	}
	if done.who == "" {
		done.who = identity.name
	}
	return done, identity, nil
}

// checkWords refuses reasons and names that are missing or too long.
func checkWords(done act, needsWhy bool) error {
	switch {
	case needsWhy && done.why == "":
		return usage("say why: --why \"…\"; it is kept in the history and shown to whoever asks")
	case utf8.RuneCountInString(done.why) > maximumWhy:
		return usage("--why takes at most %d characters", maximumWhy)
	case utf8.RuneCountInString(done.who) > maximumWho:
		return usage("--who takes at most %d characters", maximumWho)
	}
	return nil
}

// change gives the order, and again where somebody else was faster. Alter answers errNothingToChange to leave the record alone.
func (s *session) change(ctx context.Context, done act, alter func(*ledger.Record) (ledger.Entry, error)) (ledger.Entry, error) {
	for attempt := 1; ; attempt++ {
		entry, err := done.order().Give(ctx, s.Ledger, s.now(), alter)
		if !errors.Is(err, ledger.ErrConflict) || attempt == writeAttempts {
			return entry, err
		}
		if err := backoff.Wait(ctx, backoff.Delay(100*time.Millisecond, 2*time.Second, attempt)); err != nil {
			return ledger.Entry{}, err
		}
	}
}

// tell has the function look at the workload at once. The change stands without it, and the sweep would come to it, so a
// failure is only said. Of a host nobody is told: whoever would act on it reads the record first.
func (s *session) tell(ctx context.Context, done act, account string) {
	if !done.workload.Kind().RollsOut() {
		return
	}
	id := "davit-" + rand.Text()
	body, err := davit.Reconcile{Workloads: []string{done.workload.String()}, Cause: done.order().Cause()}.Event(id, s.now(), account, s.configuration.Region)
	if err == nil {
		err = s.enqueue(ctx, body, 0)
	}
	if err != nil {
		s.say("It is recorded, but the function could not be told, so the next sweep will see to it: %s", s.inWords(ctx, err))
	}
}

// enqueue puts the message on the function's queue, which delivers it after the delay.
func (s *session) enqueue(ctx context.Context, body []byte, delay time.Duration) error {
	client := sqs.NewFromConfig(s.configuration)
	output, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(names.RolloutQueue)})
	if err != nil {
		return fmt.Errorf("finding the queue %s: %w", names.RolloutQueue, err)
	}
	return workqueue.New(client, aws.ToString(output.QueueUrl), "").Enqueue(ctx, [][]byte{body}, delay)
}
