package recovery

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"davit/events"
	"davit/events/autoscaling"
	"davit/events/cloudwatch"
	"davit/events/davit"
	"davit/events/ec2"
	"davit/events/ecs"
	"davit/events/health"
	"davit/events/schedule"
	"davit/shared/ledger"
	"davit/shared/workload"
	"davit/shared/workqueue"
)

// Concern is one workload that an event is about.
type Concern struct {
	Workload workload.Reference
	Cause    Cause
}

// Resolver says which workload an alarm is about. An alarm that names none gives a *Unresolved.
type Resolver func(ctx context.Context, change *cloudwatch.AlarmStateChange) (reference workload.Reference, playbook string, err error)

// Unresolved says that an alarm names no workload, and how to tag it. It is an answer and no fault.
type Unresolved struct{ Reason string }

// Error is the reason.
func (u *Unresolved) Error() string { return u.Reason }

// Intake takes what the queue delivers: it says which workload an event is about, and has its incidents looked at.
type Intake struct {
	Reconciler *Reconciler
	Resolve    Resolver
	// Open lists the workloads with open incidents, and Count how many workloads opted in, which the schedule takes down.
	Open  func(ctx context.Context) iter.Seq2[workload.Reference, error]
	Count func(ctx context.Context) (int, error)
	// Enqueue puts messages on the function's own queue.
	Enqueue func(ctx context.Context, bodies [][]byte, delay time.Duration) error
	Log     *slog.Logger
}

// Handle handles one message. It is a workqueue.Handler: "not mine" is acknowledged with a line in the log, "not now"
// comes again, and what cannot be read goes to the dead-letter queue with its reason.
func (i *Intake) Handle(ctx context.Context, body []byte, attempt int) error {
	event, err := events.Parse(body)
	if err != nil {
		return workqueue.Poison(err)
	}
	if _, tick := event.Detail.(*schedule.Tick); tick {
		return i.schedule(ctx, event)
	}
	concerns, none, err := i.Concerns(ctx, event)
	if err != nil {
		return err
	}
	if len(concerns) == 0 {
		i.Log.InfoContext(ctx, "acknowledged", slog.String("event", event.ID), slog.String("detailType", event.DetailType), slog.String("reason", none))
		return nil
	}
	if early := earlyBy(i.Reconciler.Now(), concerns[0].Cause.Signal); early > 0 {
		i.Log.InfoContext(ctx, "looked at later", slog.String("event", event.ID), slog.String("detailType", event.DetailType), slog.Duration("after", early))
		return i.Enqueue(ctx, [][]byte{body}, early)
	}
	var failures []error
	for _, concern := range concerns {
		_, known := i.Reconciler.Drivers[concern.Workload.Kind()]
		if !known {
			i.Log.WarnContext(ctx, "no remedies", slog.String("workload", concern.Workload.String()), slog.String("cause", concern.Cause.Text))
			continue
		}
		if _, err := i.Reconciler.Reconcile(ctx, concern.Workload, concern.Cause); err != nil {
			failures = append(failures, err)
		}
	}
	err = errors.Join(failures...)
	var later *Later
	if errors.As(err, &later) {
		return workqueue.Later(err, later.After*time.Duration(attempt))
	}
	return err
}

// Concerns says which workloads an event is about, and in words why it is about none.
func (i *Intake) Concerns(ctx context.Context, event events.Event) (concerns []Concern, none string, err error) {
	switch detail := event.Detail.(type) {
	case *cloudwatch.AlarmStateChange:
		return i.alarmed(ctx, event, detail)
	case *ecs.TaskStateChange:
		return stopped(event, detail)
	case *ecs.ServiceAction:
		return impaired(event, detail)
	case *ecs.DeploymentStateChange:
		return lookAt(event, detail.Service, detail.EventName+" of "+detail.DeploymentID)
	case *ec2.SpotInterruption:
		return host(event, SpotInterruption, ledger.UntilDrained, "EC2 takes the Spot instance back: "+detail.InstanceAction, detail.InstanceID)
	case *ec2.Rebalance:
		return host(event, SpotInterruption, ledger.UntilDrained, "EC2 is likely to take the Spot instance back", detail.InstanceID)
	case *autoscaling.LifecycleAction:
		return ending(event, detail)
	case *ecs.ContainerInstanceStateChange:
		return disconnected(event, detail)
	case *health.Event:
		if detail.Status == health.StatusClosed {
			return nil, "the AWS Health event is over", nil
		}
		return host(event, HostImpaired, ledger.UntilReplaced, "AWS Health: "+detail.TypeCode, detail.Instances()...)
	case *davit.Reconcile:
		return asked(event, detail)
	}
	return nil, fmt.Sprintf("davit opens no incident for %q of %s", event.DetailType, event.Source), nil
}

// alarmed is an alarm that changed its state. One that is not on only has its incidents looked at.
func (i *Intake) alarmed(ctx context.Context, event events.Event, change *cloudwatch.AlarmStateChange) ([]Concern, string, error) {
	reference, playbook, err := i.Resolve(ctx, change)
	var unresolved *Unresolved
	if errors.As(err, &unresolved) {
		return nil, unresolved.Reason, nil
	}
	if err != nil {
		return nil, "", err
	}
	cause := Cause{ID: event.ID, Text: "alarm " + change.AlarmName + " is " + change.State.Value}
	if change.State.Value == cloudwatch.Alarm {
		kind := ServiceUnhealthy
		if reference.Kind() == workload.EC2 {
			kind = HostImpaired
		}
		cause.Signal = &Signal{ID: event.ID, At: event.Time, Playbook: kind, Named: playbook, Alarm: change.AlarmName,
			Text: "alarm " + change.AlarmName + " went off", Evidence: evidence(change.State.Reason)}
	}
	return []Concern{{Workload: reference, Cause: cause}}, "", nil
}

func evidence(lines ...string) []string {
	const most = 300
	var kept []string
	for _, line := range lines {
		if line == "" {
			continue
		}
		if runes := []rune(line); len(runes) > most {
			line = string(runes[:most]) + "…"
		}
		kept = append(kept, line)
	}
	return kept
}

// stopped is a task that stopped, for a reason that is nobody's wish.
func stopped(event events.Event, task *ecs.TaskStateChange) ([]Concern, string, error) {
	stop := task.Stop()
	playbook, until := ServiceUnhealthy, ledger.Until("")
	switch {
	case task.Service == "":
		return nil, "the task belongs to no service", nil
	case stop == ecs.NotStopped || stop == ecs.Asked:
		return nil, "the task goes its normal course", nil
	case stop == ecs.SpotInterrupted || stop == ecs.HostGone:
		return nil, "ECS starts the task elsewhere, and the host has an incident of its own", nil
	case stop == ecs.OutOfMemory:
		playbook, until = OutOfMemory, ledger.UntilAnswered
	}
	reference, err := workload.ParseServiceARN(task.Service)
	if err != nil {
		return nil, "", workqueue.Poison(err)
	}
	text := fmt.Sprintf("a task stopped: %s", stop)
	lines := []string{task.StoppedReason}
	for _, container := range task.Containers {
		if container.ExitCode != nil {
			lines = append(lines, fmt.Sprintf("container %s exit code %d %s", container.Name, *container.ExitCode, container.Reason))
		} else if container.Reason != "" {
			lines = append(lines, "container "+container.Name+": "+container.Reason)
		}
	}
	at := event.Time
	if !task.StoppedAt.IsZero() {
		at = task.StoppedAt.Time
	}
	signal := &Signal{ID: task.TaskARN, At: at, Playbook: playbook, Until: until, Text: text, Deployment: task.Deployment(), Evidence: evidence(lines...)}
	return []Concern{{Workload: reference, Cause: Cause{ID: event.ID, Text: text, Signal: signal}}}, "", nil
}

// impaired is a service that cannot start or place its tasks; its other actions only have its incidents looked at.
func impaired(event events.Event, action *ecs.ServiceAction) ([]Concern, string, error) {
	concerns, none, err := lookAt(event, action.Service, action.EventName)
	if len(concerns) == 1 && (action.EventName == ecs.TaskStartImpaired || action.EventName == ecs.TaskPlacementFailure) {
		concerns[0].Cause.Signal = &Signal{ID: event.ID, At: event.Time, Playbook: ServiceUnhealthy,
			Text: "ECS says " + action.EventName, Evidence: evidence(action.Reason)}
	}
	return concerns, none, err
}

// lookAt has the incidents of a service looked at.
func lookAt(event events.Event, service, text string) ([]Concern, string, error) {
	reference, err := workload.ParseServiceARN(service)
	if errors.Is(err, workload.ErrNoCluster) {
		return nil, err.Error(), nil
	}
	if err != nil {
		return nil, "", workqueue.Poison(err)
	}
	return []Concern{{Workload: reference, Cause: Cause{ID: event.ID, Text: text}}}, "", nil
}

// host is about instances.
func host(event events.Event, playbook string, until ledger.Until, text string, instances ...string) ([]Concern, string, error) {
	var concerns []Concern
	for _, instance := range instances {
		reference, err := workload.EC2Instance(instance)
		if err != nil {
			return nil, "", workqueue.Poison(err)
		}
		concerns = append(concerns, Concern{Workload: reference, Cause: Cause{ID: event.ID, Text: text,
			Signal: &Signal{ID: event.ID, At: event.Time, Playbook: playbook, Until: until, Text: text}}})
	}
	return concerns, "no instance is affected", nil
}

// ending is an instance that waits for a hook of its group.
func ending(event events.Event, action *autoscaling.LifecycleAction) ([]Concern, string, error) {
	switch {
	case action.Transition != autoscaling.Terminating:
		return nil, "an instance that is launched needs no remedy", nil
	case action.HookName == autoscaling.ManagedDraining:
		return nil, "ECS drains this host itself", nil
	case action.Destination == autoscaling.WarmPool:
		return nil, "the instance does not end: it goes to the warm pool of its group", nil
	case action.Origin == autoscaling.WarmPool:
		return nil, "an instance of a warm pool runs nothing", nil
	}
	return host(event, SpotInterruption, ledger.UntilDrained, "the Auto Scaling group "+action.GroupName+" ends the instance", action.InstanceID)
}

// agentPatience is how long an ECS agent may be without its connection. "The Amazon ECS container agent disconnects and reconnects
// several times per hour as a part of its normal operation"
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_container_instance_events.html). It is less than SQS delays a message.
const agentPatience = 5 * time.Minute

// earlyBy is how much too early a signal comes: what may end by itself is looked at once it has had the time to. The message is
// then a new one, whose receives are counted anew.
func earlyBy(now time.Time, signal *Signal) time.Duration {
	if signal == nil || signal.Disconnected == 0 {
		return 0
	}
	return min(agentPatience-now.Sub(signal.At), agentPatience)
}

// disconnected is a host whose ECS agent lost its connection. ECS counts the changes of a host, and tells of each.
func disconnected(event events.Event, change *ecs.ContainerInstanceStateChange) ([]Concern, string, error) {
	switch {
	case change.AgentConnected:
		return nil, "the ECS agent is connected", nil
	case change.Status != "ACTIVE":
		return nil, "the container instance is " + change.Status, nil
	case !change.OnEC2():
		return nil, "the host is outside AWS", nil
	}
	concerns, none, err := host(event, HostImpaired, "", "the ECS agent is not connected", change.InstanceID)
	for _, concern := range concerns {
		concern.Cause.Signal.Disconnected = change.Version
	}
	return concerns, none, err
}

// asked is a message that davit sent to itself.
func asked(event events.Event, message *davit.Reconcile) ([]Concern, string, error) {
	var concerns []Concern
	for _, text := range message.Workloads {
		reference, err := workload.ParseReference(text)
		if err != nil {
			return nil, "", workqueue.Poison(err)
		}
		concerns = append(concerns, Concern{Workload: reference, Cause: Cause{ID: event.ID, Text: message.Cause}})
	}
	return concerns, "", nil
}

// schedule puts every workload with an open incident on the queue, and those with a slot of the fleet, tells of a storm that is
// untold, though no incident may be open any more, and then takes down how many workloads opted in: what fails costs no look.
func (i *Intake) schedule(ctx context.Context, event events.Event) error {
	fleet, err := i.Reconciler.Ledger.ReadFleet(ctx)
	if err != nil {
		return err
	}
	var open []string
	for _, slot := range fleet.Slots {
		open = append(open, slot.Workload.String())
	}
	for reference, err := range i.Open(ctx) {
		if err != nil {
			return err
		}
		open = append(open, reference.String())
	}
	slices.Sort(open)
	open = slices.Compact(open)
	i.Log.InfoContext(ctx, "schedule", slog.Int("open", len(open)))
	if err := i.enqueue(ctx, event, open); err != nil {
		return err
	}
	untold, err := (&step{reconciler: i.Reconciler, fleet: fleet}).pageStorm(ctx)
	err = errors.Join(untold, err)
	if fleet.Workloads == 0 || event.Time.Minute()%countMinutes == 0 {
		err = errors.Join(err, i.count(ctx))
	}
	return err
}

// enqueue has the workloads looked at.
func (i *Intake) enqueue(ctx context.Context, event events.Event, open []string) error {
	if len(open) == 0 {
		return nil
	}
	var bodies [][]byte
	for chunk := range slices.Chunk(open, davit.MaximumWorkloads) {
		message := davit.Reconcile{Workloads: chunk, Cause: "schedule"}
		body, err := message.Event(fmt.Sprintf("%s-%d", event.ID, len(bodies)), event.Time, event.Account, event.Region)
		if err != nil {
			return err
		}
		bodies = append(bodies, body)
	}
	return i.Enqueue(ctx, bodies, 0)
}

// countMinutes is how often the workloads that opted in are counted.
const countMinutes = 15

// count takes down how many workloads opted in, where that has changed. Somebody who was faster did the same.
func (i *Intake) count(ctx context.Context) error {
	counted, err := i.Count(ctx)
	if err != nil {
		return err
	}
	step := &step{reconciler: i.Reconciler}
	if step.fleet, err = i.Reconciler.Ledger.ReadFleet(ctx); err != nil {
		return err
	}
	return step.changeFleet(ctx, func(fleet *ledger.Fleet) bool {
		changed := fleet.Workloads != counted
		fleet.Workloads = counted
		return changed
	})
}
