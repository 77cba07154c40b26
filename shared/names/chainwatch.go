package names

// Names of what watches blockchain nodes.
const (
	ChainwatchFunction = "davit-chainwatch"
	// ChainwatchParameter is the SSM parameter with the nodes that are watched.
	ChainwatchParameter = "/davit/chainwatch"
	// PlaybookChainNodeBehind is the playbook for a node that is behind, stuck, dead or lying.
	PlaybookChainNodeBehind = "chain-node-behind"
	// RestartClientDocument and GrowFileSystemDocument are the SSM documents of a node on a host of its own: all that may
	// be run there from outside.
	RestartClientDocument  = "davit-restart-client"
	GrowFileSystemDocument = "davit-grow-file-system"
	// EnvironmentNodesParameter names the SSM parameter to the function.
	EnvironmentNodesParameter = "DAVIT_NODES_PARAMETER"
	// DimensionNode is the dimension of the metrics below: the node's name in the configuration.
	DimensionNode = "Node"
)

// Metrics of a node, in MetricNamespace. One that could not be told has no data at all, never a zero.
const (
	// MetricUnhealthy is 1 for a node that does not answer, or whose answers are not to be believed, else 0. It is there
	// at every look, for every node.
	MetricUnhealthy = "Unhealthy"
	// MetricHeight is the number of the head block; of a consensus client, its slot.
	MetricHeight = "Height"
	// MetricBlocksBehind is how many blocks or slots the best reference is ahead.
	MetricBlocksBehind = "BlocksBehind"
	// MetricHeadAge is how old the head block is, in seconds.
	MetricHeadAge = "HeadAge"
	// MetricPeers is the number of peers.
	MetricPeers = "Peers"
	// MetricSyncing is 1 while the node says that it is catching up, else 0.
	MetricSyncing = "Syncing"
	// MetricWrongChain is 1 for a node of another chain than the configured one, else 0.
	MetricWrongChain = "WrongChain"
	// MetricLatency is how long the node took to answer for its head block, in milliseconds.
	MetricLatency = "Latency"
	// MetricDiskUsed is how much of the data's file system is used, in percent.
	MetricDiskUsed = "DiskUsed"
)
