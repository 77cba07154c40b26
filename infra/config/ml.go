package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Platform is what schedules containers.
type Platform string

// The platforms.
const (
	PlatformECS Platform = "ecs"
	PlatformEKS Platform = "eks"
)

// ML is capacity with accelerators, and notebooks. It needs Network, and with PlatformEKS also EKS with ComputeNodes or
// ComputeAuto.
type ML struct {
	// Platform is what schedules the containers. With PlatformECS the capacity has a cluster of its own. Default
	// PlatformECS.
	Platform Platform `yaml:"platform"`
	// Capacity is where they run. Default CapacityEC2, and nothing else has accelerators.
	Capacity Capacity `yaml:"capacity"`
	// Cluster is the name of the ECS cluster, as ECS.Cluster and not the same. Default "davit-ml".
	Cluster string `yaml:"cluster"`
	// Accelerators are the groups of instances, each name once.
	Accelerators []Accelerators `yaml:"accelerators"`
	// Notebooks are SageMaker notebooks, each name once.
	Notebooks []Notebook `yaml:"notebooks"`
}

// Accelerator is a kind of device.
type Accelerator string

// The kinds of accelerator.
const (
	// GPU are NVIDIA GPUs: the families g and p.
	GPU Accelerator = "gpu"
	// Neuron are AWS Inferentia and Trainium: the families inf and trn.
	Neuron Accelerator = "neuron"
)

// Accelerators is a group of instances that have a device.
type Accelerators struct {
	// Name is the group's name: 1 to 32 lower-case letters, digits and inner hyphens. Required.
	Name string `yaml:"name"`
	// InstanceTypes are the instance types, the best first, 1 to 20, all with the same kind of accelerator. Default
	// g6.xlarge.
	InstanceTypes []string `yaml:"instanceTypes"`
	// Spot takes spare capacity, which goes with two minutes' notice. Default false.
	Spot bool `yaml:"spot"`
	// Minimum and Maximum bound the number of instances: Minimum 0 to 450, Maximum 1 to 450. Defaults 0, so that nothing
	// is paid for while nothing runs, and 2.
	Minimum int `yaml:"minimum"`
	Maximum int `yaml:"maximum"`
	// DiskGiB is the size of an instance's disk, 50 to 16384: images with CUDA are large. Default 100.
	DiskGiB int `yaml:"diskGiB"`
	// IdlePercent is the average utilisation of the GPUs, 1 to 99, below which for an hour an alarm says that they are
	// paid for and not used. Default 5.
	IdlePercent int `yaml:"idlePercent"`
	// BusyPercent is the utilisation, 2 to 100 and above IdlePercent, above which for half an hour an alarm says that
	// they are too few. Default 95.
	BusyPercent int `yaml:"busyPercent"`
}

// Kind is which accelerator the instances have.
func (a *Accelerators) Kind() Accelerator {
	if len(a.InstanceTypes) > 0 && neuronPattern.MatchString(a.InstanceTypes[0]) {
		return Neuron
	}
	return GPU
}

// Notebook is a SageMaker notebook instance in an isolated or private subnet, without the direct way to the internet
// that SageMaker offers, stopped when it is idle.
type Notebook struct {
	// Name is the notebook's name: 1 to 63 letters, digits and inner hyphens. Required.
	Name string `yaml:"name"`
	// InstanceType is such as "ml.t3.medium", the default.
	InstanceType string `yaml:"instanceType"`
	// DiskGiB is the size of its volume, 5 to 16384. Default 20.
	DiskGiB int `yaml:"diskGiB"`
	// IdleMinutes is after how long without a running cell or an open terminal's output it is stopped, 10 to 1440.
	// Default 60.
	IdleMinutes int `yaml:"idleMinutes"`
	// Buckets are the buckets of Storage that it reads and writes, by their names there.
	Buckets []string `yaml:"buckets"`
}

// NotebookEndpoints are the interface endpoints without which a notebook in a subnet without a way out neither opens nor
// stops itself.
var NotebookEndpoints = []string{"sagemaker.api", "sts", "logs"}

var (
	neuronPattern      = regexp.MustCompile(`^(inf|trn)[0-9]`)
	gpuPattern         = regexp.MustCompile(`^(g|p)[0-9]`)
	acceleratorPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	notebookPattern    = regexp.MustCompile(`^[A-Za-z0-9](-*[A-Za-z0-9]){0,62}$`)
	mlInstancePattern  = regexp.MustCompile(`^ml\.[a-z][a-z0-9-]*\.[a-z0-9-]+$`)
)

func (m *ML) setDefaults() {
	setDefault(&m.Platform, PlatformECS)
	setDefault(&m.Capacity, CapacityEC2)
	setDefault(&m.Cluster, "davit-ml")
	for i := range m.Accelerators {
		a := &m.Accelerators[i]
		if a.InstanceTypes == nil {
			a.InstanceTypes = []string{"g6.xlarge"}
		}
		setDefault(&a.Maximum, 2)
		setDefault(&a.DiskGiB, 100)
		setDefault(&a.IdlePercent, 5)
		setDefault(&a.BusyPercent, 95)
	}
	for i := range m.Notebooks {
		n := &m.Notebooks[i]
		setDefault(&n.InstanceType, "ml.t3.medium")
		setDefault(&n.DiskGiB, 20)
		setDefault(&n.IdleMinutes, 60)
	}
}

func (c *Configuration) validateML(p *problems) {
	m := c.ML
	oneOf(p, "ml.platform", m.Platform, PlatformECS, PlatformEKS)
	oneOf(p, "ml.capacity", m.Capacity, CapacityEC2, CapacityFargate)
	if m.Capacity == CapacityFargate {
		p.add("ml.capacity", "Fargate has neither GPUs nor Inferentia nor Trainium, on ECS and on EKS: set ec2, where the "+
			"accelerators scale to zero, or use the shape ml-%s-ec2", m.Platform)
		return
	}
	if m.Platform == PlatformECS {
		p.match("ml.cluster", m.Cluster, clusterPattern, "1 to 255 letters, digits, _ and -")
		if c.ECS != nil && c.ECS.Cluster == m.Cluster {
			p.add("ml.cluster", "%q is ecs.cluster already: a cluster belongs to one stack", m.Cluster)
		}
	}
	if m.Platform == PlatformEKS && (c.EKS == nil || c.EKS.Compute != ComputeNodes) {
		p.add("ml.platform", "node groups with accelerators need the section eks with compute nodes: Fargate has no "+
			"accelerators, and Auto Mode takes them by a NodePool of your own; add it, or set ecs")
	}
	if c.Network == nil {
		p.add("network", "required by ml")
		return
	}
	c.validateAccelerators(p)
	c.validateNotebooks(p)
	if len(m.Accelerators) == 0 && len(m.Notebooks) == 0 {
		p.add("ml", "want accelerators or notebooks")
	}
}

func (c *Configuration) validateAccelerators(p *problems) {
	names := make([]string, 0, len(c.ML.Accelerators))
	for i := range c.ML.Accelerators {
		a, field := &c.ML.Accelerators[i], fmt.Sprintf("ml.accelerators[%d]", i)
		names = append(names, a.Name)
		p.match(field+".name", a.Name, acceleratorPattern, "1 to 32 lower-case letters, digits and inner hyphens")
		p.between(field+".instanceTypes", len(a.InstanceTypes), 1, 20)
		for j, name := range a.InstanceTypes {
			validateAccelerated(p, fmt.Sprintf("%s.instanceTypes[%d]", field, j), name, a.Kind())
		}
		p.unique(field+".instanceTypes", a.InstanceTypes)
		validateBounds(p, field, a.Minimum, a.Maximum, 450)
		p.between(field+".diskGiB", a.DiskGiB, 50, 16384)
		p.between(field+".idlePercent", a.IdlePercent, 1, 99)
		p.between(field+".busyPercent", a.BusyPercent, a.IdlePercent+1, 100)
	}
	p.unique("ml.accelerators", names)
	if len(names) > 0 && c.Network.PodTier() != Private {
		p.add("network.nat", "instances of ml.accelerators pull large images from registries and install the CloudWatch agent: "+
			"set one or per-az")
	}
}

func validateAccelerated(p *problems, field, name string, kind Accelerator) {
	if !instancePattern.MatchString(name) {
		p.add(field, "want an instance type such as \"g6.xlarge\", have %q", name)
		return
	}
	isGPU, isNeuron := gpuPattern.MatchString(name), neuronPattern.MatchString(name)
	switch {
	case !isGPU && !isNeuron:
		p.add(field, "%s has no accelerator: want the families g or p (NVIDIA), or inf or trn (Inferentia, Trainium)", name)
	case isNeuron != (kind == Neuron):
		p.add(field, "%s has another kind of accelerator than the first, which the machine image is for: use a group of its own",
			name)
	case gravitonPattern.MatchString(name):
		p.add(field, "%s has an ARM processor, for which this stack has no machine image: use an x86_64 family such as g6", name)
	}
}

func (c *Configuration) validateNotebooks(p *problems) {
	names := make([]string, 0, len(c.ML.Notebooks))
	for i := range c.ML.Notebooks {
		n, field := &c.ML.Notebooks[i], fmt.Sprintf("ml.notebooks[%d]", i)
		names = append(names, n.Name)
		p.match(field+".name", n.Name, notebookPattern, "1 to 63 letters, digits and inner hyphens")
		p.match(field+".instanceType", n.InstanceType, mlInstancePattern, "an instance type such as \"ml.t3.medium\"")
		p.between(field+".diskGiB", n.DiskGiB, 5, 16384)
		p.between(field+".idleMinutes", n.IdleMinutes, 10, 1440)
		for j, bucket := range n.Buckets {
			if c.Storage == nil || !slices.ContainsFunc(c.Storage.Buckets, func(b Bucket) bool { return b.Name == bucket }) {
				p.add(fmt.Sprintf("%s.buckets[%d]", field, j), "%q is not among storage.buckets", bucket)
			}
		}
	}
	p.unique("ml.notebooks", names)
	if len(names) == 0 || c.Network.PodTier() == Private || c.Network.Existing != nil {
		return
	}
	if missing := c.missingEndpoints(NotebookEndpoints); len(missing) > 0 {
		p.add("network.interfaceEndpoints", "without NAT a notebook also needs %s: set network.endpoints to needed, or "+
			"network.nat to one", strings.Join(missing, ", "))
	}
}

// neededEndpoints are the interface endpoints of what notebooks call. Accelerators need a way out.
func (m *ML) neededEndpoints() []string {
	if len(m.Notebooks) == 0 {
		return nil
	}
	return NotebookEndpoints
}
