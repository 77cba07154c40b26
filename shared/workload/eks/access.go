package eks

import _ "embed"

// Group is the Kubernetes group that the functions belong to, by an access entry of EKS; Access gives it its permissions.
const Group = "davit:rollout"

// Access is the manifest of what the group may do in a cluster: the least that the driver needs, and an admission policy
// that keeps it to workloads that opted in.
//
//go:embed access.yaml
var Access string
