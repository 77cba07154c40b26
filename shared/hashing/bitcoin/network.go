package bitcoin

import (
	"fmt"
	"math"
)

// Network is a chain with its rules. Only the package's functions make one. The test networks whose difficulty may fall
// to the minimum for single blocks (testnet3, testnet4) are not among them.
type Network struct {
	name    string
	genesis Hash
	// limit is the highest target.
	limit Target
	// period is how many blocks share a target, and timespan how long they should take, in seconds.
	period   uint64
	timespan int64
	// fixed tells that the target never changes.
	fixed bool
	// versions are the heights from which lower versions than 2, 3 and 4 are refused: BIP 34, BIP 66, BIP 65.
	versions [3]uint64
}

const twoWeeks = 14 * 24 * 60 * 60

// Mainnet is Bitcoin itself. The target changes every 2016 blocks, at most by a factor of four
// (developer.bitcoin.org/devguide/block_chain.html#proof-of-work).
func Mainnet() Network {
	return Network{name: "mainnet", period: 2016, timespan: twoWeeks, versions: [3]uint64{227_931, 363_725, 388_381},
		genesis: displayed("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"), limit: allOnes(224)}
}

// Signet is the default test network of BIP 325. Its blocks also carry a signature, which is not in the header and not
// verified here.
func Signet() Network {
	return Network{name: "signet", period: 2016, timespan: twoWeeks, versions: [3]uint64{1, 1, 1},
		genesis: displayed("00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6"),
		limit:   Target{limbs: [4]uint64{3: 0x377ae000000}}}
}

// Regtest is the network that a developer mines alone: every block has the highest target.
func Regtest() Network {
	return Network{name: "regtest", period: 2016, timespan: twoWeeks, fixed: true, versions: [3]uint64{1, 1, 1},
		genesis: displayed("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"), limit: allOnes(255)}
}

// ParseNetwork reads "mainnet", "signet" or "regtest".
func ParseNetwork(text string) (Network, error) {
	for _, network := range []Network{Mainnet(), Signet(), Regtest()} {
		if network.name == text {
			return network, nil
		}
	}
	return Network{}, fmt.Errorf("%.40q is no network that can be verified: it is mainnet, signet or regtest", text)
}

// String is what ParseNetwork reads.
func (n Network) String() string { return n.name }

// Limit is the highest target that a header can have.
func (n Network) Limit() Target { return n.limit }

// Retarget is the field Bits after a period with the given one whose first and last blocks have these times, in seconds
// since 1970. As in Bitcoin Core the time is that of 2015 intervals.
func (n Network) Retarget(last uint32, first, end uint32) (uint32, error) {
	target, err := ParseCompact(last)
	if err != nil || n.fixed {
		return last, err
	}
	took := min(max(int64(end)-int64(first), n.timespan/4), n.timespan*4)
	return n.capped(target.scale(uint64(took), uint64(n.timespan))), nil // #nosec G115 -- both are positive
}

// capped is the compact form of the target, or of the highest one where it is above that.
func (n Network) capped(target Target) uint32 {
	if target.Compare(n.limit) > 0 {
		target = n.limit
	}
	return target.Compact()
}

// reachable tells whether a period with the target of the one compact form can be followed by the other one.
func (n Network) reachable(last, next uint32) bool {
	from, wrong := ParseCompact(last)
	to, bad := ParseCompact(next)
	if wrong != nil || bad != nil {
		return false
	}
	if n.fixed {
		return last == next
	}
	lowest, wrong := ParseCompact(from.scale(1, 4).Compact())
	highest, bad := ParseCompact(n.capped(from.scale(4, 1)))
	return wrong == nil && bad == nil && to.Compare(lowest) >= 0 && to.Compare(highest) <= 0
}

// lowestVersion is the lowest version that a block of the height can have.
func (n Network) lowestVersion(height uint64) int32 {
	lowest := int32(math.MinInt32)
	for index, from := range n.versions {
		if height >= from {
			lowest = int32(index) + 2 // #nosec G115 -- at most 4
		}
	}
	return lowest
}

// displayed is a constant of this file as Bitcoin's tools show it.
func displayed(text string) Hash {
	hash, err := ParseHash(text)
	if err != nil {
		panic(err) // the constant is wrong
	}
	return hash
}

func allOnes(bits int) Target {
	var target Target
	for index := range target.limbs {
		if left := bits - 64*index; left > 0 {
			target.limbs[index] = ^uint64(0) >> (64 - min(left, 64))
		}
	}
	return target
}
