package names

// TagScaling opts a workload in to scaling and says how far and by what: an expression such as "min=1 max=10 step=2",
// or "policy:NAME". Without it davit moves no count, and IAM says so too. On an alarm it says where to: "out" or "in".
// On an Auto Scaling group and on a scalable target it allows davit to move their bounds.
const TagScaling = "davit/scaling"

// The resources of the scale function.
const (
	ScaleFunction        = "davit-scale"
	ScaleQueue           = "davit-scale"
	ScaleDeadLetterQueue = "davit-scale-dead-letter"
)
