package access

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"regexp"
)

// stsHost is a host of AWS's STS with its port.
var stsHost = regexp.MustCompile(`^sts(\.[a-z0-9-]+)?\.amazonaws\.com:443$`)

// LeadSTS makes the hosts of AWS's STS lead to the local cloud, for the default client of this process. The
// authenticator calls the URL in a token, and takes no other host in one, as on AWS.
func LeadSTS(cloud *url.URL) {
	transport := http.DefaultTransport.(*http.Transport)
	transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if stsHost.MatchString(address) {
			return (&net.Dialer{}).DialContext(ctx, network, cloud.Host)
		}
		return (&tls.Dialer{}).DialContext(ctx, network, address)
	}
}
