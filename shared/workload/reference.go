// Package workload names the things davit acts on and describes what was seen of them. Drivers for each kind of
// workload live in the packages below it.
package workload

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Kind is the system that runs a workload.
type Kind string

// The kinds of workload.
const (
	ECS Kind = "ecs"
	EKS Kind = "eks"
	// EC2 is a host of containers, by the ID of its instance. Nothing rolls out on one; incidents are about it.
	EC2 Kind = "ec2"
	// ASG is an Auto Scaling group of hosts, by its name. Nothing rolls out on one; alarms are about it.
	ASG Kind = "asg"
)

// RollsOut tells whether images roll out on workloads of the kind: not on hosts.
func (k Kind) RollsOut() bool { return k != EC2 && k != ASG }

// Controller is what runs the pods of a Kubernetes workload.
type Controller string

// The controllers, by the name that kubectl has for them.
const (
	ControllerDeployment  Controller = "deployment"
	ControllerStatefulSet Controller = "statefulset"
	ControllerDaemonSet   Controller = "daemonset"
)

// Reference names one workload: "ecs:CLUSTER/SERVICE"; "eks:CLUSTER/NAMESPACE/DEPLOYMENT", or for other controllers
// "eks:CLUSTER/NAMESPACE/statefulset/NAME" and "eks:CLUSTER/NAMESPACE/daemonset/NAME"; a host: "ec2:INSTANCE"; or a group
// of hosts: "asg:GROUP". A Reference that is not the zero value is valid; it is comparable and can be a map key.
type Reference struct {
	kind       Kind
	cluster    string
	namespace  string
	controller Controller
	name       string
}

// ErrReference is wrapped by every error of ParseReference and of the constructors.
var ErrReference = errors.New("not a workload reference")

// ErrNoCluster is wrapped by the error of ParseServiceARN for an ARN of the older form, which names no cluster. ECS takes
// no tags of such a service, so that it cannot have opted in
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/service-arn-migration.html).
var ErrNoCluster = errors.New("an ARN of the older form, which names no cluster: ECS takes no tags of such a service, so it has not " +
	"opted in; migrate it to the long ARN to tag it")

// The limits are not in the expressions, whose counted repetitions would cost a millisecond of every cold start.
const (
	maximumECSName        = 255
	maximumEKSClusterName = 100
	maximumDNSLabel       = 63
	maximumDNSSubdomain   = 253
	maximumInstanceID     = 32
	maximumGroupName      = 255
)

var (
	// ecsName follows the ECS API reference for clusterName and serviceName: up to 255 letters, digits, underscores
	// and hyphens.
	ecsName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	// eksClusterName follows the EKS API reference for a cluster's name.
	eksClusterName = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]*$`)
	// instanceID is the form of the IDs that EC2 gives, of 8 or 17 hexadecimal digits.
	instanceID = regexp.MustCompile(`^i-[0-9a-f]+$`)
	// groupName is narrower than what Auto Scaling allows, which is nearly all of Unicode.
	groupName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	// dnsLabel is RFC 1123's label, which Kubernetes asks of a namespace.
	dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	// dnsSubdomain is RFC 1123's subdomain, which Kubernetes asks of a Deployment's name.
	dnsSubdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
)

// ECSService is the reference of an ECS service by the names of its cluster and of itself.
func ECSService(cluster, service string) (Reference, error) {
	if !within(cluster, maximumECSName, ecsName) || !within(service, maximumECSName, ecsName) {
		return Reference{}, fmt.Errorf("%w: ecs:%s/%s: cluster and service take 1 to 255 letters, digits, '_' and '-'",
			ErrReference, abbreviate(cluster), abbreviate(service))
	}
	return Reference{kind: ECS, cluster: cluster, name: service}, nil
}

// EKSDeployment is the reference of a Kubernetes Deployment on an EKS cluster.
func EKSDeployment(cluster, namespace, deployment string) (Reference, error) {
	return EKSWorkload(cluster, namespace, ControllerDeployment, deployment)
}

// EKSWorkload is the reference of what a controller runs on an EKS cluster.
func EKSWorkload(cluster, namespace string, controller Controller, name string) (Reference, error) {
	switch {
	case controller != ControllerDeployment && controller != ControllerStatefulSet && controller != ControllerDaemonSet:
		return Reference{}, fmt.Errorf("%w: %q is neither statefulset nor daemonset, and a Deployment is eks:CLUSTER/NAMESPACE/DEPLOYMENT",
			ErrReference, abbreviate(string(controller)))
	case !within(cluster, maximumEKSClusterName, eksClusterName):
		return Reference{}, fmt.Errorf("%w: %q is not the name of an EKS cluster", ErrReference, abbreviate(cluster))
	case !within(namespace, maximumDNSLabel, dnsLabel):
		return Reference{}, fmt.Errorf("%w: %q is not the name of a namespace", ErrReference, abbreviate(namespace))
	case !within(name, maximumDNSSubdomain, dnsSubdomain):
		return Reference{}, fmt.Errorf("%w: %q is not the name of a %s", ErrReference, abbreviate(name), controller)
	}
	return Reference{kind: EKS, cluster: cluster, namespace: namespace, controller: controller, name: name}, nil
}

// EC2Instance is the reference of a host by the ID of its instance, such as i-0123456789abcdef0.
func EC2Instance(id string) (Reference, error) {
	if !within(id, maximumInstanceID, instanceID) {
		return Reference{}, fmt.Errorf("%w: %q is not the ID of an EC2 instance", ErrReference, abbreviate(id))
	}
	return Reference{kind: EC2, name: id}, nil
}

// AutoScalingGroup is the reference of a group of hosts by its name.
func AutoScalingGroup(name string) (Reference, error) {
	if !within(name, maximumGroupName, groupName) {
		return Reference{}, fmt.Errorf("%w: asg:%s: the name of an Auto Scaling group takes 1 to 255 letters, digits, '.', '_' and '-' here",
			ErrReference, abbreviate(name))
	}
	return Reference{kind: ASG, name: name}, nil
}

// ParseReference reads a reference in the one form that String writes. It accepts nothing else: no spaces, no ARN, no
// empty part, and no "deployment/" before the name of a Deployment.
func ParseReference(text string) (Reference, error) {
	kind, rest, _ := strings.Cut(text, ":")
	parts := strings.Split(rest, "/")
	switch {
	case Kind(kind) == ECS && len(parts) == 2:
		return ECSService(parts[0], parts[1])
	case Kind(kind) == EKS && len(parts) == 3:
		return EKSDeployment(parts[0], parts[1], parts[2])
	case Kind(kind) == EKS && len(parts) == 4 && Controller(parts[2]) != ControllerDeployment:
		return EKSWorkload(parts[0], parts[1], Controller(parts[2]), parts[3])
	case Kind(kind) == EC2 && len(parts) == 1:
		return EC2Instance(parts[0])
	case Kind(kind) == ASG && len(parts) == 1:
		return AutoScalingGroup(parts[0])
	}
	return Reference{}, fmt.Errorf("%w: %q: want ecs:CLUSTER/SERVICE, eks:CLUSTER/NAMESPACE/DEPLOYMENT, "+
		"eks:CLUSTER/NAMESPACE/statefulset/NAME, eks:CLUSTER/NAMESPACE/daemonset/NAME, ec2:INSTANCE or asg:GROUP", ErrReference, abbreviate(text))
}

// ParseServiceARN reads the ARN of an ECS service in the form that names its cluster
// (arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/SERVICE). The older form without the cluster is refused with an error that
// wraps ErrNoCluster too: it does not say which service is meant.
func ParseServiceARN(arn string) (Reference, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "ecs" {
		return Reference{}, fmt.Errorf("%w: %q is not the ARN of an ECS service", ErrReference, abbreviate(arn))
	}
	path := strings.Split(parts[5], "/")
	if len(path) == 2 && path[0] == "service" && within(path[1], maximumECSName, ecsName) {
		return Reference{}, fmt.Errorf("%w: %s is %w", ErrReference, abbreviate(arn), ErrNoCluster)
	}
	if len(path) != 3 || path[0] != "service" {
		return Reference{}, fmt.Errorf("%w: %q names no cluster and service", ErrReference, abbreviate(arn))
	}
	return ECSService(path[1], path[2])
}

// Kind is the system that runs the workload.
func (r Reference) Kind() Kind { return r.kind }

// Cluster is the name of the ECS or EKS cluster; empty for a host and for a group of hosts.
func (r Reference) Cluster() string { return r.cluster }

// Namespace is the Kubernetes namespace; empty for ECS.
func (r Reference) Namespace() string { return r.namespace }

// Controller is what runs a Kubernetes workload; empty for others.
func (r Reference) Controller() Controller { return r.controller }

// Name is the name of the ECS service or of the Kubernetes workload or of the Auto Scaling group, or the ID of the instance.
func (r Reference) Name() string { return r.name }

// IsZero tells whether the reference names nothing.
func (r Reference) IsZero() bool { return r == Reference{} }

// String is the form that ParseReference reads.
func (r Reference) String() string {
	switch r.kind {
	case ECS:
		return "ecs:" + r.cluster + "/" + r.name
	case EKS:
		if r.controller != ControllerDeployment {
			return "eks:" + r.cluster + "/" + r.namespace + "/" + string(r.controller) + "/" + r.name
		}
		return "eks:" + r.cluster + "/" + r.namespace + "/" + r.name
	case EC2:
		return "ec2:" + r.name
	case ASG:
		return "asg:" + r.name
	}
	return ""
}

// MarshalText is String; with it a Reference is a JSON string and a JSON object's key.
func (r Reference) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseReference; empty text is the zero value.
func (r *Reference) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = Reference{}
		return nil
	}
	parsed, err := ParseReference(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// within tells whether the name has the form and at most limit bytes.
func within(name string, limit int, form *regexp.Regexp) bool {
	return len(name) <= limit && form.MatchString(name)
}

// abbreviate keeps an error readable when the input was not.
func abbreviate(text string) string {
	const limit = 80
	if len(text) <= limit {
		return text
	}
	return text[:limit] + "…"
}
