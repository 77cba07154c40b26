package workload

import "time"

// Settings are what the owner of a workload says by its tags or annotations. The zero value is a workload that did
// not opt in.
type Settings struct {
	// Policy is the image policy's expression; empty means not opted in.
	Policy string `json:"policy,omitempty"`
	// Container names the container to change, where several could be meant.
	Container string `json:"container,omitempty"`
	// Repository is the name of the ECR repository to follow, in the workload's own account and region, where the
	// workload does not run an image of it yet; or PublicHost/ALIAS/NAME, a public repository of its own account.
	Repository string `json:"repository,omitempty"`
	// Hold says who wants the workload left alone, and why.
	Hold string `json:"hold,omitempty"`
	// Playbook names the playbook for the workload's incidents.
	Playbook string `json:"playbook,omitempty"`
	// MemoryLimit is up to how many MiB davit may raise a task's memory; empty allows no raise.
	MemoryLimit string `json:"memoryLimit,omitempty"`
}

// Container is one container of the workload's running revision.
type Container struct {
	Name string `json:"name"`
	// Image is the image's name as the revision has it, whatever registry it comes from.
	Image string `json:"image"`
}

// DeploymentState is how far a deployment has come.
type DeploymentState string

// The states of a deployment.
const (
	InProgress DeploymentState = "IN_PROGRESS"
	Completed  DeploymentState = "COMPLETED"
	Failed     DeploymentState = "FAILED"
)

// Deployment is one attempt of the platform to bring a revision up.
type Deployment struct {
	// ID is the platform's own name for the deployment (ecs-svc/…), or one made of the pod template (template-…).
	ID string `json:"id"`
	// Revision is what the deployment runs, as Observation.Revision has it.
	Revision string `json:"revision"`
	// Primary is true of the deployment that the platform is bringing up or has brought up.
	Primary bool            `json:"primary"`
	State   DeploymentState `json:"state"`
	// Reason is the platform's own explanation of the state.
	Reason    string    `json:"reason,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	// Waits says what keeps the deployment from going on that is not the fault of its image, such as a want of capacity;
	// while it is set the deployment is not put back.
	Waits string `json:"waits,omitempty"`
	// PlacedAt is when the last of its tasks found a place to run, where the platform tells.
	PlacedAt time.Time `json:"placedAt,omitzero"`
	// Desired and Running count tasks or pods, FailedTasks their failed starts.
	Desired     int `json:"desired"`
	Running     int `json:"running"`
	FailedTasks int `json:"failedTasks"`
}

// Observation is what the platform said about one workload at one moment.
type Observation struct {
	Workload Reference `json:"workload"`
	// Exists is false when the platform knows no such workload, or only an inactive one.
	Exists   bool     `json:"exists"`
	Settings Settings `json:"settings"`
	// Account and Region are where the workload runs.
	Account string `json:"account"`
	Region  string `json:"region"`
	// Blocked says why nothing may be rolled out on the workload, whatever the image, and what to do about it: somebody
	// else deploys it, or it is paused. Empty where nothing stands in the way.
	Blocked string `json:"blocked,omitempty"`
	// Quiet is true of a platform that tells nobody of its deployments and puts none back: davit looks again by time, and
	// what is back on an earlier revision was put there by somebody.
	Quiet bool `json:"quiet,omitempty"`
	// Version is the platform's own version of what was seen, where it has one: a change of another version is refused.
	Version string `json:"version,omitempty"`
	// RollsBack is true when the platform itself puts a failed deployment back: a circuit breaker with rollback.
	RollsBack bool `json:"rollsBack"`
	// ShiftsTraffic is true where a deployment keeps the old tasks beside the new ones and moves the traffic from these to
	// those, by ECS's strategies blue/green, linear and canary.
	ShiftsTraffic bool `json:"shiftsTraffic,omitempty"`
	// Revision is what runs, by a name that can be started again: the ARN of a task definition, or the images of the
	// containers of a pod template.
	Revision   string      `json:"revision"`
	Containers []Container `json:"containers"`
	// Deployments are as the platform lists them; at most one is primary.
	Deployments []Deployment `json:"deployments"`
	Desired     int          `json:"desired"`
	Running     int          `json:"running"`
	// Remembered is the value of the workload's image parameter: empty where there is no parameter, nil where it was not
	// read or the platform has none.
	Remembered *string `json:"remembered,omitempty"`
}

// Primary is the primary deployment, if there is one.
func (o Observation) Primary() (Deployment, bool) {
	for _, deployment := range o.Deployments {
		if deployment.Primary {
			return deployment, true
		}
	}
	return Deployment{}, false
}

// Progressing is the deployment that is being brought up, if there is one: the primary, or one newer than the primary, which
// it becomes once its traffic has moved to it.
func (o Observation) Progressing() (Deployment, bool) {
	primary, _ := o.Primary()
	for _, deployment := range o.Deployments {
		if deployment.State == InProgress && (deployment.Primary || deployment.CreatedAt.After(primary.CreatedAt)) {
			return deployment, true
		}
	}
	return Deployment{}, false
}

// Deployment finds a deployment by its ID.
func (o Observation) Deployment(id string) (Deployment, bool) {
	for _, deployment := range o.Deployments {
		if id != "" && deployment.ID == id {
			return deployment, true
		}
	}
	return Deployment{}, false
}
