package restore

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Tier is how fast an archive is opened.
type Tier string

// The tiers, by S3's own names (docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html).
const (
	Expedited Tier = "Expedited"
	Standard  Tier = "Standard"
	Bulk      Tier = "Bulk"
)

// Takes is how long AWS says that the tier usually takes for a storage class; 0 where it does not have it.
func (t Tier) Takes(storageClass string) time.Duration {
	if storageClass == Deep {
		return map[Tier]time.Duration{Standard: 12 * time.Hour, Bulk: 48 * time.Hour}[t]
	}
	return map[Tier]time.Duration{Expedited: 5 * time.Minute, Standard: 5 * time.Hour, Bulk: 12 * time.Hour}[t]
}

// Price is one price with where and when it was found.
type Price struct {
	Region       string `json:"region"`
	StorageClass string `json:"storageClass"`
	Tier         Tier   `json:"tier"`
	// GB and ThousandRequests are in US dollars, for a gigabyte (2³⁰ bytes) and for 1,000 requests.
	GB               float64 `json:"gb"`
	ThousandRequests float64 `json:"thousandRequests"`
	// CopyMonth is the price of a gigabyte for a month in S3 Standard, where the opened copy is.
	CopyMonth float64 `json:"copyMonth"`
	Source    string  `json:"source"`
	// Date is the day from which the price is known, as 2006-01-02.
	Date string `json:"date"`
	Note string `json:"note,omitempty"`
}

//go:embed prices.json
var embedded []byte

var prices = sync.OnceValues(func() ([]Price, error) {
	var file struct {
		Rows []Price `json:"rows"`
	}
	decoder := json.NewDecoder(bytes.NewReader(embedded))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("read the prices of restores: %w", err)
	}
	return file.Rows, nil
})

// Estimate is what opening archives takes and costs.
type Estimate struct {
	Objects int     `json:"objects"`
	Bytes   int64   `json:"bytes"`
	Dollars float64 `json:"dollars"`
	// Takes is the longest that AWS says it usually takes, in nanoseconds.
	Takes time.Duration `json:"takes"`
	// Region is the region of the prices: that of the bucket, or another where there are none of it.
	Region string `json:"priceRegion"`
	// Prices are those that were used.
	Prices []Price `json:"prices"`
}

// usualRegion has prices of every class and tier.
const usualRegion = "us-east-1"

// EstimateSteps reckons the steps that open archives. Where the region has no prices, those of us-east-1 stand for them.
// An object of Intelligent-Tiering costs nothing but with Expedited, which costs as in Glacier Flexible Retrieval. A tier
// that a storage class does not have is an error.
func EstimateSteps(steps []Step, region string, tier Tier, days int) (Estimate, error) {
	rows, err := prices()
	if err != nil {
		return Estimate{}, err
	}
	total := Estimate{Region: region}
	used := map[string]Price{}
	for _, step := range steps {
		if !step.Opens() {
			continue
		}
		class := step.Wanted.StorageClass
		takes := tier.Takes(class)
		if takes == 0 {
			return Estimate{}, fmt.Errorf("%s: %s has no tier %s; choose %s or %s", step.Wanted.Key, class, tier, Standard, Bulk)
		}
		total.Objects++
		total.Bytes += step.Wanted.Size
		total.Takes = max(total.Takes, takes)
		if class == IntelligentTiering && tier != Expedited {
			continue
		}
		if class == IntelligentTiering {
			class = Flexible
		}
		price, region := find(rows, region, class, tier)
		total.Region = region
		used[class] = price
		gigabytes := float64(step.Wanted.Size) / (1 << 30)
		total.Dollars += gigabytes*(price.GB+price.CopyMonth*float64(days)/30) + price.ThousandRequests/1000
	}
	for _, class := range []string{Flexible, Deep} {
		if price, found := used[class]; found {
			total.Prices = append(total.Prices, price)
		}
	}
	return total, nil
}

func find(rows []Price, region, class string, tier Tier) (price Price, of string) {
	for _, wanted := range []string{region, usualRegion} {
		for _, row := range rows {
			if row.Region == wanted && row.StorageClass == class && row.Tier == tier {
				return row, wanted
			}
		}
	}
	return Price{}, usualRegion
}
