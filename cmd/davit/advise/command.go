// Package advise is the command "davit advise": it asks shared/advice where a workload runs best, shows the answer,
// draws its cost over the load, and writes the configuration that the platform is deployed from. It works offline.
package advise

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"davit/shared/advice"
)

// request is what the flags ask for.
type request struct {
	file       string
	fields     []override
	priceLists []string
	asJSON     bool
	all        bool
	chart      string
	write      string
	platform   string
	place      place
	now        func() time.Time
}

// Command is the command "advise".
func Command() *cobra.Command { return newCommand(time.Now) }

func newCommand(now func() time.Time) *cobra.Command {
	asked := &request{now: now}
	command := &cobra.Command{
		Use:   "advise",
		Short: "Say on which platform a workload runs best, what it costs and why",
		Long: `Say on which platform a workload runs best, what it costs and why: ECS on Fargate, Fargate Spot, EC2 or managed
instances, EKS on Fargate or EC2, or Lambda where that simply wins. The workload is given in numbers, by a YAML or JSON
file, by flags, or by a file of which flags change a part. Nothing is asked of AWS: prices come with the program, each
with its source and date, and --prices takes AWS's own price list in their place.

Every amount is a quantity × a unit price; docs/advise.md says how quantities come about and works cases out by hand.`,
		Example: `  davit advise --region us-east-1 --requests-average 50 --cpu-milliseconds 20 --duration-milliseconds 80
  davit advise --file workload.yaml --kubernetes-skill 3 --chart cost.svg
  davit advise --file workload.yaml --write infra/configurations/web.yaml --owner platform --account 111122223333
  davit advise --file workload.yaml --prices AmazonECS.json --prices AmazonEC2.json --json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		SilenceUsage:      true,
	}
	command.RunE = func(command *cobra.Command, _ []string) error {
		return asked.run(command.OutOrStdout(), command.ErrOrStderr())
	}
	flags := command.Flags()
	flags.StringVarP(&asked.file, "file", "f", "", "YAML or JSON `FILE` that describes the workload")
	asked.addFields(command)
	flags.StringArrayVar(&asked.priceLists, "prices", nil,
		"offer `FILE` of AWS's bulk price list (JSON) whose prices replace the embedded ones; may be repeated")
	flags.BoolVar(&asked.asJSON, "json", false, "write one JSON document")
	flags.BoolVar(&asked.all, "all", false,
		"show the cost by line and the reasons of every platform, not of the first alone")
	flags.StringVar(&asked.chart, "chart", "", "draw the cost over the load into this SVG `FILE`")
	flags.StringVar(&asked.write, "write", "", "write the configuration that cdk deploy takes into this new `FILE`")
	flags.StringVar(&asked.platform, "for", "", "with --write: the `PLATFORM` to write for, instead of the first")
	asked.place.add(command)
	return command
}

// answer is what --json writes.
type answer struct {
	*advice.Advice
	// Deployment says whether infra can deploy the platform today.
	Deployment deployment `json:"deployment"`
	// Written and Chart are the files that were written.
	Written string `json:"written,omitempty"`
	Chart   string `json:"chart,omitempty"`
}

func (r *request) run(output, errorOutput io.Writer) error {
	workload, err := r.workload()
	if err != nil {
		return err
	}
	prices, err := r.prices(workload.Region)
	if err != nil {
		return err
	}
	advised, err := advice.Advise(workload, prices, r.now())
	if err != nil {
		return fmt.Errorf("advise on %s: %w", workload.Name, err)
	}
	chosen, err := r.choose(advised)
	if err != nil {
		return err
	}
	found := answer{Advice: advised, Deployment: deployable(advised, chosen)}
	if r.chart != "" {
		if err := drawTo(r.chart, workload, prices, advised); err != nil {
			return err
		}
		found.Chart = r.chart
	}
	writing := r.writeConfiguration(advised, chosen, &found)
	if err := r.show(output, found); err != nil {
		return err
	}
	if writing == nil && !r.asJSON {
		for _, path := range []string{found.Chart, found.Written} {
			if path != "" {
				_, _ = fmt.Fprintln(errorOutput, "Wrote "+path)
			}
		}
	}
	return writing
}

func (r *request) show(output io.Writer, found answer) error {
	if !r.asJSON {
		return present(output, found, r.all)
	}
	encoder := json.NewEncoder(output)
	encoder.SetIndent("", "  ")
	return encoder.Encode(found)
}

// workload is what the file and the flags describe.
func (r *request) workload() (advice.Workload, error) {
	workload := advice.Defaults()
	if r.file != "" {
		document, err := readBounded(r.file, advice.MaximumSize)
		if err != nil {
			return workload, fmt.Errorf("read the workload: %w", err)
		}
		if err := workload.Merge(document); err != nil {
			return workload, fmt.Errorf("workload %s: %w", r.file, err)
		}
	}
	for _, field := range r.fields {
		if err := field.apply(&workload); err != nil {
			return workload, err
		}
	}
	if err := workload.Validate(); err != nil {
		return workload, fmt.Errorf("the workload: %w\nEach is a flag of davit advise, as --help lists them, or a field of the --file", err)
	}
	return workload, nil
}

func (r *request) prices(region string) (advice.Prices, error) {
	prices, err := advice.EmbeddedPrices()
	if err != nil {
		return prices, err
	}
	for _, path := range r.priceLists {
		rows, err := readPriceList(path, region)
		if err != nil {
			return prices, err
		}
		prices = prices.With(rows)
	}
	return prices, nil
}

func readPriceList(path, region string) ([]advice.PriceRow, error) {
	file, err := os.Open(path) // #nosec G304 -- the caller chooses the file
	if err != nil {
		return nil, fmt.Errorf("read the price list: %w", err)
	}
	defer file.Close()
	return advice.ReadPriceList(file, filepath.Base(path), region)
}

// choose is the candidate that a configuration is written for: the winner, or what --for names.
func (r *request) choose(advised *advice.Advice) (*advice.Candidate, error) {
	if r.platform == "" {
		return advised.Winner(), nil
	}
	if r.write == "" {
		return nil, errors.New("--for says for which platform --write writes: give --write too")
	}
	index := slices.IndexFunc(advised.Candidates, func(c advice.Candidate) bool {
		return string(c.Platform) == r.platform
	})
	switch {
	case index < 0:
		return nil, fmt.Errorf("--for: want one of %v, have %q", advice.Platforms, r.platform)
	case advised.Candidates[index].Rank == 0:
		return nil, fmt.Errorf("--for %s: %s", r.platform, advised.Candidates[index].Disqualifiers[0])
	}
	return &advised.Candidates[index], nil
}

func readBounded(path string, most int64) ([]byte, error) {
	file, err := os.Open(path) // #nosec G304 -- the caller chooses the file
	if err != nil {
		return nil, err
	}
	defer file.Close()
	document, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return document, nil
}
