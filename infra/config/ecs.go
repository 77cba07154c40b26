package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"davit/shared/imagepolicy"
)

// ECS is a cluster with its services.
type ECS struct {
	// Cluster is the cluster's name: 1 to 255 letters, digits, _ and -. Default "davit".
	Cluster string `yaml:"cluster"`
	// ContainerInsights collects metrics of each task and container, at the price of custom metrics. Default false.
	ContainerInsights bool `yaml:"containerInsights"`
	// Services are the services, each name once.
	Services []Service `yaml:"services"`
}

// Service is an ECS service on Fargate.
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
	// MemoryLimit is up to how many MiB davit may raise a task's memory after one ran out of it, at least Memory; 0 allows
	// no raise. Default 0.
	MemoryLimit int `yaml:"memoryLimit"`
	// InitialImage is what runs until the first rollout, since the first deploy finds the repository empty: any image
	// that the execution role may pull and that answers on ContainerPort. It is written once, when the parameter is
	// made; changing it later puts that image in the place of what was rolled out. Required.
	InitialImage string `yaml:"initialImage"`
	// Architecture is what the image was built for. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// CPU is the task's share in units of 1/1024 vCPU: 256, 512, 1024, 2048, 4096, 8192 or 16384. Default 256.
	CPU int `yaml:"cpu"`
	// Memory is the task's memory in MiB, within what Fargate offers for CPU. Default twice CPU.
	Memory int `yaml:"memory"`
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
	// HealthCommand is run in the container to tell whether it is healthy, such as ["CMD", "/healthy"]. Default none.
	HealthCommand []string `yaml:"healthCommand"`
	// CircuitBreaker has ECS put a deployment back that does not come up. Default true.
	CircuitBreaker *bool `yaml:"circuitBreaker"`
	// Autoscaling lets Application Auto Scaling own the number of tasks; absent, it stays as it is.
	Autoscaling *Autoscaling `yaml:"autoscaling"`
	// LogDays is for how many days the container's log is kept; see LogDays. Default 30.
	LogDays int `yaml:"logDays"`
}

// Autoscaling keeps the use of CPU near a target by the number of tasks.
type Autoscaling struct {
	// Minimum and Maximum bound the number of tasks: 1 to 5000, Minimum not above Maximum. Required.
	Minimum int `yaml:"minimum"`
	Maximum int `yaml:"maximum"`
	// CPUPercent is the average use of CPU to aim at, 10 to 90. Default 60.
	CPUPercent int `yaml:"cpuPercent"`
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

func (e *ECS) setDefaults() {
	setDefault(&e.Cluster, "davit")
	for i := range e.Services {
		e.Services[i].setDefaults()
	}
}

// neededEndpoints are the interface endpoints of what tasks call ("Amazon ECS interface VPC endpoints" in the ECS
// developer guide); image layers come by the gateway endpoint of S3.
func (e *ECS) neededEndpoints() []string {
	return []string{"ecr.api", "ecr.dkr", "logs"}
}

func (s *Service) setDefaults() {
	setDefault(&s.Architecture, ARM64)
	setDefault(&s.CPU, 256)
	setDefault(&s.Memory, 2*s.CPU)
	setDefaultPointer(&s.LoadBalancer, true)
	setDefault(&s.HealthPath, "/")
	setDefaultPointer(&s.CircuitBreaker, true)
	setDefault(&s.LogDays, 30)
	if s.Autoscaling != nil {
		setDefault(&s.Autoscaling.CPUPercent, 60)
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
	p.match(field+".initialImage", s.InitialImage, imagePattern, "the name of an image")
	if c.Network != nil && c.Network.TaskTier() == Isolated && !strings.HasPrefix(s.InitialImage, c.RegistryHost()+"/") {
		p.add(field+".initialImage", "from isolated subnets tasks reach the registry of the account alone: want an image of %s",
			c.RegistryHost())
	}
	oneOf(p, field+".architecture", s.Architecture, ARM64, X8664)
	validateSize(p, field, s.CPU, s.Memory)
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
	if s.Autoscaling != nil {
		s.Autoscaling.validate(p, field+".autoscaling")
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

func (a *Autoscaling) validate(p *problems, field string) {
	p.between(field+".minimum", a.Minimum, 1, 5000)
	p.between(field+".maximum", a.Maximum, 1, 5000)
	if a.Minimum > a.Maximum {
		p.add(field+".minimum", "%d is above maximum, %d", a.Minimum, a.Maximum)
	}
	p.between(field+".cpuPercent", a.CPUPercent, 10, 90)
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
