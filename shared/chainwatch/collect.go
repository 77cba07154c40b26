package chainwatch

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"davit/shared/settings/nodes"
)

const (
	// together is how many endpoints are asked at once.
	together = 32
	// lookTimeout is how long all of them have.
	lookTimeout = 20 * time.Second
)

// Addresses finds the addresses that are kept in parameters.
type Addresses interface {
	// Addresses answers the values of the parameters by name. A name without a value is absent.
	Addresses(ctx context.Context, parameters []string) (map[string]string, error)
}

// Collector asks nodes how they are.
type Collector struct {
	client    *http.Client
	addresses Addresses
	now       func() time.Time
}

// NewCollector asks by HTTP. It makes no call.
func NewCollector(addresses Addresses) *Collector {
	return &Collector{client: newHTTPClient(), addresses: addresses, now: time.Now}
}

// asked is one endpoint that is asked once, however many nodes have it for a reference.
type asked struct {
	kind     nodes.Kind
	endpoint nodes.Endpoint
	own      bool
}

// Collect looks at all nodes at once and answers an observation of each, in their order. A node that does not answer is
// an observation, not an error.
func (c *Collector) Collect(ctx context.Context, document nodes.Document) []Observation {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	addresses := c.resolve(ctx, document)
	samples := c.sampleAll(ctx, document, addresses)
	observations := make([]Observation, len(document.Nodes))
	var group errgroup.Group
	group.SetLimit(together)
	for index, node := range document.Nodes {
		seen := &observations[index]
		seen.Node, seen.Own = node, *samples[asked{node.Kind, node.Endpoint, true}]
		for _, reference := range node.References {
			seen.References = append(seen.References, *samples[asked{node.Kind, reference, false}])
		}
		if node.Kind == nodes.Execution {
			c.anchorAll(ctx, &group, seen, addresses)
		}
		if node.Disk != nil {
			group.Go(func() error {
				seen.Disk = c.disk(ctx, node.Disk, addresses)
				return nil
			})
		}
	}
	_ = group.Wait() // none of them fails
	return observations
}

// resolver finds an endpoint's address.
type resolver func(nodes.Endpoint) (string, error)

// resolve reads all parameters that the document names.
func (c *Collector) resolve(ctx context.Context, document nodes.Document) resolver {
	found, err := c.addresses.Addresses(ctx, document.Parameters())
	return func(endpoint nodes.Endpoint) (string, error) {
		if endpoint.URL != "" {
			return endpoint.URL, nil
		}
		address := found[endpoint.Parameter]
		switch {
		case err != nil:
			return "", fmt.Errorf("the parameter %s cannot be read", endpoint.Parameter)
		case address == "":
			return "", fmt.Errorf("there is no parameter %s", endpoint.Parameter)
		case nodes.CheckURL(address) != nil:
			return "", fmt.Errorf("the parameter %s holds no address of http or https", endpoint.Parameter)
		}
		return address, nil
	}
}

// sampleAll asks every endpoint once.
func (c *Collector) sampleAll(ctx context.Context, document nodes.Document, addresses resolver) map[asked]*Sample {
	samples := map[asked]*Sample{}
	var group errgroup.Group
	group.SetLimit(together)
	ask := func(key asked) {
		if samples[key] != nil {
			return
		}
		sample := new(Sample)
		samples[key] = sample
		group.Go(func() error {
			*sample = c.sample(ctx, key, addresses)
			return nil
		})
	}
	for _, node := range document.Nodes {
		ask(asked{node.Kind, node.Endpoint, true})
		for _, reference := range node.References {
			ask(asked{node.Kind, reference, false})
		}
	}
	_ = group.Wait() // none of them fails
	return samples
}

func (c *Collector) sample(ctx context.Context, key asked, addresses resolver) (sample Sample) {
	address, err := addresses(key.endpoint)
	if err == nil && key.kind == nodes.Consensus {
		sample, err = consensus{c.client, address}.sample(ctx, key.own)
	} else if err == nil {
		sample, err = execution{c.client, address}.sample(ctx, key.own)
	}
	if err != nil {
		sample = Sample{Failure: err.Error()}
	}
	sample.Endpoint = key.endpoint.String()
	return sample
}

// anchorAll asks a node and its references for the same block. Who does not have it is not compared, but the node itself
// must: it said that it is beyond.
func (c *Collector) anchorAll(ctx context.Context, group *errgroup.Group, seen *Observation, addresses resolver) {
	height, found := anchorHeight(c.now(), seen.Node, seen.Own, seen.References)
	if !found {
		return
	}
	ask := func(endpoint nodes.Endpoint, sample *Sample, must bool) {
		if sample.Failure != "" {
			return
		}
		group.Go(func() error {
			address, err := addresses(endpoint)
			if err == nil {
				sample.Anchor, err = execution{c.client, address}.anchor(ctx, height)
			}
			if err != nil {
				sample.Anchor = nil
			}
			if err != nil && must {
				sample.Failure = fmt.Sprintf("block %d: %v", height, err)
			}
			return nil
		})
	}
	ask(seen.Node.Endpoint, &seen.Own, true)
	for index, reference := range seen.Node.References {
		ask(reference, &seen.References[index], false)
	}
}

func (c *Collector) disk(ctx context.Context, disk *nodes.Disk, addresses resolver) *DiskSample {
	address, err := addresses(disk.Endpoint)
	if err != nil {
		return &DiskSample{Failure: err.Error()}
	}
	used, err := readDisk(ctx, c.client, address, disk.Mount)
	if err != nil {
		return &DiskSample{Failure: err.Error()}
	}
	return &DiskSample{Used: used}
}
