package advice

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// MaximumPriceList is how large an offer file may be, in bytes. That of Amazon EC2 for one region has some 400 MB.
const MaximumPriceList = 4 << 30

// listed says which product of AWS's price list a price is.
type listed struct {
	id    string
	unit  string
	offer string
	// usage is the usage type without the prefix of its region.
	usage string
	// attributes are further attributes that the product must have.
	attributes map[string]string
}

// listedPrices are the products whose prices the platforms need. Spot prices and shares of prices are on no list.
var listedPrices = func() []listed {
	application := map[string]string{"operation": "LoadBalancing:Application"}
	all := []listed{
		{fargateCPU(ARM64), "vCPU-hour", "AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU", nil},
		{fargateMemory(ARM64), "GB-hour", "AmazonECS", "Fargate-ARM-GB-Hours", nil},
		{fargateCPU(X8664), "vCPU-hour", "AmazonECS", "Fargate-vCPU-Hours:perCPU", nil},
		{fargateMemory(X8664), "GB-hour", "AmazonECS", "Fargate-GB-Hours", nil},
		{idEKSCluster, "cluster-hour", "AmazonEKS", "AmazonEKS-Hours:perCluster", nil},
		{idGP3, "GB-month", "AmazonEC2", "EBS:VolumeUsage.gp3", nil},
		{idEFS, "GB-month", "AmazonEFS", "TimedStorage-ByteHrs", nil},
		{idNATHour, "NAT-gateway-hour", "AmazonEC2", "NatGateway-Hours", nil},
		{idNATGB, "GB", "AmazonEC2", "NatGateway-Bytes", nil},
		{idEndpointHour, "endpoint-zone-hour", "AmazonVPC", "VpcEndpoint-Hours", nil},
		{idEndpointGB, "GB", "AmazonVPC", "VpcEndpoint-Bytes", nil},
		{idIPv4, "address-hour", "AmazonVPC", "PublicIPv4:InUseAddress", nil},
		{idALBHour, "load-balancer-hour", "AWSELB", "LoadBalancerUsage", application},
		{idALBLCU, "LCU-hour", "AWSELB", "LCUUsage", application},
		{lambdaSecond(ARM64), "GB-second", "AWSLambda", "Lambda-GB-Second-ARM", nil},
		{lambdaSecond(X8664), "GB-second", "AWSLambda", "Lambda-GB-Second", nil},
		{idLambdaRequest, "request", "AWSLambda", "Request", nil},
		{idHTTPAPI, "request", "AmazonApiGateway", "ApiGatewayHttpRequest", nil},
		{idLogs, "GB", "AmazonCloudWatch", "DataProcessing-Bytes", nil},
		{idInternetOut, "GB", "AWSDataTransfer", "DataTransfer-Out-Bytes", nil},
	}
	linux := map[string]string{"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA",
		"capacitystatus": "Used", "operation": "RunInstances"}
	for _, host := range hostTypes {
		all = append(all, listed{host.priceID(), "instance-hour", "AmazonEC2", "BoxUsage:" + host.name, linux})
	}
	return all
}()

// regionPrefix is what the price list puts before the usage types of a region, such as EUC1- or APN2-.
var regionPrefix = regexp.MustCompile(`^[A-Z]{2,4}[0-9]?-`)

type product struct {
	SKU        string            `json:"sku"`
	Attributes map[string]string `json:"attributes"`
}

func (p product) is(want listed, region string) bool {
	if p.Attributes["regionCode"] != region && p.Attributes["fromRegionCode"] != region {
		return false
	}
	if regionPrefix.ReplaceAllString(p.Attributes["usagetype"], "") != want.usage {
		return false
	}
	for name, value := range want.attributes {
		if p.Attributes[name] != value {
			return false
		}
	}
	return true
}

type term struct {
	PriceDimensions map[string]struct {
		BeginRange   string            `json:"beginRange"`
		PricePerUnit map[string]string `json:"pricePerUnit"`
	} `json:"priceDimensions"`
}

// priceList is an offer file while it is read.
type priceList struct {
	name, region     string
	offer, published string
	// wanted are what the SKUs of the file are paid for.
	wanted map[string]listed
	// from is the SKU that a row came from.
	from map[string]string
	rows map[string]PriceRow
}

// ReadPriceList takes the prices of the region from an offer file of AWS's bulk price list
// (docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html): the first
// tier of each product's on-demand terms. The file is read as a stream, its name is used as the source. It is an error
// if the file has no price that is needed, or two for one thing.
func ReadPriceList(file io.Reader, name, region string) ([]PriceRow, error) {
	bounded := &io.LimitedReader{R: file, N: MaximumPriceList}
	list := &priceList{name: name, region: region, wanted: map[string]listed{}, from: map[string]string{},
		rows: map[string]PriceRow{}}
	decoder := json.NewDecoder(bounded)
	err := list.read(decoder)
	switch {
	case bounded.N <= 0:
		return nil, fmt.Errorf("price list %s: larger than %d bytes", name, int64(MaximumPriceList))
	case err != nil:
		return nil, fmt.Errorf("price list %s: %w", name, err)
	case len(list.rows) == 0:
		return nil, fmt.Errorf("price list %s: offer %q has no price that is needed for %s", name, list.offer, region)
	}
	rows := make([]PriceRow, 0, len(list.rows))
	for _, row := range list.rows {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b PriceRow) int { return strings.Compare(a.ID, b.ID) })
	return rows, nil
}

func (l *priceList) read(decoder *json.Decoder) error {
	return eachMember(decoder, func(name string) error {
		switch name {
		case "offerCode":
			return decoder.Decode(&l.offer)
		case "publicationDate":
			return decoder.Decode(&l.published)
		case "products":
			if l.offer == "" {
				return errors.New("want offerCode before products")
			}
			return eachMember(decoder, func(string) error { return l.product(decoder) })
		case "terms":
			if l.published == "" || l.wanted == nil {
				return errors.New("want publicationDate and products before terms")
			}
			return eachMember(decoder, func(kind string) error { return l.terms(decoder, kind) })
		}
		return skip(decoder)
	})
}

func (l *priceList) product(decoder *json.Decoder) error {
	var found product
	if err := decoder.Decode(&found); err != nil {
		return err
	}
	for _, want := range listedPrices {
		if want.offer == l.offer && found.is(want, l.region) {
			l.wanted[found.SKU] = want
		}
	}
	return nil
}

func (l *priceList) terms(decoder *json.Decoder, kind string) error {
	if kind != "OnDemand" {
		return skip(decoder)
	}
	return eachMember(decoder, func(sku string) error {
		want, needed := l.wanted[sku]
		if !needed {
			return skip(decoder)
		}
		var terms map[string]term
		if err := decoder.Decode(&terms); err != nil {
			return fmt.Errorf("SKU %s: %w", sku, err)
		}
		return l.add(sku, want, terms)
	})
}

// add keeps the price of the SKU. Products that cost nothing, such as capacity that was paid for elsewhere, are left out.
func (l *priceList) add(sku string, want listed, terms map[string]term) error {
	price, err := firstTier(terms)
	if err != nil {
		return fmt.Errorf("SKU %s (%s): %w", sku, want.id, err)
	}
	if price == 0 {
		return nil
	}
	published, err := time.Parse(time.RFC3339, l.published)
	if err != nil {
		return fmt.Errorf("publicationDate: %w", err)
	}
	if other, twice := l.from[want.id]; twice && l.rows[want.id].Price != price {
		return fmt.Errorf("SKUs %s and %s both are %s in %s, at %s and %s", other, sku, want.id, l.region,
			l.rows[want.id].Price, price)
	}
	l.from[want.id] = sku
	l.rows[want.id] = PriceRow{ID: want.id, Region: l.region, Unit: want.unit, Price: price,
		Source: "AWS price list " + l.name + ", SKU " + sku, Date: published.UTC().Format(time.DateOnly)}
	return nil
}

// firstTier is the price of the lowest range that costs something.
func firstTier(terms map[string]term) (Price, error) {
	var price Price
	var from int64
	for _, term := range terms {
		for _, dimension := range term.PriceDimensions {
			var begin int64
			var err error
			if dimension.BeginRange != "" {
				if begin, err = parseDecimal(dimension.BeginRange, 0); err != nil {
					return 0, fmt.Errorf("beginRange: %w", err)
				}
			}
			text, found := dimension.PricePerUnit["USD"]
			if !found {
				return 0, errors.New("no price in USD")
			}
			value, err := parseDecimal(text, pricePlaces)
			if err != nil {
				return 0, fmt.Errorf("pricePerUnit: %w", err)
			}
			if value > 0 && (price == 0 || begin < from) {
				price, from = Price(value), begin
			}
		}
	}
	return price, nil
}

// eachMember reads an object and calls with the name of each member, whose value the call must read.
func eachMember(decoder *json.Decoder, member func(name string) error) error {
	open, err := decoder.Token()
	if err != nil {
		return err
	}
	if open != json.Delim('{') {
		return fmt.Errorf("want an object, have %v", open)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		if err := member(fmt.Sprint(name)); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}

// skip reads over one value without keeping it.
func skip(decoder *json.Decoder) error {
	for depth := 0; ; {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
