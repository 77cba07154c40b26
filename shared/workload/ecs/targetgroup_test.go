package ecs_test

import (
	"net/http"
	"testing"
)

func TestAMissingClusterHidesNoOtherTargetGroup(t *testing.T) {
	w := newWire(t)
	w.on("GetResources", tagged("", serviceARN("lost", "web"), serviceARN("shop", "api")))
	w.serve("DescribeServices", func(body string) answer {
		if decode(t, body)["cluster"] == "lost" {
			return fault(http.StatusBadRequest, "ClusterNotFoundException", "Cluster not found.")
		}
		return ok(object{"services": array{object{"serviceArn": serviceARN("shop", "api"), "loadBalancers": array{
			object{"targetGroupArn": "arn:aws:elasticloadbalancing:" + region + ":" + account + ":targetgroup/api/73e2d6bc24d8a067"}}}}})
	})
	found, err := w.driver().BehindTargetGroup(t.Context(), "targetgroup/api/73e2d6bc24d8a067")
	if err != nil || found != reference(t, "ecs:shop/api") {
		t.Errorf("%v is behind the target group, with the error %v", found, err)
	}
}

func TestOtherFaultsAreNoMissingCluster(t *testing.T) {
	w := newWire(t)
	w.on("GetResources", tagged("", serviceARN("shop", "api")))
	w.on("DescribeServices", fault(http.StatusBadRequest, "AccessDeniedException", "no"))
	_, err := w.driver().BehindTargetGroup(t.Context(), "targetgroup/api/73e2d6bc24d8a067")
	wantError(t, err, "targetgroup/api/73e2d6bc24d8a067", "ecs:DescribeServices")
}
