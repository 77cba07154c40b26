package hosts

// Call lets tests make what davit itself never makes.
var Call = (*EC2).call
