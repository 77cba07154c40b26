package ecs

import "strings"

// resourceName is an ARN in its parts (arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE).
type resourceName struct {
	partition, service, region, account, resource string
}

// parseARN splits an ARN. The zero value is the answer to text that is not one.
func parseARN(text string) resourceName {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return resourceName{}
	}
	return resourceName{
		partition: parts[1], service: parts[2], region: parts[3], account: parts[4], resource: parts[5],
	}
}

// with is the ARN of another resource of the same partition, region and account.
func (n resourceName) with(service, resource string) string {
	return strings.Join([]string{"arn", n.partition, service, n.region, n.account, resource}, ":")
}

// afterLast is what follows the last separator, or all of the text.
func afterLast(text, separator string) string {
	return text[strings.LastIndex(text, separator)+len(separator):]
}
