package advise

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"davit/shared/advice"
)

// kind is how the text of a flag is written in a document.
type kind int

const (
	numeric kind = iota
	textual
	truth
	listing
)

// fieldFlag is a flag that sets a field of the workload.
type fieldFlag struct {
	flag, field string
	kind        kind
	usage       string
}

var fieldFlags = []fieldFlag{
	{"name", "name", textual, "the workload's name (default web)"},
	{"region", "region", textual, "AWS region, such as us-east-1 (required)"},
	{"requests-average", "requestsAverage", numeric,
		"requests or jobs a second, on average over the running hours (required)"},
	{"requests-peak", "requestsPeak", numeric, "requests or jobs a second at the peak (default by --burstiness)"},
	{"burstiness", "burstiness", textual, "steady, variable or spiky (default variable)"},
	{"cpu-milliseconds", "cpuMilliseconds", numeric, "how long a request keeps one vCPU busy, in ms (required)"},
	{"memory-mib", "memoryMiB", numeric, "memory that a request holds while it lasts, in MiB (default 1)"},
	{"duration-milliseconds", "durationMilliseconds", numeric, "how long a request lasts, in ms (default the CPU time)"},
	{"response-kb", "responseKB", numeric, "size of a response, in KB (default 10)"},
	{"log-kb", "logKB", numeric, "log that a request writes, in KB (default 0.5)"},
	{"http", "http", truth, "requests come through a load balancer; false: jobs (default true)"},
	{"public", "public", truth, "requests come from the internet (default true)"},
	{"base-memory-mib", "baseMemoryMiB", numeric, "memory of a task before its first request, in MiB (default 128)"},
	{"task-cpu", "taskCPU", numeric, "size of a task in 1/1024 vCPU (default 512, more where memory needs it)"},
	{"task-memory-mib", "taskMemoryMiB", numeric, "memory of a task, in MiB (default what fills its CPU)"},
	{"minimum-tasks", "minimumTasks", numeric, "how many tasks run at least (default 2)"},
	{"gpus", "gpus", numeric, "GPUs of a task (default 0)"},
	{"architecture", "architecture", textual, "any, arm64 or x86_64 (default any: the cheaper)"},
	{"hours-per-day", "hoursPerDay", numeric, "hours a day that it runs (default 24)"},
	{"stateful", "stateful", truth, "files must outlive a task (default false)"},
	{"state-gb", "stateGB", numeric, "how much such files take, in GB (default 0)"},
	{"interruptible", "interruptible", truth, "a task may be taken away at two minutes' notice (default false)"},
	{"internet-gb", "internetGB", numeric,
		"what tasks exchange with the internet beyond responses, in GB a month (default 0)"},
	{"aws-gb", "awsGB", numeric, "what they exchange with AWS services beyond logs, in GB a month (default 10)"},
	{"network", "network", textual, "auto, public, nat or endpoints (default auto: the cheapest)"},
	{"availability", "availability", textual, "standard or high: three zones, a NAT gateway in each (default standard)"},
	{"compliance", "compliance", listing, "of private-network, no-internet, single-tenant, host-control; by comma"},
	{"kubernetes-skill", "kubernetesSkill", numeric, "what the team knows of Kubernetes, 0 to 3 (default 1)"},
	{"hybrid", "hybrid", truth, "the same manifests must run outside AWS too (default false)"},
	{"uses", "uses", listing, "services to be warned of, of managed-blockchain, eks-al2, app-runner, app-mesh; by comma"},
	{"weight-cost", "weights.cost", numeric, "how much cost counts, 0 to 100 (default 35)"},
	{"weight-scalability", "weights.scalability", numeric, "how much scalability counts, 0 to 100 (default 20)"},
	{"weight-reliability", "weights.reliability", numeric, "how much reliability counts, 0 to 100 (default 20)"},
	{"weight-engineering", "weights.engineering", numeric, "how much the team's work counts, 0 to 100 (default 25)"},
}

// override is a field that a flag sets.
type override struct {
	fieldFlag
	text string
}

func (r *request) addFields(command *cobra.Command) {
	for _, field := range fieldFlags {
		command.Flags().Func(field.flag, field.usage, func(text string) error {
			r.fields = append(r.fields, override{field, text})
			return nil
		})
		if field.kind == truth {
			command.Flags().Lookup(field.flag).NoOptDefVal = "true"
		}
	}
}

// apply sets the field as a document would, so that flags and files are read alike.
func (o override) apply(workload *advice.Workload) error {
	value, err := o.document()
	if err == nil {
		document := o.field + ": " + value
		if outer, inner, nested := strings.Cut(o.field, "."); nested {
			document = outer + ": {" + inner + ": " + value + "}"
		}
		err = workload.Merge([]byte(document))
	}
	if err != nil {
		return fmt.Errorf("--%s: %q: %w", o.flag, o.text, err)
	}
	return nil
}

func (o override) document() (string, error) {
	switch o.kind {
	case numeric:
		if _, err := strconv.ParseFloat(o.text, 64); err != nil {
			return "", fmt.Errorf("want a number")
		}
		return o.text, nil
	case truth:
		if o.text != "true" && o.text != "false" {
			return "", fmt.Errorf("want true or false")
		}
		return o.text, nil
	case listing:
		var items []string
		for _, item := range strings.Split(o.text, ",") {
			items = append(items, strconv.Quote(strings.TrimSpace(item)))
		}
		return "[" + strings.Join(items, ", ") + "]", nil
	}
	return strconv.Quote(o.text), nil
}
