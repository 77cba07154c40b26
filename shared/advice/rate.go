package advice

// Rate is the price of what the ID names in the region, such as "fargate.x86_64.vcpu" or "ec2.m6i.large", and false where
// it is not known.
func (p Prices) Rate(region, id string) (PriceRow, bool) { return p.find(region, id) }
