package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/spf13/cobra"

	"davit/events/schedule"
	"davit/shared/names"
	"davit/shared/settings"
)

// stopped is the result of stop and start.
type stopped struct {
	Stopped bool `json:"stopped"`
	// Changed is false where there was nothing to change.
	Changed bool           `json:"changed"`
	Stop    *settings.Stop `json:"stop,omitempty"`
	Text    string         `json:"text"`
}

func stopCommand(world environment) *cobra.Command {
	var given flags
	asked := act{verb: "stop"}
	command := &cobra.Command{
		Use:     "stop --why REASON",
		GroupID: groupAct,
		Short:   "Stop davit everywhere: nothing rolls out and nothing is remedied",
		Long: `Stop davit everywhere in the account and region: within a minute no function starts anything any more, on no workload,
until davit start. What is in progress is seen through. Incidents are still opened, and a human is paged for them. Who stopped
and started it, when and why, SSM keeps: aws ssm get-parameter-history --name ` + names.StopParameter + `.`,
		Example: `  davit stop --why "we are moving the database"` + "\n  davit stop --why \"game day\" --json",
		Args:    cobra.NoArgs,
	}
	command.RunE = func(command *cobra.Command, arguments []string) error {
		if err := checkWords(asked, true); err != nil {
			return err
		}
		return world.verb(&given, writing, func(ctx context.Context, s *session, _ []string) error { return s.stop(ctx, asked) })(command, arguments)
	}
	given.add(command)
	addWords(command, &asked)
	command.ValidArgsFunction = cobra.NoFileCompletions
	return command
}

func startCommand(world environment) *cobra.Command {
	var given flags
	command := &cobra.Command{
		Use:     "start",
		GroupID: groupAct,
		Short:   "End the global stop",
		Long: `End the global stop, also one that somebody wrote by hand: within a minute the functions act again, and every workload is
looked at then. What is broken by then is remedied, and what was pushed meanwhile rolls out.`,
		Example: "  davit start\n  davit start --json",
		Args:    cobra.NoArgs,
	}
	command.RunE = world.verb(&given, writing, func(ctx context.Context, s *session, _ []string) error { return s.start(ctx) })
	given.add(command)
	command.ValidArgsFunction = cobra.NoFileCompletions
	return command
}

func (s *session) stop(ctx context.Context, asked act) error {
	asked, _, err := s.by(ctx, asked)
	if err != nil {
		return err
	}
	former, err := s.readStop(ctx)
	if err != nil {
		return err
	}
	if former != nil {
		s.say("It replaces: %s", former)
	}
	stop := &settings.Stop{Who: asked.who, Why: asked.why, At: s.now().UTC()}
	if err := s.writeStop(ctx, stop); err != nil {
		return err
	}
	return s.reportStop(stopped{Stopped: true, Changed: true, Stop: stop,
		Text: "davit starts nothing within a minute from now, until davit start: " + stop.Why})
}

func (s *session) start(ctx context.Context) error {
	former, err := s.readStop(ctx)
	if err != nil {
		return err
	}
	if former == nil {
		return s.reportStop(stopped{Text: "davit is not stopped."})
	}
	if err := s.writeStop(ctx, nil); err != nil {
		return err
	}
	if err := s.sweepSoon(ctx); err != nil {
		s.say("The stop is ended, but the function could not be told, so the next sweep looks at what was pushed meanwhile: %s", s.inWords(ctx, err))
	}
	return s.reportStop(stopped{Changed: true, Stop: former,
		Text: fmt.Sprintf("davit acts again within a minute, and looks at every workload then. It was stopped by %s: %s", former.Who, former.Why)})
}

// sweepSoon has every workload looked at once no function knows of the stop any more.
func (s *session) sweepSoon(ctx context.Context) error {
	identity, err := s.whoCalls(ctx)
	if err != nil {
		return err
	}
	body, err := schedule.Event("davit-"+rand.Text(), s.now(), identity.account, s.configuration.Region, "")
	if err != nil {
		return err
	}
	return s.enqueue(ctx, body, time.Minute)
}

func (s *session) readStop(ctx context.Context) (*settings.Stop, error) {
	output, err := ssm.NewFromConfig(s.configuration).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(names.StopParameter)})
	var missing *types.ParameterNotFound
	if errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the stop in %s: %w", names.StopParameter, err)
	}
	return settings.ParseStop(aws.ToString(output.Parameter.Value)), nil
}

func (s *session) writeStop(ctx context.Context, stop *settings.Stop) error {
	text, err := stop.Encode()
	if err != nil {
		return err
	}
	_, err = ssm.NewFromConfig(s.configuration).PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(names.StopParameter),
		Value: &text, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
	if err != nil {
		return fmt.Errorf("writing the stop to %s: %w", names.StopParameter, err)
	}
	return nil
}

func (s *session) reportStop(result stopped) error {
	return s.result(result, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, result.Text)
		return err
	})
}
