package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Compute is what runs the pods of a cluster.
type Compute string

// The kinds of compute.
const (
	// ComputeNodes are managed node groups of EC2 instances.
	ComputeNodes Compute = "nodes"
	// ComputeFargate are Fargate profiles: a machine of its own for each pod, and no nodes to look after.
	ComputeFargate Compute = "fargate"
	// ComputeAuto is EKS Auto Mode: AWS chooses, patches and removes the nodes.
	ComputeAuto Compute = "auto"
)

// Endpoint is from where the API server is reached.
type Endpoint string

// The kinds of endpoint.
const (
	// EndpointPublic is reached from the VPC and, by who IAM lets in, from the internet.
	EndpointPublic Endpoint = "public"
	// EndpointPrivate is reached from the VPC alone.
	EndpointPrivate Endpoint = "private"
)

// OperatingSystem is what the nodes of a group run.
type OperatingSystem string

// The operating systems.
const (
	// AmazonLinux is Amazon Linux 2023.
	AmazonLinux OperatingSystem = "al2023"
	// Bottlerocket has no shell and a read-only root; its NVIDIA variant brings the device plugin.
	Bottlerocket OperatingSystem = "bottlerocket"
)

// KubernetesVersions are the versions in standard support, after "Understand the Kubernetes version lifecycle on EKS" in
// the EKS user guide, as the CDK knows them.
var KubernetesVersions = []string{"1.34", "1.35", "1.36"}

// privateEndpoints are the interface endpoints without which nodes in subnets without a way out do not join their cluster, after
// "Deploy private clusters with limited internet access" in the EKS user guide. Nothing on Fargate asks for Pod Identity.
func (e *EKS) privateEndpoints() []string {
	needed := []string{"ec2", "ecr.api", "ecr.dkr", "eks", "elasticloadbalancing", "logs", "sts"}
	if e.Compute != ComputeFargate {
		needed = append(needed, "eks-auth")
	}
	return needed
}

// EKS is a Kubernetes cluster. It needs Network.
type EKS struct {
	// Cluster is the cluster's name: 1 to 100 letters, digits, _ and -, a letter or digit first. Default "davit".
	Cluster string `yaml:"cluster"`
	// Version is the Kubernetes version, one of KubernetesVersions. Default the newest of them.
	Version string `yaml:"version"`
	// ExtendedSupport keeps the cluster on its version when standard support ends, at six times the price of the
	// control plane; otherwise EKS upgrades it then. Default false.
	ExtendedSupport bool `yaml:"extendedSupport"`
	// Endpoint is from where the API server is reached. Default EndpointPublic, since davit's functions run outside of
	// the VPC unless automation.vpc says otherwise; whoever comes still needs an access entry.
	Endpoint Endpoint `yaml:"endpoint"`
	// PublicCIDRs are the IPv4 blocks from which a public endpoint is reached. Default 0.0.0.0/0: functions outside of a
	// VPC have no address of their own. Narrower blocks need Rollouts to be false.
	PublicCIDRs []string `yaml:"publicCidrs"`
	// Admins are the ARNs of the IAM roles that administer the cluster, at least one; nobody else is let in, not even
	// who deploys. Required.
	Admins []string `yaml:"admins"`
	// Rollouts lets davit's functions in, as the Kubernetes group to which `davit eks rbac` gives its
	// permissions, and has the cluster be one of automation.settings.clusters.
	// Default true with Automation.
	Rollouts *bool `yaml:"rollouts"`
	// Compute is what runs the pods. Default ComputeNodes.
	Compute Compute `yaml:"compute"`
	// Nodes are the managed node groups, with ComputeNodes only: at least one, each name once.
	Nodes []NodeGroup `yaml:"nodes"`
	// Fargate are the Fargate profiles, with ComputeFargate only. Default one, "default", for the namespaces default and
	// kube-system.
	Fargate []FargateProfile `yaml:"fargate"`
	// PodIdentities give the pods of a service account a role of AWS, by EKS Pod Identity. Not with ComputeFargate.
	PodIdentities []PodIdentity `yaml:"podIdentities"`
	// MetricsServer installs the Kubernetes metrics server, which the Horizontal Pod Autoscaler asks. Default true.
	MetricsServer *bool `yaml:"metricsServer"`
	// ContainerInsights installs the CloudWatch agent on the nodes, at the price of custom metrics. Not with
	// ComputeFargate, which has no node to run it on. Default false, true with ML on this cluster.
	ContainerInsights *bool `yaml:"containerInsights"`
	// LogDays is for how many days the control plane's logs are kept; see LogDays. Default 90.
	LogDays int `yaml:"logDays"`
}

// NodeGroup is a managed node group.
type NodeGroup struct {
	// Name is the group's name: 1 to 63 letters, digits, _ and -. Required.
	Name string `yaml:"name"`
	// OperatingSystem is what the nodes run. Default AmazonLinux.
	OperatingSystem OperatingSystem `yaml:"operatingSystem"`
	// Architecture is the processor architecture of InstanceTypes. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// InstanceTypes are the instance types, the best first, 1 to 20. Default m7g.large with ARM64 and m7i.large with
	// X8664.
	InstanceTypes []string `yaml:"instanceTypes"`
	// Spot takes spare capacity, which goes with two minutes' notice; name several InstanceTypes then. Default false.
	Spot bool `yaml:"spot"`
	// Minimum and Maximum bound the number of nodes: Minimum 0 to 450, Maximum 1 to 450 and not below it. Within them the
	// Cluster Autoscaler moves it, which the stack's output installs. Defaults 2 and 6.
	Minimum *int `yaml:"minimum"`
	Maximum int  `yaml:"maximum"`
	// DiskGiB is the size of a node's disk, 20 to 16384. Default 50.
	DiskGiB int `yaml:"diskGiB"`
	// Labels are the labels of the nodes.
	Labels map[string]string `yaml:"labels"`
	// Taints keep pods away that do not tolerate them.
	Taints []Taint `yaml:"taints"`
}

// Taint is a taint of the nodes of a group.
type Taint struct {
	// Key is the taint's key, such as "dedicated". Required.
	Key string `yaml:"key"`
	// Value is its value, up to 63 characters.
	Value string `yaml:"value"`
	// Effect is "NoSchedule", "PreferNoSchedule" or "NoExecute". Default NoSchedule.
	Effect string `yaml:"effect"`
}

// FargateProfile says which pods run on Fargate.
type FargateProfile struct {
	// Name is the profile's name: 1 to 63 letters, digits, _ and -. Required.
	Name string `yaml:"name"`
	// Namespaces are the namespaces whose pods run on Fargate, 1 to 5.
	Namespaces []string `yaml:"namespaces"`
}

// PodIdentity gives the pods of a service account a role.
type PodIdentity struct {
	// Namespace and ServiceAccount are of the pods. Required.
	Namespace      string `yaml:"namespace"`
	ServiceAccount string `yaml:"serviceAccount"`
	// Role is the ARN of a role of this account that lets pods.eks.amazonaws.com assume it and tag the session.
	// Required.
	Role string `yaml:"role"`
}

var (
	eksClusterPattern  = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$`)
	nodeGroupPattern   = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,62}$`)
	instancePattern    = regexp.MustCompile(`^[a-z][a-z0-9-]*[0-9][a-z0-9-]*\.[a-z0-9-]+$`)
	namespacePattern   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	labelKeyPattern    = regexp.MustCompile(`^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	labelValuePattern  = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
	oneRoleARNPattern  = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/[A-Za-z0-9+=,.@_/-]{1,500}$`)
	gravitonPattern    = regexp.MustCompile(`^[a-z]+[0-9]+[a-z]*g[a-z]*\.|^(a1|t4g)\.|^g5g\.`)
	defaultNamespaces  = []string{"default", "kube-system"}
	everywhere         = []string{"0.0.0.0/0"}
	nodeInstanceByArch = map[Architecture]string{ARM64: "m7g.large", X8664: "m7i.large"}
)

func (e *EKS) setDefaults(c *Configuration) {
	setDefault(&e.Cluster, "davit")
	setDefault(&e.Version, KubernetesVersions[len(KubernetesVersions)-1])
	setDefault(&e.Endpoint, EndpointPublic)
	if e.PublicCIDRs == nil && e.Endpoint == EndpointPublic {
		e.PublicCIDRs = everywhere
	}
	setDefaultPointer(&e.Rollouts, c.Automation != nil)
	if *e.Rollouts && c.Automation != nil {
		c.Automation.Settings.addCluster(e.Cluster)
	}
	setDefault(&e.Compute, ComputeNodes)
	for i := range e.Nodes {
		e.Nodes[i].setDefaults()
	}
	if e.Fargate == nil && e.Compute == ComputeFargate {
		e.Fargate = []FargateProfile{{Name: "default", Namespaces: defaultNamespaces}}
	}
	setDefaultPointer(&e.MetricsServer, true)
	setDefaultPointer(&e.ContainerInsights, e.Compute == ComputeNodes && c.ML != nil && c.ML.Platform == PlatformEKS)
	setDefault(&e.LogDays, 90)
}

func (n *NodeGroup) setDefaults() {
	setDefault(&n.OperatingSystem, AmazonLinux)
	setDefault(&n.Architecture, ARM64)
	if n.InstanceTypes == nil {
		n.InstanceTypes = []string{nodeInstanceByArch[n.Architecture]}
	}
	setDefaultPointer(&n.Minimum, 2)
	setDefault(&n.Maximum, 6)
	setDefault(&n.DiskGiB, 50)
	for i := range n.Taints {
		setDefault(&n.Taints[i].Effect, "NoSchedule")
	}
}

func (c *Configuration) validateEKS(p *problems) {
	e := c.EKS
	p.match("eks.cluster", e.Cluster, eksClusterPattern, "1 to 100 letters, digits, _ and -, a letter or digit first")
	oneOf(p, "eks.version", e.Version, KubernetesVersions...)
	oneOf(p, "eks.endpoint", e.Endpoint, EndpointPublic, EndpointPrivate)
	c.validateEKSAccess(p)
	c.validateEKSNetwork(p)
	oneOf(p, "eks.compute", e.Compute, ComputeNodes, ComputeFargate, ComputeAuto)
	e.validateNodes(p)
	e.validateFargate(p)
	for i, identity := range e.PodIdentities {
		field := fmt.Sprintf("eks.podIdentities[%d]", i)
		p.match(field+".namespace", identity.Namespace, namespacePattern, "the name of a namespace")
		p.match(field+".serviceAccount", identity.ServiceAccount, namespacePattern, "the name of a service account")
		p.role(field+".role", identity.Role, c.Account)
	}
	if e.Compute == ComputeFargate && len(e.PodIdentities) > 0 {
		p.add("eks.podIdentities", "EKS Pod Identity has an agent on each node, which Fargate has not: set eks.compute to "+
			"nodes or auto, or give the service account a role by the cluster's OIDC provider")
	}
	if e.Compute == ComputeFargate && *e.ContainerInsights {
		p.add("eks.containerInsights", "its agent runs on each node, which Fargate has not: set eks.compute to nodes or auto, "+
			"or leave it out")
	}
	p.logDays("eks.logDays", e.LogDays)
}

// validateEKSAccess checks who is let in, and that davit's functions reach what they are let in to.
func (c *Configuration) validateEKSAccess(p *problems) {
	e := c.EKS
	if len(e.Admins) == 0 {
		p.add("eks.admins", "want the ARN of at least one role: nobody else is let in, not even who deploys")
	}
	for i, role := range e.Admins {
		p.role(fmt.Sprintf("eks.admins[%d]", i), role, c.Account)
	}
	p.unique("eks.admins", e.Admins)
	for i, block := range e.PublicCIDRs {
		if prefix, err := netip.ParsePrefix(block); err != nil || !prefix.Addr().Is4() || prefix.Masked() != prefix {
			p.add(fmt.Sprintf("eks.publicCidrs[%d]", i), "want an IPv4 block such as \"203.0.113.0/24\", have %q", block)
		}
	}
	if e.Endpoint == EndpointPrivate && len(e.PublicCIDRs) > 0 {
		p.add("eks.publicCidrs", "a private endpoint is reached from the VPC alone: leave them out, or set eks.endpoint to public")
	}
	if !*e.Rollouts {
		return
	}
	if c.Automation == nil {
		p.add("eks.rollouts", "lets the functions of the section automation in, which is absent: add it, or set false")
	}
	if c.Automation != nil && c.Automation.VPC != nil {
		return
	}
	if e.Endpoint == EndpointPrivate {
		p.add("eks.endpoint", "davit's functions run outside of the VPC and do not reach a private endpoint: put them into it by "+
			"automation.vpc, or set eks.endpoint to public, or eks.rollouts to false")
	}
	if e.Endpoint == EndpointPublic && !slices.Contains(e.PublicCIDRs, everywhere[0]) {
		p.add("eks.publicCidrs", "davit's functions run outside of the VPC and have no address of their own: leave the "+
			"blocks out, or set eks.rollouts to false")
	}
}

// validateEKSNetwork checks that nodes find their way to what they need to join the cluster.
func (c *Configuration) validateEKSNetwork(p *problems) {
	if c.Network == nil {
		p.add("network", "required by eks")
		return
	}
	if c.Network.PodTier() == Private || c.Network.Existing != nil {
		return
	}
	if missing := c.missingEndpoints(c.EKS.privateEndpoints()); len(missing) > 0 {
		p.add("network.interfaceEndpoints", "without NAT the pods of eks run in isolated subnets, from where they also need %s: "+
			"set network.endpoints to needed, or network.nat to one", strings.Join(missing, ", "))
	}
	if !slices.Contains(c.Network.GatewayEndpoints, "s3") {
		p.add("network.gatewayEndpoints", "without NAT the pods of eks pull the layers of their images through s3: add it")
	}
}

// PodTier is where nodes and pods run: in private subnets, or where there are none in isolated ones. EKS puts no node
// with a public address anywhere unasked.
func (n *Network) PodTier() Tier {
	if slices.Contains(n.Tiers(), Private) {
		return Private
	}
	return Isolated
}

// missingEndpoints are those of the wanted interface endpoints that the VPC does not get.
func (c *Configuration) missingEndpoints(wanted []string) []string {
	chosen, err := c.ChosenEndpoints()
	if err != nil {
		return nil // The choice by price is refused with its own reason.
	}
	var missing []string
	for _, name := range wanted {
		if !slices.Contains(chosen, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// neededEndpoints are the interface endpoints of what nodes and add-ons call.
func (e *EKS) neededEndpoints() []string {
	needed := e.privateEndpoints()
	if *e.ContainerInsights {
		needed = append(needed, "monitoring")
	}
	if e.Compute == ComputeNodes {
		needed = append(needed, "ssm", "ssmmessages")
	}
	return needed
}

// GrowingNodes tells whether a node group of the cluster has room to grow, which it does by the Cluster Autoscaler.
func (c *Configuration) GrowingNodes() bool {
	return c.EKS.Compute == ComputeNodes &&
		(slices.ContainsFunc(c.EKS.Nodes, func(n NodeGroup) bool { return *n.Minimum < n.Maximum }) ||
			c.ML != nil && c.ML.Platform == PlatformEKS &&
				slices.ContainsFunc(c.ML.Accelerators, func(a Accelerators) bool { return a.Minimum < a.Maximum }))
}

func (e *EKS) validateNodes(p *problems) {
	if e.Compute != ComputeNodes {
		if len(e.Nodes) > 0 {
			p.add("eks.nodes", "only eks.compute nodes has node groups, not %s", e.Compute)
		}
		return
	}
	if len(e.Nodes) == 0 {
		p.add("eks.nodes", "want at least one group, or eks.compute fargate or auto")
	}
	names := make([]string, 0, len(e.Nodes))
	for i := range e.Nodes {
		names = append(names, e.Nodes[i].Name)
		e.Nodes[i].validate(p, fmt.Sprintf("eks.nodes[%d]", i))
	}
	p.unique("eks.nodes", names)
}

func (n *NodeGroup) validate(p *problems, field string) {
	p.match(field+".name", n.Name, nodeGroupPattern, "1 to 63 letters, digits, _ and -")
	oneOf(p, field+".operatingSystem", n.OperatingSystem, AmazonLinux, Bottlerocket)
	oneOf(p, field+".architecture", n.Architecture, ARM64, X8664)
	p.between(field+".instanceTypes", len(n.InstanceTypes), 1, 20)
	for i, name := range n.InstanceTypes {
		validateInstanceType(p, fmt.Sprintf("%s.instanceTypes[%d]", field, i), name, n.Architecture)
	}
	p.unique(field+".instanceTypes", n.InstanceTypes)
	validateBounds(p, field, *n.Minimum, n.Maximum, 450)
	p.between(field+".diskGiB", n.DiskGiB, 20, 16384)
	for key, value := range n.Labels {
		p.match(field+".labels."+key, key, labelKeyPattern, "the key of a Kubernetes label")
		p.match(field+".labels."+key, value, labelValuePattern, "the value of a Kubernetes label")
	}
	for i, taint := range n.Taints {
		inside := fmt.Sprintf("%s.taints[%d]", field, i)
		p.match(inside+".key", taint.Key, labelKeyPattern, "the key of a taint")
		p.match(inside+".value", taint.Value, labelValuePattern, "the value of a taint")
		oneOf(p, inside+".effect", taint.Effect, "NoSchedule", "PreferNoSchedule", "NoExecute")
	}
}

func (e *EKS) validateFargate(p *problems) {
	if e.Compute != ComputeFargate {
		if len(e.Fargate) > 0 {
			p.add("eks.fargate", "only eks.compute fargate has profiles, not %s", e.Compute)
		}
		return
	}
	names := make([]string, 0, len(e.Fargate))
	for i, profile := range e.Fargate {
		field := fmt.Sprintf("eks.fargate[%d]", i)
		names = append(names, profile.Name)
		p.match(field+".name", profile.Name, nodeGroupPattern, "1 to 63 letters, digits, _ and -")
		p.between(field+".namespaces", len(profile.Namespaces), 1, 5)
		for j, name := range profile.Namespaces {
			p.match(fmt.Sprintf("%s.namespaces[%d]", field, j), name, namespacePattern, "the name of a namespace")
		}
	}
	p.unique("eks.fargate", names)
	if !slices.ContainsFunc(e.Fargate, func(f FargateProfile) bool { return slices.Contains(f.Namespaces, "kube-system") }) {
		p.add("eks.fargate", "no profile has the namespace kube-system, so that the cluster's DNS runs nowhere: add it to one")
	}
}

// validateInstanceType checks an instance type's form and that it has the architecture; which types a region offers is
// known to AWS alone.
func validateInstanceType(p *problems, field, name string, architecture Architecture) {
	if !instancePattern.MatchString(name) {
		p.add(field, "want an instance type such as \"m7g.large\", have %q", name)
		return
	}
	if graviton := gravitonPattern.MatchString(name); graviton != (architecture == ARM64) {
		p.add(field, "%s is not of architecture %s", name, architecture)
	}
}

func validateBounds(p *problems, field string, minimum, maximum, most int) {
	p.between(field+".minimum", minimum, 0, most)
	p.between(field+".maximum", maximum, 1, most)
	if minimum > maximum {
		p.add(field+".minimum", "%d is above maximum, %d", minimum, maximum)
	}
}

// role is for the ARN of a role of the account.
func (p *problems) role(field, arn, account string) {
	parts := oneRoleARNPattern.FindStringSubmatch(arn)
	switch {
	case parts == nil:
		p.add(field, "want the ARN of a role, such as \"arn:aws:iam::%s:role/platform\", have %q", account, arn)
	case parts[1] != account:
		p.add(field, "%q is a role of account %s, not of %s", arn, parts[1], account)
	}
}
