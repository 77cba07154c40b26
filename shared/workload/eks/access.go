package eks

import _ "embed"

// Group is the Kubernetes group that the function of rollouts belongs to, by an access entry of EKS, RecoverGroup that of
// remedies and ScaleGroup that of scaling; Access gives them their permissions.
const (
	Group        = "davit:rollout"
	RecoverGroup = "davit:recover"
	ScaleGroup   = "davit:scale"
)

// Access is the manifest of what the groups may do in a cluster: the least that the drivers need, and admission policies
// that keep them to what opted in.
//
//go:embed access.yaml
var Access string
