package cloud

import (
	"testing"

	"davit/cmd/davit/local/endpoint"
)

func TestTheEndpointIsThatOfTheCloudThatIsUp(t *testing.T) {
	want := endpoint.Endpoint{Port: 4601, Region: "eu-north-1"}
	if got, err := (state{Endpoint: want.URL(), Region: want.Region}).endpoint(); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}
