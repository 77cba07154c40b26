// Package nodes is which blockchain nodes are watched. The infrastructure writes the document to an SSM parameter, the
// function reads it from there.
package nodes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Version is the version of the document's schema.
const Version = "1"

// Document is what the SSM parameter holds.
type Document struct {
	// Version is the schema's version, "1".
	Version string `json:"version"`
	// Nodes are the nodes, 1 to 50, each name once.
	Nodes []Node `json:"nodes"`
}

// Kind is which interface a node has.
type Kind string

// The kinds.
const (
	// Execution is an execution client: JSON-RPC (ethereum.github.io/execution-apis).
	Execution Kind = "execution"
	// Consensus is a consensus client: the Beacon API (ethereum.github.io/beacon-APIs).
	Consensus Kind = "consensus"
)

// Node is a node that is watched.
type Node struct {
	// Name is the value of its metrics' dimension: 1 to 64 small letters, digits and hyphens.
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	Endpoint
	// ChainID is the number of EIP-155 that the node must answer with: 1 for mainnet. Required.
	ChainID uint64 `json:"chainId"`
	// References are other nodes of the same kind and chain, up to 8, that tell how far the network is. Without any,
	// nobody can say whether the node is behind.
	References []Endpoint `json:"references,omitempty"`
	// Disk is where the use of the node's disk can be read; absent, it is not watched.
	Disk *Disk `json:"disk,omitempty"`
}

// Endpoint is an address: one of its fields.
type Endpoint struct {
	// URL is the address itself, of http or https.
	URL string `json:"url,omitempty"`
	// Parameter is the SSM parameter that holds the address, for one with a key in it: a SecureString below
	// "/davit/chain/".
	Parameter string `json:"parameter,omitempty"`
}

// Disk is a Prometheus node exporter on the node's host.
type Disk struct {
	Endpoint
	// Mount is the mount point of the file system, such as "/data".
	Mount string `json:"mount"`
}

// ParameterPrefix is the path of the SSM parameters that hold addresses.
const ParameterPrefix = "/davit/chain/"

// Limits of a document. SSM parameters hold at most 8 KiB.
const (
	MaximumDocument   = 64 << 10
	MaximumNodes      = 50
	MaximumReferences = 8
)

// ErrInvalid is wrapped by every error of Parse and Validate.
var ErrInvalid = errors.New("the document of nodes is not valid")

var (
	namePattern      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	parameterPattern = regexp.MustCompile(`^/davit/chain/[A-Za-z0-9_./-]+$`)
)

// Parse reads a document. It is strict: a field that is not known, a wrong type or value, and anything after the document
// are errors that name the field and wrap ErrInvalid.
func Parse(text []byte) (Document, error) {
	if len(text) > MaximumDocument {
		return Document{}, fmt.Errorf("%w: %d bytes, more than %d", ErrInvalid, len(text), MaximumDocument)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var document Document
	if err := decoder.Decode(&document); err != nil {
		return Document{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Document{}, fmt.Errorf("%w: something follows the document", ErrInvalid)
	}
	return document, document.Validate()
}

// Encode is the document that Parse reads. It refuses one that is not valid.
func (d Document) Encode() ([]byte, error) {
	d.Version = Version
	if err := d.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(d)
}

// Validate checks every value. Its error is one line a problem, each naming the field by its path, and wraps ErrInvalid.
func (d Document) Validate() error {
	var found []error
	add := func(field, format string, arguments ...any) {
		found = append(found, fmt.Errorf("%w: %s: %s", ErrInvalid, field, fmt.Sprintf(format, arguments...)))
	}
	if d.Version != Version {
		add("version", "want %q, have %q", Version, d.Version)
	}
	if len(d.Nodes) == 0 || len(d.Nodes) > MaximumNodes {
		add("nodes", "want 1 to %d, have %d", MaximumNodes, len(d.Nodes))
	}
	seen := map[string]bool{}
	for index, node := range d.Nodes {
		field := fmt.Sprintf("nodes[%d]", index)
		if seen[node.Name] {
			add(field+".name", "%q is there already", node.Name)
		}
		seen[node.Name] = true
		node.validate(field, add)
	}
	return errors.Join(found...)
}

type adder func(field, format string, arguments ...any)

func (n Node) validate(field string, add adder) {
	if len(n.Name) > 64 || !namePattern.MatchString(n.Name) {
		add(field+".name", "want 1 to 64 small letters, digits and hyphens, have %q", n.Name)
	}
	if n.Kind != Execution && n.Kind != Consensus {
		add(field+".kind", "want %q or %q, have %q", Execution, Consensus, n.Kind)
	}
	if n.ChainID == 0 {
		add(field+".chainId", "required: 1 is mainnet")
	}
	n.Endpoint.validate(field, add)
	if len(n.References) > MaximumReferences {
		add(field+".references", "want at most %d, have %d", MaximumReferences, len(n.References))
	}
	for index, reference := range n.References {
		place := fmt.Sprintf("%s.references[%d]", field, index)
		reference.validate(place, add)
		if reference == n.Endpoint {
			add(place, "is the node itself, which cannot tell how far the network is")
		}
	}
	if n.Disk == nil {
		return
	}
	n.Disk.validate(field+".disk", add)
	if !strings.HasPrefix(n.Disk.Mount, "/") || len(n.Disk.Mount) > 256 {
		add(field+".disk.mount", "want the path of a mount point, have %.80q", n.Disk.Mount)
	}
}

func (e Endpoint) validate(field string, add adder) {
	switch {
	case (e.URL == "") == (e.Parameter == ""):
		add(field, "give either url or parameter")
	case e.Parameter != "" && (len(e.Parameter) > 512 || !parameterPattern.MatchString(e.Parameter)):
		add(field+".parameter", "want a name below %s, have %.80q", ParameterPrefix, e.Parameter)
	case e.URL != "":
		if err := CheckURL(e.URL); err != nil {
			add(field+".url", "%v", err)
		}
	}
}

// CheckURL says what is wrong with an address, without showing it: it may hold a key.
func CheckURL(text string) error {
	parsed, err := url.Parse(text)
	if err != nil || len(text) > 2048 || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return errors.New("want an address of http or https, up to 2048 characters")
	}
	return nil
}

// String names the endpoint for humans: the parameter, or the address without what may be a key.
func (e Endpoint) String() string {
	if e.Parameter != "" {
		return e.Parameter
	}
	parsed, err := url.Parse(e.URL)
	if err != nil {
		return "an address"
	}
	return parsed.Scheme + "://" + parsed.Host
}

// Parameters are the names of all parameters that hold addresses, each once, in order.
func (d Document) Parameters() []string {
	var found []string
	add := func(endpoint Endpoint) {
		if endpoint.Parameter != "" {
			found = append(found, endpoint.Parameter)
		}
	}
	for _, node := range d.Nodes {
		add(node.Endpoint)
		for _, reference := range node.References {
			add(reference)
		}
		if node.Disk != nil {
			add(node.Disk.Endpoint)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
