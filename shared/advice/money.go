package advice

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Prices, quantities and amounts are whole numbers of a small unit, so that quantity × unit price = amount holds to the
// last digit that is shown, and a total is the sum of its lines.
const (
	pricePlaces    = 10
	quantityPlaces = 4
	amountPlaces   = 2
)

// Price is what one unit costs, in units of 10⁻¹⁰ US dollars: the finest that AWS lists (Lambda's GB-second).
type Price int64

// Quantity is how many units are used in a month, in ten-thousandths.
type Quantity int64

// Amount is a sum of money, in cents of a US dollar.
type Amount int64

// quantityOf rounds to the nearest ten-thousandth. What is out of range becomes the largest quantity; validated
// workloads stay far below it.
func quantityOf(value float64) Quantity {
	scaled := math.Round(value * 1e4)
	switch {
	case !(scaled > 0):
		return 0
	case scaled >= math.MaxInt64:
		return math.MaxInt64
	}
	return Quantity(scaled)
}

// Times is quantity × price, rounded half up to the cent. What is out of range becomes the largest amount.
func (q Quantity) Times(price Price) Amount {
	if q <= 0 || price <= 0 {
		return 0
	}
	const unit = 1_000_000_000_000 // 10⁻⁴ × 10⁻¹⁰ in cents
	high, low := bits.Mul64(uint64(q), uint64(price))
	low, carry := bits.Add64(low, unit/2, 0)
	high += carry
	if high >= unit {
		return math.MaxInt64
	}
	cents, _ := bits.Div64(high, low, unit)
	if cents > math.MaxInt64 {
		return math.MaxInt64
	}
	return Amount(cents)
}

// share is the price times a share that is written as a price of 0 to 1, rounded down to the finest unit.
func (p Price) share(of Price) Price {
	high, low := bits.Mul64(uint64(max(p, 0)), uint64(max(of, 0)))
	const one = 10_000_000_000
	if high >= one {
		return math.MaxInt64
	}
	result, _ := bits.Div64(high, low, one)
	return Price(min(result, math.MaxInt64))
}

// String is the number in dollars without needless zeros, such as "0.03238".
func (p Price) String() string { return shortened(decimal(int64(p), pricePlaces)) }

// String is the number without needless zeros.
func (q Quantity) String() string { return shortened(decimal(int64(q), quantityPlaces)) }

// String is the number in dollars with two decimals.
func (a Amount) String() string { return decimal(int64(a), amountPlaces) }

// Dollars is the amount as a floating point number, for scores and pictures.
func (a Amount) Dollars() float64 { return float64(a) / 100 }

// MarshalJSON writes a JSON number.
func (p Price) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// MarshalJSON writes a JSON number.
func (q Quantity) MarshalJSON() ([]byte, error) { return []byte(q.String()), nil }

// MarshalJSON writes a JSON number with two decimals.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalJSON reads a JSON number, or a string that holds one, with at most ten decimals.
func (p *Price) UnmarshalJSON(text []byte) error {
	return unmarshalDecimal(text, pricePlaces, (*int64)(p))
}

// UnmarshalJSON reads a JSON number with at most four decimals.
func (q *Quantity) UnmarshalJSON(text []byte) error {
	return unmarshalDecimal(text, quantityPlaces, (*int64)(q))
}

// UnmarshalJSON reads a JSON number with at most two decimals.
func (a *Amount) UnmarshalJSON(text []byte) error {
	return unmarshalDecimal(text, amountPlaces, (*int64)(a))
}

func unmarshalDecimal(text []byte, places int, to *int64) error {
	number := string(text)
	if strings.HasPrefix(number, `"`) {
		if err := json.Unmarshal(text, &number); err != nil {
			return err
		}
	}
	value, err := parseDecimal(number, places)
	if err != nil {
		return err
	}
	*to = value
	return nil
}

func decimal(value int64, places int) string {
	digits := strconv.FormatInt(value, 10)
	sign := ""
	if value < 0 {
		sign, digits = "-", digits[1:]
	}
	if missing := places + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - places
	return sign + digits[:point] + "." + digits[point:]
}

func shortened(number string) string { return strings.TrimSuffix(strings.TrimRight(number, "0"), ".") }

// parseDecimal reads a number that is not negative. Further decimals than places are an error unless they are zeros.
func parseDecimal(number string, places int) (int64, error) {
	whole, fraction, _ := strings.Cut(number, ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > places {
		return 0, fmt.Errorf("%q has more than %d decimals", number, places)
	}
	digits := whole + fraction + strings.Repeat("0", places-len(fraction))
	if whole == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, fmt.Errorf("%q is no number of zero or above in plain digits", number)
	}
	value, err := strconv.ParseInt(digits, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%q is too large", number)
	}
	return value, err
}
