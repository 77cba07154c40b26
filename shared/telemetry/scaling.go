package telemetry

// The metrics of scaling.
const (
	// ScalingsDone counts moves of a count, of the bounds of who owns one, or of hosts.
	ScalingsDone Metric = "ScalingsDone"
	// ScalingsRefused counts moves that were refused or given up, and told.
	ScalingsRefused Metric = "ScalingsRefused"
)
