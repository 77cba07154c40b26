package show

import (
	"io"
	"strconv"
	"time"

	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
)

// Explanation is what would happen to a workload now, and why, image by image.
type Explanation struct {
	Workload workload.Reference `json:"workload"`
	// Running is the image that runs; absent where the workload runs none of its repository.
	Running *ledger.Image `json:"running,omitempty"`
	// Repository is ACCOUNT/REGION/NAME of the repository that the workload follows; empty where it is not known.
	Repository  string               `json:"repository,omitempty"`
	Decision    rollout.Decision     `json:"decision"`
	Gates       []Gate               `json:"gates"`
	Images      []Verdict            `json:"images"`
	Record      ledger.Record        `json:"record"`
	Observation workload.Observation `json:"observation"`
}

// Gate is something that must be open before an image can roll out.
type Gate struct {
	Name string `json:"name"`
	Open bool   `json:"open"`
	// Reason is why it is closed, or what it says while it is open.
	Reason string `json:"reason,omitempty"`
}

// Verdict is what is thought of one image.
type Verdict struct {
	rollout.Verdict
	// PushedAt is the registry's push time; zero where the registry does not list the image.
	PushedAt time.Time `json:"pushedAt,omitzero"`
}

// Gates are the gates of a workload, in the order in which they are asked.
func Gates(now time.Time, configured settings.Settings, explained rollout.Explanation) []Gate {
	record, observation := explained.Record, explained.Observation
	var stop, current, progressing, freeze string
	if configured.Stop != nil {
		stop = configured.Stop.String()
	}
	if rolling := record.Rollout; rolling != nil {
		current = Image(rolling.Image.Tag, rolling.Image.Digest) + " is " + string(rolling.Phase) + " since " + Time(rolling.IntendedAt)
	}
	if deployment, found := observation.Progressing(); found {
		progressing = deployment.ID + " is in progress since " + Time(deployment.CreatedAt)
	}
	if window, frozen := configured.Frozen(observation.Workload.String(), now); frozen {
		freeze = window.Name + " until " + Time(window.Ends)
	}
	held, why := Held(now, explained)
	return []Gate{
		{Name: "stop", Open: stop == "", Reason: stop},
		{Name: "opted in", Open: observation.Settings.Policy != "", Reason: either(observation.Settings.Policy, "no davit/policy tag")},
		{Name: "controller", Open: observation.Blocked == "", Reason: observation.Blocked},
		{Name: "rollout", Open: current == "", Reason: current},
		{Name: "deployment", Open: progressing == "", Reason: progressing},
		{Name: "hold", Open: !held, Reason: why},
		{Name: "freeze", Open: freeze == "", Reason: freeze},
	}
}

// ExplanationText writes the explanation: what runs, the decision with its reason, the gates, then the images.
func ExplanationText(w io.Writer, explained Explanation) error {
	top := newTable(w)
	row(top, explained.Workload.String())
	for _, line := range summary(explained) {
		_, _ = top.Write([]byte("  ")) // its error comes back from Flush
		row(top, line[0], line[1])
	}
	if err := top.Flush(); err != nil {
		return err
	}
	gates := newTable(w)
	row(gates, "")
	row(gates, "GATE", "STATE", "REASON")
	for _, gate := range explained.Gates {
		state := "open"
		if !gate.Open {
			state = "closed"
		}
		row(gates, gate.Name, state, orDash(gate.Reason))
	}
	if err := gates.Flush(); err != nil || len(explained.Images) == 0 {
		return err
	}
	return imageTable(w, explained.Images)
}

func summary(explained Explanation) [][2]string {
	record, observation, decision := explained.Record, explained.Observation, explained.Decision
	lines := [][2]string{{"follows", orDash(explained.Repository)}, {"runs", runs(explained)}}
	if request := record.Request; request != nil {
		words := Image(request.Image.Tag, request.Image.Digest) + " by " + request.Who + ": " + request.Why
		lines = append(lines, [2]string{"asked for", words})
	}
	if count := len(record.AllSetAside()); count > 0 {
		lines = append(lines, [2]string{"set aside", strconv.Itoa(count)})
	}
	if observation.Settings.Container != "" {
		lines = append(lines, [2]string{"container", observation.Settings.Container})
	}
	decided := string(decision.Action)
	if decision.Image != nil {
		decided += " " + Image(decision.Image.Tag, decision.Image.Digest)
	}
	return append(lines, [2]string{"decision", decided + " [" + string(decision.Code) + "]"}, [2]string{"reason", decision.Reason})
}

// runs says which image runs, and how many tasks of it.
func runs(explained Explanation) string {
	tasks := strconv.Itoa(explained.Observation.Running) + " of " + strconv.Itoa(explained.Observation.Desired) + " tasks"
	if explained.Running == nil {
		return "no image of its repository, " + tasks
	}
	return Image(explained.Running.Tag, explained.Running.Digest) + ", " + tasks
}

func imageTable(w io.Writer, images []Verdict) error {
	table := newTable(w)
	row(table, "")
	row(table, "TAG", "DIGEST", "PUSHED", "VERDICT")
	for _, image := range images {
		verdict := "left out: " + image.Reason
		if image.Qualifies {
			verdict = image.Reason
		}
		if image.Running {
			verdict = "runs; " + verdict
		}
		row(table, orDash(image.Tag), workload.ShortDigest(image.Digest), Time(image.PushedAt), verdict)
	}
	return table.Flush()
}

func either(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
