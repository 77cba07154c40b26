package advice

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// StaleAfter is the age from which a price is warned of.
const StaleAfter = 180 * 24 * time.Hour

// everywhere is the region of a price that is the same in all.
const everywhere = "*"

// PriceRow is one price with where and when it was found.
type PriceRow struct {
	// ID names what is paid for, such as "fargate.arm64.vcpu".
	ID string `json:"id"`
	// Region is the AWS region, or "*" for a price that is the same in all.
	Region string `json:"region"`
	// Unit is what one of it is.
	Unit string `json:"unit"`
	// Price is what one unit costs. A unit that starts with "share" is a part of another price instead.
	Price Price `json:"price"`
	// Source is the page or file that has it.
	Source string `json:"source"`
	// Date is the day on which the source had it, as 2006-01-02.
	Date string `json:"date"`
	// Note says what else to know, such as who quotes the source where it was not read itself.
	Note string `json:"note,omitempty"`
}

// unverified tells whether nothing with a date was found that has the figure.
func (r PriceRow) unverified() bool { return strings.Contains(r.Note, "Not verified") }

// Prices are prices by region and what is paid for. They are not changed once made.
type Prices struct {
	rows map[[2]string]PriceRow
}

//go:embed prices.json
var embedded []byte

var embeddedPrices = sync.OnceValues(func() (Prices, error) { return parsePrices(embedded) })

// EmbeddedPrices are the prices that come with the program.
func EmbeddedPrices() (Prices, error) { return embeddedPrices() }

func parsePrices(document []byte) (Prices, error) {
	var file struct {
		Rows []PriceRow `json:"rows"`
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return Prices{}, fmt.Errorf("read the prices: %w", err)
	}
	prices := Prices{rows: map[[2]string]PriceRow{}}
	for i, row := range file.Rows {
		key := [2]string{row.Region, row.ID}
		if _, twice := prices.rows[key]; twice {
			return Prices{}, fmt.Errorf("read the prices: rows[%d]: %s in %s is there twice", i, row.ID, row.Region)
		}
		if _, err := time.Parse(time.DateOnly,
			row.Date); err != nil || row.Price <= 0 || row.Source == "" || row.Unit == "" {
			return Prices{}, fmt.Errorf("read the prices: rows[%d]: %s in %s lacks a price, unit, source or date", i,
				row.ID, row.Region)
		}
		prices.rows[key] = row
	}
	return prices, nil
}

// With is the prices with the rows in the place of those with the same region and ID.
func (p Prices) With(rows []PriceRow) Prices {
	merged := maps.Clone(p.rows)
	if merged == nil {
		merged = map[[2]string]PriceRow{}
	}
	for _, row := range rows {
		merged[[2]string{row.Region, row.ID}] = row
	}
	return Prices{rows: merged}
}

// Regions are the regions that have every price, sorted.
func (p Prices) Regions() []string {
	found := map[string]bool{}
	for key := range p.rows {
		found[key[0]] = true
	}
	delete(found, everywhere)
	maps.DeleteFunc(found, func(region string, _ bool) bool { return len(p.missing(region)) > 0 })
	return slices.Sorted(maps.Keys(found))
}

// missing are the IDs that have no price in the region, sorted.
func (p Prices) missing(region string) []string {
	var absent []string
	for _, id := range priceIDs() {
		if _, found := p.find(region, id); !found {
			absent = append(absent, id)
		}
	}
	return absent
}

func (p Prices) find(region, id string) (PriceRow, bool) {
	row, found := p.rows[[2]string{region, id}]
	if !found {
		row, found = p.rows[[2]string{everywhere, id}]
	}
	return row, found
}

// priceIDs are the IDs of all prices that any platform needs, sorted.
func priceIDs() []string {
	ids := []string{idSpotShare, idManagedShare, idEKSCluster, idDedicated, idGP3, idEFS, idNATHour, idNATGB,
		idEndpointHour,
		idEndpointGB, idIPv4, idALBHour, idALBLCU, idLambdaRequest, idHTTPAPI, idLogs, idInternetOut}
	for _, architecture := range []Architecture{ARM64, X8664} {
		ids = append(ids, fargateCPU(architecture), fargateMemory(architecture), lambdaSecond(architecture))
	}
	for _, host := range hostTypes {
		ids = append(ids, host.priceID())
	}
	slices.Sort(ids)
	return ids
}

// The IDs of prices.
const (
	idSpotShare     = "fargate-spot.share"
	idManagedShare  = "managed-instances.share"
	idEKSCluster    = "eks.cluster"
	idDedicated     = "dedicated.region"
	idGP3           = "ebs.gp3"
	idEFS           = "efs.gb"
	idNATHour       = "nat.hour"
	idNATGB         = "nat.gb"
	idEndpointHour  = "endpoint.hour"
	idEndpointGB    = "endpoint.gb"
	idIPv4          = "ipv4.hour"
	idALBHour       = "alb.hour"
	idALBLCU        = "alb.lcu"
	idLambdaRequest = "lambda.request"
	idHTTPAPI       = "http-api.request"
	idLogs          = "logs.gb"
	idInternetOut   = "internet-out.gb"
)

func fargateCPU(architecture Architecture) string { return "fargate." + string(architecture) + ".vcpu" }
func fargateMemory(architecture Architecture) string {
	return "fargate." + string(architecture) + ".gb"
}
func lambdaSecond(architecture Architecture) string {
	return "lambda." + string(architecture) + ".gb-second"
}
