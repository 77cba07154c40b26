package ethereum

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Network is a chain with its forks: which is active from which block or time on. The zero value and nil are a network of
// which nothing is known; its headers are held to what they show themselves.
type Network struct {
	name    string
	chainID uint64
	// genesis is the hash of block 0; zero if it is not known.
	genesis Hash
	// known tells that the forks are.
	known bool
	// london is the block, the others are the times in seconds since 1970, from which on the fork is active.
	london                                     fork
	shanghai, cancun, prague, osaka, amsterdam fork
	// blobs are the limits of blobs by the time from which on they hold, the earliest first.
	blobs []blobLimit
	// daoFork is the block from which on ten say so in their extra data, 0 if there is none.
	daoFork uint64
	// authorities tells that blocks before the Merge were signed in their extra data (Clique, EIP-225).
	authorities bool
}

// fork is when a fork begins; nil is never.
type fork *uint64

func at(begin uint64) fork { return &begin }

func active(begin fork, now uint64) bool { return begin != nil && *begin <= now }

// blobLimit are how many blobs a block aims at and may have, and how fast their price moves (EIP-7840).
type blobLimit struct {
	from                   uint64
	target, most, fraction uint64
}

// The limits of blobs on all public networks (EIP-4844, EIP-7691, EIP-7892).
func blobLimits(cancun, prague, first, second uint64) []blobLimit {
	return []blobLimit{{cancun, 3, 6, 3_338_477}, {prague, 6, 9, 5_007_716}, {first, 10, 15, 8_346_193},
		{second, 14, 21, 11_684_671}}
}

// Mainnet is Ethereum itself, up to the second fork of Osaka's blob limits, which is the last that is scheduled.
func Mainnet() *Network {
	return &Network{name: "mainnet", chainID: 1, known: true, daoFork: 1_920_000,
		genesis: mustHash("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"),
		london:  at(12_965_000), shanghai: at(1_681_338_455), cancun: at(1_710_338_135), prague: at(1_746_612_311),
		osaka: at(1_764_798_551), blobs: blobLimits(1_710_338_135, 1_746_612_311, 1_765_290_071, 1_767_747_671)}
}

// Sepolia is the test network for applications.
func Sepolia() *Network {
	return &Network{name: "sepolia", chainID: 11_155_111, known: true,
		genesis: mustHash("25a5cc106eea7138acab33231d7160d69cb777ee0c2c553fcddf5138993e6dd9"),
		london:  at(0), shanghai: at(1_677_557_088), cancun: at(1_706_655_072), prague: at(1_741_159_776),
		osaka: at(1_760_427_360), amsterdam: at(1_791_294_816),
		blobs: blobLimits(1_706_655_072, 1_741_159_776, 1_761_017_184, 1_761_607_008)}
}

// Hoodi is the test network for validators.
func Hoodi() *Network {
	return &Network{name: "hoodi", chainID: 560_048, known: true,
		genesis: mustHash("bbe312868b376a3001692a646dd2d7d1e4406380dfd86b98aa8a34d1557c971b"),
		london:  at(0), shanghai: at(0), cancun: at(0), prague: at(1_742_999_832), osaka: at(1_761_677_592),
		blobs: blobLimits(0, 1_742_999_832, 1_762_365_720, 1_762_955_544)}
}

func mustHash(text string) Hash {
	hash, err := ParseHash(text)
	if err != nil {
		panic(err) // the constants above
	}
	return hash
}

// Unknown is how a network of which nothing is known is written.
const Unknown = "unknown"

// ParseNetwork reads "mainnet", "sepolia", "hoodi", or "unknown" for one whose forks are not known: its headers are then
// held to the rules that do not depend on when forks begin. ReadGenesis reads other networks.
func ParseNetwork(text string) (*Network, error) {
	for _, network := range []*Network{Mainnet(), Sepolia(), Hoodi(), {name: Unknown}} {
		if network.name == text {
			return network, nil
		}
	}
	return nil, fmt.Errorf("%.40q is no network whose forks are known: it is mainnet, sepolia, hoodi or %s; "+
		"give the genesis file of any other", text, Unknown)
}

// String is the network's name: what ParseNetwork reads, or "chain" and its ID.
func (n *Network) String() string {
	switch {
	case n == nil || n.name == "" && !n.known:
		return Unknown
	case n.name == "":
		return fmt.Sprintf("chain %d", n.chainID)
	}
	return n.name
}

// ChainID is the number of EIP-155 that transactions of the network carry; 0 if it is not known.
func (n *Network) ChainID() uint64 {
	if n == nil {
		return 0
	}
	return n.chainID
}

// genesisFile is what davit reads of the genesis file that execution clients take.
type genesisFile struct {
	ChainID       *uint64                  `json:"chainId"`
	LondonBlock   fork                     `json:"londonBlock"`
	ShanghaiTime  fork                     `json:"shanghaiTime"`
	CancunTime    fork                     `json:"cancunTime"`
	PragueTime    fork                     `json:"pragueTime"`
	OsakaTime     fork                     `json:"osakaTime"`
	BPO1Time      fork                     `json:"bpo1Time"`
	BPO2Time      fork                     `json:"bpo2Time"`
	BPO3Time      fork                     `json:"bpo3Time"`
	BPO4Time      fork                     `json:"bpo4Time"`
	BPO5Time      fork                     `json:"bpo5Time"`
	AmsterdamTime fork                     `json:"amsterdamTime"`
	BlobSchedule  map[string]blobScheduled `json:"blobSchedule"`
	Clique        json.RawMessage          `json:"clique"`
}

type blobScheduled struct {
	Target   uint64 `json:"target"`
	Max      uint64 `json:"max"`
	Fraction uint64 `json:"baseFeeUpdateFraction"`
}

// MaximumGenesis is how long a genesis file may be, in bytes.
const MaximumGenesis = 64 << 20

// ReadGenesis reads the forks of a network from the genesis file that its execution clients were started with: a JSON
// object with "config", or that configuration alone. The names are those that clients share (EIP-7840 for blobSchedule).
func ReadGenesis(document []byte) (*Network, error) {
	if len(document) > MaximumGenesis {
		return nil, fmt.Errorf("the genesis file has %d bytes, more than %d", len(document), MaximumGenesis)
	}
	var whole struct {
		Config json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(document, &whole); err != nil {
		return nil, fmt.Errorf("read the genesis file: %w", err)
	}
	if whole.Config == nil {
		whole.Config = document
	}
	var file genesisFile
	if err := json.Unmarshal(whole.Config, &file); err != nil {
		return nil, fmt.Errorf("read the configuration of the genesis file: %w", err)
	}
	if file.ChainID == nil {
		return nil, errors.New("the genesis file has no chainId in its config")
	}
	network := &Network{chainID: *file.ChainID, known: true, london: file.LondonBlock, shanghai: file.ShanghaiTime,
		cancun: file.CancunTime, prague: file.PragueTime, osaka: file.OsakaTime, amsterdam: file.AmsterdamTime,
		authorities: len(file.Clique) > 0 && string(file.Clique) != "null"}
	var err error
	network.blobs, err = file.blobs()
	return network, err
}

// blobs are the limits of the forks that have any. A fork that has none keeps those before it.
func (f *genesisFile) blobs() ([]blobLimit, error) {
	begins := map[string]fork{"cancun": f.CancunTime, "prague": f.PragueTime, "osaka": f.OsakaTime, "bpo1": f.BPO1Time,
		"bpo2": f.BPO2Time, "bpo3": f.BPO3Time, "bpo4": f.BPO4Time, "bpo5": f.BPO5Time, "amsterdam": f.AmsterdamTime}
	order := []string{"cancun", "prague", "osaka", "bpo1", "bpo2", "bpo3", "bpo4", "bpo5", "amsterdam"}
	var limits []blobLimit
	for _, name := range order {
		given, found := f.BlobSchedule[name]
		if begins[name] == nil || !found {
			continue
		}
		if given.Max == 0 || given.Target > given.Max || given.Max > 1<<16 || given.Fraction == 0 {
			return nil, fmt.Errorf("blobSchedule.%s of the genesis file has target %d, max %d, baseFeeUpdateFraction %d: want "+
				"target up to max, and none of them 0", name, given.Target, given.Max, given.Fraction)
		}
		limits = append(limits, blobLimit{*begins[name], given.Target, given.Max, given.Fraction})
	}
	slices.SortStableFunc(limits, func(a, b blobLimit) int { return cmp.Compare(a.from, b.from) })
	return limits, nil
}

// shape are the fields of a header with the number and the time.
func (n *Network) shape(number, timestamp uint64) Shape {
	switch {
	case !active(n.london, number):
		return ShapeFrontier
	case active(n.amsterdam, timestamp):
		return ShapeAmsterdam
	case active(n.prague, timestamp):
		return ShapePrague
	case active(n.cancun, timestamp):
		return ShapeCancun
	case active(n.shanghai, timestamp):
		return ShapeShanghai
	}
	return ShapeLondon
}

// blob are the limits of blobs at the time.
func (n *Network) blob(timestamp uint64) (limit blobLimit, found bool) {
	if n == nil {
		return blobLimit{}, false
	}
	for _, candidate := range n.blobs {
		if candidate.from <= timestamp {
			limit, found = candidate, true
		}
	}
	return limit, found
}

func (n *Network) knowsForks() bool { return n != nil && n.known }
