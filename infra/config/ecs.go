package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"davit/shared/imagepolicy"
)

// ECS is a cluster with its services.
type ECS struct {
	// Cluster is the cluster's name: 1 to 255 letters, digits, _ and -. Default "davit".
	Cluster string `yaml:"cluster"`
	// ContainerInsights collects metrics of each task and container, at the price of custom metrics. Default false.
	ContainerInsights bool `yaml:"containerInsights"`
	// Hosts are EC2 instances of the installation's own that run the tasks of services with CapacityEC2; absent, there
	// are none.
	Hosts *Hosts `yaml:"hosts"`
	// ManagedInstances are EC2 instances that ECS starts, patches and replaces by itself, for the tasks of services with
	// CapacityManagedInstances; absent, there are none.
	ManagedInstances *ManagedInstances `yaml:"managedInstances"`
	// Services are the services, each name once.
	Services []Service `yaml:"services"`
}

// Hosts is an Auto Scaling group of container hosts: ECS-optimised Amazon Linux 2023, IMDSv2, Session Manager instead of SSH.
// ECS scales it by what the tasks need, and drains a host before it goes.
type Hosts struct {
	// Architecture is that of the instances. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// InstanceType is the type, such as "m7g.large". One with NVIDIA GPUs, such as "g6.xlarge", has the machine image that
	// brings their driver. Default m7g.large for ARM64 and m7i.large for X8664.
	InstanceType string `yaml:"instanceType"`
	// Minimum and Maximum bound the number of hosts: 0 to 1000, Maximum at least 1. Required: Maximum.
	Minimum int `yaml:"minimum"`
	Maximum int `yaml:"maximum"`
	// TargetPercent is how much of the hosts is to be in use, 1 to 100; less keeps room to start tasks at once. Default 100.
	TargetPercent int `yaml:"targetPercent"`
	// RootGiB is the size of each root volume, 30 to 16384. Default 30.
	RootGiB int `yaml:"rootGiB"`
	// Playbook opts the hosts, and their group, in to remedies of their incidents: "default" chooses the playbook by the
	// cause, another name is that of a playbook. Empty leaves their incidents to others.
	Playbook string `yaml:"playbook"`
	// TerminationProtection keeps scaling from ending a host that runs tasks. Default true with Retain and false with
	// Destroy: a group with protected hosts cannot be deleted (docs/ecs.md says how to get there).
	TerminationProtection *bool `yaml:"terminationProtection"`
}

// ManagedInstances is what ECS may start by itself.
type ManagedInstances struct {
	// InstanceTypes are the types that may be started, at most 400, of those within the bounds below; types with GPUs are
	// started only where they are named. Default whatever is within the bounds and has no GPU.
	InstanceTypes []string `yaml:"instanceTypes"`
	// MinimumVCPUs and MaximumVCPUs bound the vCPUs of one instance: 1 to 192. Default 2 and 8.
	MinimumVCPUs int `yaml:"minimumVCPUs"`
	MaximumVCPUs int `yaml:"maximumVCPUs"`
	// MinimumMemoryMiB and MaximumMemoryMiB bound its memory: 1024 to 6291456. Default 4096 and 32768.
	MinimumMemoryMiB int `yaml:"minimumMemoryMiB"`
	MaximumMemoryMiB int `yaml:"maximumMemoryMiB"`
	// StorageGiB is the size of the data volume of each instance, 1 to 16384. Default 80.
	StorageGiB int `yaml:"storageGiB"`
}

// Capacity is what a service's tasks run on.
type Capacity string

// The capacities.
const (
	// CapacityFargate is Fargate: no hosts to care for.
	CapacityFargate Capacity = "fargate"
	// CapacityFargateSpot is Fargate at some 70 % less, where AWS may end tasks with two minutes' notice; OnDemandTasks
	// stay on Fargate.
	CapacityFargateSpot Capacity = "fargate-spot"
	// CapacityEC2 are ECS.Hosts.
	CapacityEC2 Capacity = "ec2"
	// CapacityManagedInstances are ECS.ManagedInstances.
	CapacityManagedInstances Capacity = "managed-instances"
)

// onFargate tells whether tasks have Fargate's sizes.
func (c Capacity) onFargate() bool { return c == CapacityFargate || c == CapacityFargateSpot }

// Service is an ECS service.
type Service struct {
	// Name is the service's name, and its container's: 1 to 100 letters, digits, _ and -. Required.
	Name string `yaml:"name"`
	// Repository is the repository that the service follows: one of Registry.Repositories. Required.
	Repository string `yaml:"repository"`
	// Policy is the image policy, such as "semver:1.x"; it opts the service in to davit. A tag value of AWS: letters,
	// digits, spaces and _ . : / = + - @, up to 256; name what needs more in Settings.Policies and write "policy:NAME".
	// Empty leaves the service to others.
	Policy string `yaml:"policy"`
	// Playbook opts the service in to remedies of its incidents: "default" chooses the playbook by the cause, another name
	// is that of a playbook. Empty leaves its incidents to others.
	Playbook string `yaml:"playbook"`
	// Scaling opts the service in to scaling by alarms: an expression such as "min=1 max=10 step=2", or "policy:NAME" of
	// Automation.Settings.Scaling. Empty leaves its count to others.
	Scaling string `yaml:"scaling"`
	// MemoryLimit is up to how many MiB davit may raise a task's memory after one ran out of it, at least Memory; 0 allows
	// no raise. Default 0.
	MemoryLimit int `yaml:"memoryLimit"`
	// InitialImage is what runs until the first rollout, since the first deploy finds the repository empty: any image
	// that the execution role may pull and that answers on ContainerPort. It is written once, when the parameter is
	// made; changing it later puts that image in the place of what was rolled out. Required.
	InitialImage string `yaml:"initialImage"`
	// Capacity is what tasks run on. Default CapacityFargate.
	Capacity Capacity `yaml:"capacity"`
	// OnDemandTasks is how many tasks of CapacityFargateSpot run on Fargate, 0 to 5000. Default 1.
	OnDemandTasks *int `yaml:"onDemandTasks"`
	// Architecture is what the image was built for. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// CPU is the task's share in units of 1/1024 vCPU: on Fargate 256, 512, 1024, 2048, 4096, 8192 or 16384, elsewhere
	// 128 to 196608. Default 256.
	CPU int `yaml:"cpu"`
	// Memory is the task's memory in MiB: within what Fargate offers for CPU, elsewhere 64 to 6291456. Default twice CPU.
	Memory int `yaml:"memory"`
	// GPUs is how many NVIDIA GPUs a task has to itself, 0 to 16. They are on instances alone: ECS.Hosts of a type with
	// GPUs, or ECS.ManagedInstances that name such types. Default 0.
	GPUs int `yaml:"gpus"`
	// ContainerPort is the TCP port that the container listens on, 1 to 65535. Required.
	ContainerPort int `yaml:"containerPort"`
	// Environment are the container's environment variables.
	Environment map[string]string `yaml:"environment"`
	// LoadBalancer puts the service behind an Application Load Balancer of its own. Default true.
	LoadBalancer *bool `yaml:"loadBalancer"`
	// Public opens the load balancer to the internet on port 80; otherwise only the VPC reaches it. Default false.
	Public bool `yaml:"public"`
	// HealthPath is the path that the load balancer asks for, which answers 200 to 399. Default "/".
	HealthPath string `yaml:"healthPath"`
	// HealthGraceSeconds is for how long after its start a task's health is not judged, 0 to 7200. Default 60.
	HealthGraceSeconds *int `yaml:"healthGraceSeconds"`
	// HealthCommand is run in the container to tell whether it is healthy, such as ["CMD", "/healthy"]. Default none.
	HealthCommand []string `yaml:"healthCommand"`
	// CircuitBreaker has ECS put a deployment back that does not come up. Default true.
	CircuitBreaker *bool `yaml:"circuitBreaker"`
	// Deployment says how a new revision takes over.
	Deployment Deployment `yaml:"deployment"`
	// Autoscaling lets Application Auto Scaling own the number of tasks; absent, it stays as it is.
	Autoscaling *Autoscaling `yaml:"autoscaling"`
	// Exec lets those whom IAM permits run commands in the containers (ECS Exec). Default false.
	Exec bool `yaml:"exec"`
	// Connect joins the service to the cluster's Service Connect namespace, where others reach it as http://NAME:PORT.
	// Default false.
	Connect bool `yaml:"connect"`
	// LogDays is for how many days the container's log is kept; see LogDays. Default 30.
	LogDays int `yaml:"logDays"`
}

// Strategy is how traffic moves to a new revision.
type Strategy string

// The strategies, which are ECS's own ("Amazon ECS deployment strategies" in the ECS developer guide).
const (
	// Rolling replaces tasks bit by bit.
	Rolling Strategy = "rolling"
	// BlueGreen starts all new tasks beside the old, and moves all traffic at once.
	BlueGreen Strategy = "blue-green"
	// Linear moves it in equal steps.
	Linear Strategy = "linear"
	// Canary moves a small part, and later the rest.
	Canary Strategy = "canary"
)

// Deployment says how a new revision takes over.
type Deployment struct {
	// Strategy is how traffic moves. All but Rolling need LoadBalancer. Default Rolling.
	Strategy Strategy `yaml:"strategy"`
	// BakeMinutes is for how long the old revision stays beside the new one, to go back to, 0 to 1440; not with Rolling.
	// Default 5.
	BakeMinutes *int `yaml:"bakeMinutes"`
	// StepPercent is how much traffic moves at a step of Linear, 3 to 100, default 10; or first with Canary, 1 to 99,
	// default 5.
	StepPercent int `yaml:"stepPercent"`
	// StepBakeMinutes is how long each step is watched, 0 to 1440; with Linear and Canary. Default 5.
	StepBakeMinutes *int `yaml:"stepBakeMinutes"`
	// MinimumHealthyPercent and MaximumPercent bound the tasks meanwhile, of the desired number: 0 to 100, and 101 to
	// 400. Default 100 and 200, which the other strategies need.
	MinimumHealthyPercent *int `yaml:"minimumHealthyPercent"`
	MaximumPercent        int  `yaml:"maximumPercent"`
	// Alarms put a deployment back while one of them is in alarm.
	Alarms DeploymentAlarms `yaml:"alarms"`
}

// DeploymentAlarms are the alarms that put a deployment back. Without any, there are none.
type DeploymentAlarms struct {
	// ServerErrors makes an alarm that goes off at so many answers 5xx of the tasks in a minute, two minutes of three.
	// It needs LoadBalancer.
	ServerErrors int `yaml:"serverErrors"`
	// LatencyMilliseconds makes an alarm that goes off where the slowest hundredth of requests takes longer, two minutes
	// of three. It needs LoadBalancer.
	LatencyMilliseconds int `yaml:"latencyMilliseconds"`
	// Names are CloudWatch alarms that exist, of the same account and region.
	Names []string `yaml:"names"`
}

// Any tells whether there are alarms.
func (a DeploymentAlarms) Any() bool {
	return a.ServerErrors > 0 || a.LatencyMilliseconds > 0 || len(a.Names) > 0
}

// Autoscaling keeps what the tasks have to do near a target by their number. Several targets may be given: the one that
// asks for the most tasks counts.
type Autoscaling struct {
	// Minimum and Maximum bound the number of tasks: 1 to 5000, Minimum not above Maximum. Required.
	Minimum int `yaml:"minimum"`
	Maximum int `yaml:"maximum"`
	// CPUPercent is the average use of CPU to aim at, 10 to 90. Default 60 where no other target is given.
	CPUPercent int `yaml:"cpuPercent"`
	// MemoryPercent is the average use of memory to aim at, 10 to 90.
	MemoryPercent int `yaml:"memoryPercent"`
	// RequestsPerMinute is how many requests a task is to get in a minute, 1 to 1,000,000. It needs LoadBalancer, and
	// Rolling: it is counted for one target group, and the other strategies have two.
	RequestsPerMinute int `yaml:"requestsPerMinute"`
	// Schedule changes the bounds at fixed times.
	Schedule []ScheduledBounds `yaml:"schedule"`
}

// ScheduledBounds are the bounds from a moment on. Both at 0 stop the service until the next moment raises them.
type ScheduledBounds struct {
	// Cron is when, in the six fields of AWS: minute, hour, day of month, month, day of week, year. Required.
	Cron string `yaml:"cron"`
	// TimeZone is an IANA name. Default UTC.
	TimeZone string `yaml:"timeZone"`
	// Minimum and Maximum are the bounds, as in Autoscaling, or both 0. Required.
	Minimum int `yaml:"minimum"`
	Maximum int `yaml:"maximum"`
}

var (
	clusterPattern     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	servicePattern     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)
	environmentPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	imagePattern       = regexp.MustCompile(`^[a-z0-9][a-zA-Z0-9._:/@-]{1,999}$`)
)

// memoryOfCPU is the memory in MiB that Fargate offers for each CPU value: least, most and step, after "Fargate task
// sizes" in the ECS developer guide. 256 CPU units take 512, 1024 and 2048 only.
var memoryOfCPU = map[int][3]int{
	256:   {512, 2048, 512},
	512:   {1024, 4096, 1024},
	1024:  {2048, 8192, 1024},
	2048:  {4096, 16384, 1024},
	4096:  {8192, 30720, 1024},
	8192:  {16384, 61440, 4096},
	16384: {32768, 122880, 8192},
}

func (e *ECS) setDefaults(removal Removal) {
	setDefault(&e.Cluster, "davit")
	if e.Hosts != nil {
		e.Hosts.setDefaults(removal)
	}
	if e.ManagedInstances != nil {
		e.ManagedInstances.setDefaults()
	}
	for i := range e.Services {
		e.Services[i].setDefaults()
	}
}

func (h *Hosts) setDefaults(removal Removal) {
	setDefault(&h.Architecture, ARM64)
	setDefault(&h.InstanceType, map[Architecture]string{ARM64: "m7g.large", X8664: "m7i.large"}[h.Architecture])
	setDefault(&h.TargetPercent, 100)
	setDefault(&h.RootGiB, 30)
	setDefaultPointer(&h.TerminationProtection, removal == Retain)
}

func (m *ManagedInstances) setDefaults() {
	setDefault(&m.MinimumVCPUs, 2)
	setDefault(&m.MaximumVCPUs, 8)
	setDefault(&m.MinimumMemoryMiB, 4096)
	setDefault(&m.MaximumMemoryMiB, 32768)
	setDefault(&m.StorageGiB, 80)
}

// neededEndpoints are the interface endpoints of what tasks and hosts call ("Amazon ECS interface VPC endpoints" in the ECS
// developer guide); image layers come by the gateway endpoint of S3.
func (e *ECS) neededEndpoints() []string {
	needed := []string{"ecr.api", "ecr.dkr", "logs"}
	if e.Hosts != nil || e.ManagedInstances != nil {
		needed = append(needed, "ecs", "ecs-agent", "ecs-telemetry")
	}
	if e.Hosts != nil { // Session Manager; nobody gets in to managed instances.
		needed = append(needed, "ec2messages", "ssm", "ssmmessages")
	}
	if slices.ContainsFunc(e.Services, func(s Service) bool { return s.Exec }) {
		needed = append(needed, "ssmmessages")
	}
	return needed
}

func (s *Service) setDefaults() {
	setDefault(&s.Capacity, CapacityFargate)
	if s.Capacity == CapacityFargateSpot {
		setDefaultPointer(&s.OnDemandTasks, 1)
	}
	setDefault(&s.Architecture, ARM64)
	setDefault(&s.CPU, 256)
	setDefault(&s.Memory, 2*s.CPU)
	setDefaultPointer(&s.LoadBalancer, true)
	setDefault(&s.HealthPath, "/")
	setDefaultPointer(&s.HealthGraceSeconds, 60)
	setDefaultPointer(&s.CircuitBreaker, true)
	s.Deployment.setDefaults()
	setDefault(&s.LogDays, 30)
	if a := s.Autoscaling; a != nil && a.MemoryPercent == 0 && a.RequestsPerMinute == 0 {
		setDefault(&a.CPUPercent, 60)
	}
}

func (d *Deployment) setDefaults() {
	setDefault(&d.Strategy, Rolling)
	setDefaultPointer(&d.MinimumHealthyPercent, 100)
	setDefault(&d.MaximumPercent, 200)
	if d.Strategy != Rolling {
		setDefaultPointer(&d.BakeMinutes, 5)
	}
	switch d.Strategy {
	case Linear:
		setDefault(&d.StepPercent, 10)
		setDefaultPointer(&d.StepBakeMinutes, 5)
	case Canary:
		setDefault(&d.StepPercent, 5)
		setDefaultPointer(&d.StepBakeMinutes, 5)
	}
}

func (c *Configuration) validateECS(p *problems) {
	if c.Network == nil {
		p.add("network", "required by ecs")
	}
	if c.Registry == nil {
		p.add("registry", "required by ecs")
	}
	p.match("ecs.cluster", c.ECS.Cluster, clusterPattern, "1 to 255 letters, digits, _ and -")
	c.validateHosts(p)
	names := make([]string, 0, len(c.ECS.Services))
	for i := range c.ECS.Services {
		names = append(names, c.ECS.Services[i].Name)
		c.validateService(p, fmt.Sprintf("ecs.services[%d]", i), &c.ECS.Services[i])
	}
	p.unique("ecs.services", names)
}

func (c *Configuration) validateService(p *problems, field string, s *Service) {
	p.match(field+".name", s.Name, servicePattern, "1 to 100 letters, digits, _ and -")
	if c.Registry != nil && c.Registry.repository(s.Repository) == nil {
		p.add(field+".repository", "%q is not among registry.repositories", s.Repository)
	}
	c.validatePolicy(p, field+".policy", s)
	validateRemedies(p, field, s)
	c.validateServiceScaling(p, field, s)
	p.match(field+".initialImage", s.InitialImage, imagePattern, "the name of an image")
	if c.Network != nil && c.Network.TaskTier() == Isolated && !strings.HasPrefix(s.InitialImage, c.RegistryHost()+"/") {
		p.add(field+".initialImage", "from isolated subnets tasks reach the registry of the account alone: want an image of %s",
			c.RegistryHost())
	}
	oneOf(p, field+".architecture", s.Architecture, ARM64, X8664)
	c.validateCapacity(p, field, s)
	p.between(field+".containerPort", s.ContainerPort, 1, 65535)
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		p.match(field+".environment."+name, name, environmentPattern, "letters, digits and _, no digit first")
	}
	if !strings.HasPrefix(s.HealthPath, "/") || len(s.HealthPath) > 1024 {
		p.add(field+".healthPath", "want a path from \"/\" on of at most 1024 characters, have %q", s.HealthPath)
	}
	if len(s.HealthCommand) > 0 {
		oneOf(p, field+".healthCommand[0]", s.HealthCommand[0], "CMD", "CMD-SHELL")
	}
	if s.Public && !*s.LoadBalancer {
		p.add(field+".public", "only a service with loadBalancer can be public")
	}
	p.between(field+".healthGraceSeconds", *s.HealthGraceSeconds, 0, 7200)
	s.validateDeployment(p, field+".deployment")
	if s.Autoscaling != nil {
		s.Autoscaling.validate(p, field+".autoscaling", s)
	}
	p.logDays(field+".logDays", s.LogDays)
}

// validatePolicy checks a service's image policy as the function will read it, and that its repository suits it.
func (c *Configuration) validatePolicy(p *problems, field string, s *Service) {
	if s.Policy == "" {
		return
	}
	if !tagPattern.MatchString(s.Policy) {
		p.add(field, "a tag's value holds at most 256 %s, which %q is not; name the policy in automation.settings.policies",
			tagCharacters, s.Policy)
		return
	}
	var named map[string]string
	if c.Automation != nil {
		named = c.Automation.Settings.Policies
	}
	policy, err := imagepolicy.Parse(s.Policy, named)
	if err != nil {
		p.add(field, "%v", err)
		return
	}
	if c.Registry == nil {
		return
	}
	repository := c.Registry.repository(s.Repository)
	if policy.Follows() && repository != nil && !slices.ContainsFunc(repository.movable(), func(form string) bool {
		return imagepolicy.CanChoose(policy, form)
	}) {
		p.add(field, "%q follows a tag that moves, and this tag of the repository %q cannot: add it to its movableTags, "+
			"or set its immutableTags to false", s.Policy, s.Repository)
	}
}

// validateHosts checks the instances, and that what runs on them can reach AWS: a task with a network interface of its own
// gets no public address on an instance ("Task networking for Amazon ECS on EC2" in the ECS developer guide).
func (c *Configuration) validateHosts(p *problems) {
	hosts, managed := c.ECS.Hosts, c.ECS.ManagedInstances
	if c.Network != nil && c.Network.TaskTier() == Public {
		if hosts != nil || managed != nil {
			p.add("ecs.hosts", "or managedInstances: tasks on instances get no public address, so they need private subnets: choose network.nat %s, or "+
				"network.endpoints %s", NATOne, EndpointsNeeded)
		}
	}
	if hosts != nil {
		oneOf(p, "ecs.hosts.architecture", hosts.Architecture, ARM64, X8664)
		p.match("ecs.hosts.instanceType", hosts.InstanceType, instancePattern, "an instance type such as \"m7g.large\"")
		switch graviton := gravitonPattern.MatchString(hosts.InstanceType); {
		case graviton != (hosts.Architecture == ARM64):
			p.add("ecs.hosts.instanceType", "%s is not of the architecture %s", hosts.InstanceType, hosts.Architecture)
		case graviton && hosts.GPU():
			p.add("ecs.hosts.instanceType", "%s has GPUs beside an ARM processor, for which ECS has no machine image: use an "+
				"x86_64 family such as g6", hosts.InstanceType)
		}
		p.between("ecs.hosts.minimum", hosts.Minimum, 0, 1000)
		p.between("ecs.hosts.maximum", hosts.Maximum, 1, 1000)
		if hosts.Minimum > hosts.Maximum {
			p.add("ecs.hosts.minimum", "%d is above maximum, %d", hosts.Minimum, hosts.Maximum)
		}
		p.between("ecs.hosts.targetPercent", hosts.TargetPercent, 1, 100)
		p.playbook("ecs.hosts.playbook", hosts.Playbook)
		p.between("ecs.hosts.rootGiB", hosts.RootGiB, 30, 16384)
	}
	if managed != nil {
		if len(managed.InstanceTypes) > 400 {
			p.add("ecs.managedInstances.instanceTypes", "want at most 400, have %d", len(managed.InstanceTypes))
		}
		for i, name := range managed.InstanceTypes {
			p.match(fmt.Sprintf("ecs.managedInstances.instanceTypes[%d]", i), name, instancePattern,
				"an instance type such as \"m7g.large\"")
		}
		p.unique("ecs.managedInstances.instanceTypes", managed.InstanceTypes)
		p.between("ecs.managedInstances.minimumVCPUs", managed.MinimumVCPUs, 1, managed.MaximumVCPUs)
		p.between("ecs.managedInstances.maximumVCPUs", managed.MaximumVCPUs, 1, 192)
		p.between("ecs.managedInstances.minimumMemoryMiB", managed.MinimumMemoryMiB, 1024, managed.MaximumMemoryMiB)
		p.between("ecs.managedInstances.maximumMemoryMiB", managed.MaximumMemoryMiB, 1024, 6291456)
		p.between("ecs.managedInstances.storageGiB", managed.StorageGiB, 1, 16384)
	}
}

// validateCapacity checks that there is what the tasks are to run on, and that they fit it.
func (c *Configuration) validateCapacity(p *problems, field string, s *Service) {
	oneOf(p, field+".capacity", s.Capacity, CapacityFargate, CapacityFargateSpot, CapacityEC2, CapacityManagedInstances)
	switch {
	case s.Capacity == CapacityEC2 && c.ECS.Hosts == nil:
		p.add(field+".capacity", "%s needs ecs.hosts", CapacityEC2)
	case s.Capacity == CapacityEC2 && c.ECS.Hosts.Architecture != s.Architecture:
		p.add(field+".architecture", "%s, but ecs.hosts are %s", s.Architecture, c.ECS.Hosts.Architecture)
	case s.Capacity == CapacityManagedInstances && c.ECS.ManagedInstances == nil:
		p.add(field+".capacity", "%s needs ecs.managedInstances", CapacityManagedInstances)
	case s.Capacity == CapacityManagedInstances && !c.ECS.ManagedInstances.offers(s.Architecture, false):
		p.add(field+".architecture", "%s, but none of ecs.managedInstances.instanceTypes is", s.Architecture)
	}
	c.validateGPUs(p, field, s)
	switch {
	case s.Capacity != CapacityFargateSpot && s.OnDemandTasks != nil:
		p.add(field+".onDemandTasks", "means something only with capacity %s", CapacityFargateSpot)
	case s.OnDemandTasks != nil:
		p.between(field+".onDemandTasks", *s.OnDemandTasks, 0, 5000)
	}
	if s.Capacity.onFargate() {
		validateSize(p, field, s.CPU, s.Memory)
		return
	}
	p.between(field+".cpu", s.CPU, 128, 196608)
	p.between(field+".memory", s.Memory, 64, 6291456)
}

// validateGPUs checks that there are GPUs where the tasks ask for them.
func (c *Configuration) validateGPUs(p *problems, field string, s *Service) {
	p.between(field+".gpus", s.GPUs, 0, 16)
	switch {
	case s.GPUs == 0:
	case s.Capacity.onFargate():
		p.add(field+".gpus", "Fargate has no GPUs: set capacity to %s, with ecs.hosts of a type such as g6.xlarge, or to %s", CapacityEC2,
			CapacityManagedInstances)
	case s.Capacity == CapacityEC2 && c.ECS.Hosts != nil && !c.ECS.Hosts.GPU():
		p.add(field+".gpus", "ecs.hosts are %s, which have none: set their instanceType to one of the families g and p",
			c.ECS.Hosts.InstanceType)
	case s.Capacity == CapacityManagedInstances && c.ECS.ManagedInstances != nil &&
		(len(c.ECS.ManagedInstances.InstanceTypes) == 0 || !c.ECS.ManagedInstances.offers(s.Architecture, true)):
		p.add(field+".gpus", "ECS starts instances with GPUs where they are named: add %s types of the families g and p to "+
			"ecs.managedInstances.instanceTypes", s.Architecture)
	}
}

// GPU tells whether the hosts have NVIDIA GPUs.
func (h *Hosts) GPU() bool { return gpuPattern.MatchString(h.InstanceType) }

// offers tells whether a type that may be started is of the architecture, and has GPUs where they are wanted.
func (m *ManagedInstances) offers(architecture Architecture, gpu bool) bool {
	return len(m.InstanceTypes) == 0 || slices.ContainsFunc(m.InstanceTypes, func(name string) bool {
		return gravitonPattern.MatchString(name) == (architecture == ARM64) && (!gpu || gpuPattern.MatchString(name))
	})
}

// validateDeployment refuses what ECS would refuse, and fields that the strategy does not know.
func (s *Service) validateDeployment(p *problems, field string) {
	d := s.Deployment
	oneOf(p, field+".strategy", d.Strategy, Rolling, BlueGreen, Linear, Canary)
	p.between(field+".minimumHealthyPercent", *d.MinimumHealthyPercent, 0, 100)
	p.between(field+".maximumPercent", d.MaximumPercent, 101, 400)
	switch {
	case d.Strategy == Rolling:
		if d.BakeMinutes != nil || d.StepPercent != 0 || d.StepBakeMinutes != nil {
			p.add(field, "%s has no steps and no time to go back: leave bakeMinutes, stepPercent and stepBakeMinutes out, or "+
				"choose another strategy", Rolling)
		}
	case !*s.LoadBalancer:
		p.add(field+".strategy", "%s moves traffic between two target groups: it needs loadBalancer, or choose %s", d.Strategy,
			Rolling)
	case *d.MinimumHealthyPercent != 100 || d.MaximumPercent != 200:
		p.add(field+".minimumHealthyPercent", "%s starts all new tasks beside the old: leave it at 100, and maximumPercent at 200",
			d.Strategy)
	}
	if d.BakeMinutes != nil {
		p.between(field+".bakeMinutes", *d.BakeMinutes, 0, 1440)
	}
	if d.StepBakeMinutes != nil {
		p.between(field+".stepBakeMinutes", *d.StepBakeMinutes, 0, 1440)
	}
	switch d.Strategy {
	case Linear:
		p.between(field+".stepPercent", d.StepPercent, 3, 100)
	case Canary:
		p.between(field+".stepPercent", d.StepPercent, 1, 99)
	case BlueGreen:
		if d.StepPercent != 0 || d.StepBakeMinutes != nil {
			p.add(field+".stepPercent", "%s moves all traffic at once; choose %s or %s for steps", BlueGreen, Linear, Canary)
		}
	}
	s.validateAlarms(p, field+".alarms")
}

func (s *Service) validateAlarms(p *problems, field string) {
	alarms := s.Deployment.Alarms
	p.between(field+".serverErrors", alarms.ServerErrors, 0, 1_000_000)
	p.between(field+".latencyMilliseconds", alarms.LatencyMilliseconds, 0, 3_600_000)
	if !*s.LoadBalancer && (alarms.ServerErrors > 0 || alarms.LatencyMilliseconds > 0) {
		p.add(field, "serverErrors and latencyMilliseconds are counted by the load balancer, and the service has none: name alarms "+
			"of your own in names")
	}
	for i, name := range alarms.Names {
		if name == "" || len(name) > 255 {
			p.add(fmt.Sprintf("%s.names[%d]", field, i), "want 1 to 255 characters")
		}
	}
	p.unique(field+".names", alarms.Names)
}

func (a *Autoscaling) validate(p *problems, field string, s *Service) {
	p.bounds(field, a.Minimum, a.Maximum)
	if a.CPUPercent != 0 {
		p.between(field+".cpuPercent", a.CPUPercent, 10, 90)
	}
	if a.MemoryPercent != 0 {
		p.between(field+".memoryPercent", a.MemoryPercent, 10, 90)
	}
	if a.RequestsPerMinute != 0 {
		p.between(field+".requestsPerMinute", a.RequestsPerMinute, 1, 1_000_000)
		switch {
		case !*s.LoadBalancer:
			p.add(field+".requestsPerMinute", "the load balancer counts requests, and the service has none: choose cpuPercent")
		case s.Deployment.Strategy != Rolling:
			p.add(field+".requestsPerMinute", "it is counted for one target group, and the strategy %s has two: choose cpuPercent",
				s.Deployment.Strategy)
		}
	}
	for i, moment := range a.Schedule {
		at := fmt.Sprintf("%s.schedule[%d]", field, i)
		if moment.Minimum != 0 || moment.Maximum != 0 {
			p.bounds(at, moment.Minimum, moment.Maximum)
		}
		if len(strings.Fields(moment.Cron)) != 6 {
			p.add(at+".cron", "want the six fields of AWS, such as \"0 8 ? * MON-FRI *\", have %q", moment.Cron)
		}
		if _, err := time.LoadLocation(moment.TimeZone); err != nil {
			p.add(at+".timeZone", "%q is no time zone: want an IANA name such as \"Asia/Seoul\"", moment.TimeZone)
		}
	}
}

// bounds checks the bounds of a number of tasks.
func (p *problems) bounds(field string, minimum, maximum int) {
	p.between(field+".minimum", minimum, 1, 5000)
	p.between(field+".maximum", maximum, 1, 5000)
	if minimum > maximum {
		p.add(field+".minimum", "%d is above maximum, %d", minimum, maximum)
	}
}

// validateSize holds CPU and memory against what Fargate offers.
func validateSize(p *problems, field string, cpu, memory int) {
	sizes, ok := memoryOfCPU[cpu]
	if !ok {
		p.add(field+".cpu", "Fargate offers 256, 512, 1024, 2048, 4096, 8192 or 16384, not %d", cpu)
		return
	}
	least, most, step := sizes[0], sizes[1], sizes[2]
	if memory < least || memory > most || (memory-least)%step != 0 || (cpu == 256 && memory == 1536) {
		p.add(field+".memory", "with cpu %d Fargate offers %d to %d MiB in steps of %d, not %d", cpu, least, most, step,
			memory)
	}
}
