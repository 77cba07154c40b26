package command

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command/show"
	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/workload"
)

const (
	// completionTimeout is how long a shell waits at most.
	completionTimeout = 2 * time.Second
	// maximumCompletions bounds what a shell is offered, and maximumRead what is read for it.
	maximumCompletions = 200
	maximumRead        = 10_000
)

type completion = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective)

const directive = cobra.ShellCompDirectiveNoFileComp

// completeWorkload completes one workload from the ledger.
func (e environment) completeWorkload(given *flags) completion {
	return func(command *cobra.Command, arguments []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(arguments) > 0 {
			return nil, directive
		}
		return e.workloads(command, given, nil, begun), directive
	}
}

// completeWorkloads completes any number of workloads.
func (e environment) completeWorkloads(given *flags) completion {
	return func(command *cobra.Command, arguments []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return e.workloads(command, given, arguments, begun), directive
	}
}

// workloads lists those of the ledger that begin so and were not given yet; none where the ledger does not answer.
func (e environment) workloads(command *cobra.Command, given *flags, already []string, begun string) []cobra.Completion {
	ctx, cancel := context.WithTimeout(command.Context(), completionTimeout)
	defer cancel()
	s, err := e.open(ctx, *given, reading)
	if err != nil {
		return nil
	}
	var offered []cobra.Completion
	read := 0
	for reference, err := range s.Ledger.Workloads(ctx) {
		if read++; err != nil || len(offered) == maximumCompletions || read > maximumRead {
			break
		}
		if text := reference.String(); strings.HasPrefix(text, begun) && !slices.Contains(already, text) {
			offered = append(offered, text)
		}
	}
	return offered
}

// completeForgiven completes the workload, then the images of it that are set aside.
func (e environment) completeForgiven(given *flags) completion {
	return func(command *cobra.Command, arguments []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch len(arguments) {
		case 0:
			return e.workloads(command, given, nil, begun), directive
		case 1:
			var offered []cobra.Completion
			for _, aside := range e.record(command, given, arguments[0]).AllSetAside() {
				offered = append(offered, described(aside.Image, aside.Reason, begun)...)
			}
			return offered, directive
		}
		return nil, directive
	}
}

// completeImage completes --to: the images of the repository that qualify or were proved.
func (e environment) completeImage(given *flags) completion {
	return func(command *cobra.Command, arguments []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(arguments) == 0 {
			return nil, directive
		}
		ctx, cancel := context.WithTimeout(command.Context(), completionTimeout)
		defer cancel()
		s, err := e.open(ctx, *given, reading)
		if err != nil {
			return nil, directive
		}
		asked, err := reference(arguments[0])
		if err != nil {
			return nil, directive
		}
		sights, err := s.viewer(true).look(ctx, []workload.Reference{asked}, rollout.Cause{Text: "completion"})
		if err != nil {
			return nil, directive
		}
		var offered []cobra.Completion
		for _, verdict := range sights[asked].verdicts {
			if !verdict.Running && len(offered) < maximumCompletions {
				offered = append(offered, described(ledger.Image{Digest: verdict.Digest, Tag: verdict.Tag}, verdict.Reason, begun)...)
			}
		}
		return offered, directive | cobra.ShellCompDirectiveKeepOrder
	}
}

// record is the workload's, or an empty one where the ledger does not answer.
func (e environment) record(command *cobra.Command, given *flags, text string) ledger.Record {
	ctx, cancel := context.WithTimeout(command.Context(), completionTimeout)
	defer cancel()
	asked, err := reference(text)
	if err != nil {
		return ledger.Record{}
	}
	s, err := e.open(ctx, *given, reading)
	if err != nil {
		return ledger.Record{}
	}
	records, err := s.Ledger.Read(ctx, []workload.Reference{asked})
	if err != nil {
		return ledger.Record{}
	}
	return records[asked]
}

// described offers an image by its tag, or by its digest where it has none or the digest was begun.
func described(image ledger.Image, reason, begun string) []cobra.Completion {
	name := image.Tag
	if name == "" || strings.HasPrefix(begun, "sha256:") {
		name = image.Digest
	}
	if !strings.HasPrefix(name, begun) {
		return nil
	}
	return []cobra.Completion{cobra.CompletionWithDesc(name, show.Image("", image.Digest)+" "+reason)}
}
