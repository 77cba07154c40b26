package advice

import "math"

// Limits of Lambda (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const (
	lambdaMilliseconds = 900_000
	lambdaLeastMiB     = 128
	lambdaMostMiB      = 10_240
	lambdaPayloadKB    = 6_000
	// lambdaMiBPerVCPU is the memory with which a function has one vCPU
	// (docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
	lambdaMiBPerVCPU = 1_769
	// lambdaConcurrency is how many executions an account has at once until AWS raises it.
	lambdaConcurrency = 1_000
	// httpAPIMilliseconds is how long an HTTP API waits
	// (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html).
	httpAPIMilliseconds = 30_000
	// albPayloadKB is how large the answer of a function behind a load balancer may be
	// (docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html).
	albPayloadKB = 1_000
)

// function is the memory of a function in MiB, and how long a request is paid for in milliseconds. Memory buys CPU: it
// is raised as far as that shortens the request for nothing.
func (w Workload) function() (memory int, milliseconds float64) {
	needed := math.Ceil(w.BaseMemoryMiB + w.MemoryMiB - 1e-9)
	useful := math.Ceil(w.CPUMilliseconds*lambdaMiBPerVCPU/w.DurationMilliseconds - 1e-9)
	memory = int(min(max(lambdaLeastMiB, needed, useful), lambdaMostMiB))
	milliseconds = max(w.DurationMilliseconds, w.CPUMilliseconds*lambdaMiBPerVCPU/float64(memory))
	return memory, math.Ceil(milliseconds - 1e-9)
}

func (e estimator) considerLambda(consider consider) {
	memory, milliseconds := e.function()
	requests := e.requestsPerMonth()
	seconds := requests * milliseconds / 1000
	network := NoNetwork
	if e.must(NoInternet) {
		network = IsolatedSubnets
	}
	for _, architecture := range e.architectures(Lambda) {
		for _, front := range e.fronts(milliseconds) {
			consider(Estimate{Architecture: architecture, Network: network, TaskMemoryMiB: memory,
				TasksUsual: int(math.Ceil(e.RequestsAverage*milliseconds/1000 - 1e-9)),
				TasksPeak:  int(math.Ceil(e.RequestsPeak*milliseconds/1000 - 1e-9))},
				func(b *bill) {
					b.add(Compute, words("%s seconds × %s GB", quantityOf(seconds), number(float64(memory)/1024)),
						seconds*float64(memory)/1024, lambdaSecond(architecture))
					b.add(Compute, words("requests"), requests, idLambdaRequest)
				},
				front, e.addData)
		}
	}
}

// fronts are what may stand in front of a function.
func (e estimator) fronts(milliseconds float64) []func(*bill) {
	if !e.HTTP {
		return []func(*bill){func(*bill) {}}
	}
	var fronts []func(*bill)
	if e.Public && milliseconds <= httpAPIMilliseconds {
		fronts = append(fronts, func(b *bill) { b.add(LoadBalancer, words("HTTP API"), e.requestsPerMonth(), idHTTPAPI) })
	}
	if e.ResponseKB <= albPayloadKB {
		fronts = append(fronts, func(b *bill) { e.addLoadBalancer(b, lcuFunctionGB) })
	}
	return fronts
}
