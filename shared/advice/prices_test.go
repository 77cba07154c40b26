package advice

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryRegionThatComesWithTheProgramIsComplete(t *testing.T) {
	prices := embeddedOrFail(t)
	if have, want := prices.Regions(), []string{"ap-northeast-2", "eu-central-1", "us-east-1"}; !slices.Equal(have,
		want) {
		t.Errorf("have %v, want %v", have, want)
	}
	needed := priceIDs()
	for key, row := range prices.rows {
		if !slices.Contains(needed, key[1]) {
			t.Errorf("%s in %s is needed by nothing", key[1], key[0])
		}
		if !strings.HasPrefix(row.Source, "https://") || row.Note == "" || row.Date < "2026" && !row.unverified() {
			t.Errorf("%s in %s lacks a page, how the figure was found there, or a date of late: %+v", key[1], key[0], row)
		}
	}
}

func TestWrongPricesAreRefused(t *testing.T) {
	const row = `{"id": "a", "region": "*", "unit": "hour", "price": "1", "source": "s", "date": "2026-01-01"}`
	for name, document := range map[string]string{
		"a row twice":            `{"rows": [` + row + `,` + row + `]}`,
		"no price":               `{"rows": [` + strings.Replace(row, `"1"`, `"0"`, 1) + `]}`,
		"a date that is none":    `{"rows": [` + strings.Replace(row, "2026-01-01", "January", 1) + `]}`,
		"no source":              `{"rows": [` + strings.Replace(row, `"s"`, `""`, 1) + `]}`,
		"a field that is not":    `{"rows": [` + strings.Replace(row, `"unit"`, `"units"`, 1) + `]}`,
		"a price with a comma":   `{"rows": [` + strings.Replace(row, `"1"`, `"1,5"`, 1) + `]}`,
		"what is no JSON at all": `rows`,
	} {
		if _, err := parsePrices([]byte(document)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := parsePrices([]byte(`{"rows": [` + row + `]}`)); err != nil {
		t.Errorf("a good row is refused: %v", err)
	}
}

// offerFile is an offer file of the shape that AWS publishes.
func offerFile(offer, products, terms string) string {
	return fmt.Sprintf(`{"formatVersion": "v1.0", "disclaimer": "x", "offerCode": %q, "version": "1",
"publicationDate": "2026-11-20T00:00:00Z", "products": {%s}, "terms": {"OnDemand": {%s},
"Reserved": {"A": {"A.R": {"priceDimensions": {"x": [1, {"y": null}]}}}}}}`, offer, products, terms)
}

func productOf(sku, region, usage, further string) string {
	return fmt.Sprintf(`%q: {"sku": %q, "productFamily": "f", "attributes": {"regionCode": %q, "usagetype": %q%s}}`,
		sku, sku,
		region, usage, further)
}

func termOf(sku string, tiers ...string) string {
	var dimensions []string
	for i, tier := range tiers {
		begin, price, _ := strings.Cut(tier, "=")
		dimensions = append(dimensions, fmt.Sprintf(`"d%d": {"unit": "Hrs", "beginRange": %q, "endRange": "Inf",
"pricePerUnit": {"USD": %q}}`, i, begin, price))
	}
	return fmt.Sprintf(`%q: {"%s.T": {"effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": {%s}}}`, sku, sku,
		strings.Join(dimensions, ","))
}

func TestPricesAreTakenFromAWSsPriceList(t *testing.T) {
	file := offerFile("AmazonECS",
		productOf("A", "sa-east-1", "SAE1-Fargate-ARM-vCPU-Hours:perCPU", "")+","+
			productOf("B", "sa-east-1", "SAE1-Fargate-GB-Hours", "")+","+
			productOf("C", "us-east-1", "USE1-Fargate-ARM-GB-Hours", "")+","+
			productOf("D", "sa-east-1", "SAE1-Fargate-Windows-GB-Hours", ""),
		termOf("A", "0=0.0557000000")+","+termOf("B", "0=0.0076000000")+","+termOf("C", "0=9")+","+termOf("D", "0=9"))
	have, err := ReadPriceList(strings.NewReader(file), "ecs.json", "sa-east-1")
	if err != nil {
		t.Fatal(err)
	}
	row := func(id, unit string, price Price, sku string) PriceRow {
		return PriceRow{ID: id, Region: "sa-east-1", Unit: unit, Price: price, Date: "2026-11-20",
			Source: "AWS price list ecs.json, SKU " + sku}
	}
	want := []PriceRow{row("fargate.arm64.vcpu", "vCPU-hour", 557_000_000, "A"), row("fargate.x86_64.gb", "GB-hour",
		76_000_000, "B")}
	if difference := cmp.Diff(want, have); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
	merged := embeddedOrFail(t).With(have)
	if found, _ := merged.find("sa-east-1", "fargate.arm64.vcpu"); found.Price != 557_000_000 {
		t.Errorf("it is not found again: %+v", found)
	}
	if slices.Contains(merged.Regions(), "sa-east-1") {
		t.Error("a region with two prices counts as complete")
	}
}

func TestInstancesAndTiersAreChosenFromThePriceList(t *testing.T) {
	const linux = `, "operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used", "operation": "RunInstances"`
	windows := strings.Replace(linux, "Linux", "Windows", 1)
	file := offerFile("AmazonEC2",
		productOf("L", "us-east-1", "BoxUsage:m6g.large", linux)+","+productOf("W", "us-east-1", "BoxUsage:m6g.large",
			windows)+","+
			productOf("N", "us-east-1", "NatGateway-Bytes", ""),
		termOf("L", "0=0.08")+","+termOf("W", "0=0.2")+","+termOf("N", "10240=0.03", "0=0", "1=0.045"))
	rows, err := ReadPriceList(strings.NewReader(file), "ec2.json", "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, row := range rows {
		have = append(have, row.ID+"="+row.Price.String())
	}
	if want := []string{"ec2.m6g.large=0.08", "nat.gb=0.045"}; !slices.Equal(have, want) {
		t.Errorf("have %v, want %v", have, want)
	}
	advised, err := Advise(sample(nil), embeddedOrFail(t).With(rows), today)
	if err != nil {
		t.Fatal(err)
	}
	found := slices.ContainsFunc(advised.Prices, func(row PriceRow) bool {
		return strings.HasPrefix(row.Source,
			"AWS price list ec2.json")
	})
	if !found {
		t.Error("what was read is not used")
	}
}

func TestBrokenPriceListsAreRefused(t *testing.T) {
	product := productOf("A", "us-east-1", "USE1-Fargate-GB-Hours", "")
	tests := []struct{ name, file, want string }{
		{"a list", `[1]`, "want an object"},
		{"half a file", offerFile("AmazonECS", product, termOf("A", "0=1"))[:400], "unexpected EOF"},
		{"an offer that is not needed", offerFile("AmazonSNS", product, termOf("A", "0=1")),
			`offer "AmazonSNS" has no price that is needed for us-east-1`},
		{"products before the offer", `{"products": {` + product + `}}`, "want offerCode before products"},
		{"terms before the date", `{"offerCode": "AmazonECS", "terms": {}}`,
			"want publicationDate and products before terms"},
		{"two prices for one thing", offerFile("AmazonECS", product+","+productOf("B", "us-east-1",
			"USE1-Fargate-GB-Hours", ""),
			termOf("A", "0=1")+","+termOf("B", "0=2")), "SKUs A and B both are fargate.x86_64.gb"},
		{"a price that is none", offerFile("AmazonECS", product, termOf("A", "0=cheap")),
			`SKU A (fargate.x86_64.gb): pricePerUnit: "cheap"`},
		{"another currency", strings.ReplaceAll(offerFile("AmazonECS", product, termOf("A", "0=1")), "USD", "CNY"),
			"no price in USD"},
		{"a date that is none", strings.Replace(offerFile("AmazonECS", product, termOf("A", "0=1")), "2026-11-20T",
			"soon", 1), "publicationDate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rows, err := ReadPriceList(strings.NewReader(test.file), "x.json", "us-east-1")
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "x.json") {
				t.Errorf("want %q, have %v and %v", test.want, err, rows)
			}
		})
	}
}

func TestPriceListsCompleteARegionThatIsNotBuiltIn(t *testing.T) {
	prices := embeddedOrFail(t)
	var rows []PriceRow
	for _, want := range listedPrices {
		rows = append(rows, PriceRow{ID: want.id, Region: "sa-east-1", Unit: want.unit, Price: 1, Source: "x", Date: "2026-11-20"})
		if row, found := prices.find("us-east-1", want.id); !found || row.Unit != want.unit {
			t.Errorf("%s is by %q on the list and by %q here", want.id, want.unit, row.Unit)
		}
	}
	if missing := prices.With(rows).missing("sa-east-1"); len(missing) > 0 {
		t.Errorf("no list has %v", missing)
	}
}
