package scaling

import (
	"fmt"
	"math"

	"davit/shared/advice"
)

// monthlyOf is what a change of the workload's count changes of a month's bill.
func monthlyOf(seen Observation, change int) string {
	if seen.Task.Instance != "" {
		return monthlyOfHosts(seen.Region, seen.Task.Instance, change)
	}
	return monthlyOfTasks(seen.Region, seen.Task, change)
}

// monthlyOfTasks is what a change of the number of tasks changes of a month's bill, in words, by the prices that come
// with the program.
func monthlyOfTasks(region string, task Task, change int) string {
	if !task.Fargate {
		return "nothing by itself: its hosts are paid"
	}
	prices, err := advice.EmbeddedPrices()
	if err != nil {
		return unknownPrice(region)
	}
	cpu, known := prices.Rate(region, "fargate."+task.Architecture+".vcpu")
	memory, alsoKnown := prices.Rate(region, "fargate."+task.Architecture+".gb")
	if !known || !alsoKnown {
		return unknownPrice(region)
	}
	hourly := dollars(cpu)*float64(task.CPU)/1024 + dollars(memory)*float64(task.Memory)/1024
	if share, found := prices.Rate(region, "fargate-spot.share"); task.Spot && found {
		hourly *= dollars(share)
	}
	return monthly(hourly*float64(change), cpu.Date)
}

// monthlyOfHosts is the same for hosts.
func monthlyOfHosts(region, kind string, change int) string {
	prices, err := advice.EmbeddedPrices()
	if err != nil {
		return unknownPrice(region)
	}
	price, known := prices.Rate(region, "ec2."+kind)
	if !known {
		return unknownPrice(region)
	}
	return monthly(dollars(price)*float64(change), price.Date)
}

func dollars(row advice.PriceRow) float64 { return float64(row.Price) / 1e10 }

func monthly(hourly float64, date string) string {
	sign := "+"
	if hourly < 0 {
		sign = "-"
	}
	return fmt.Sprintf("%s$%.2f a month (prices of %s)", sign, math.Abs(hourly)*advice.HoursPerMonth, date)
}

func unknownPrice(region string) string { return "unknown: no price is known for it in " + region }
