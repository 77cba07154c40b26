package ecs_test

import (
	"maps"
	"net/http"
	"testing"

	"davit/shared/workload"
)

func TestRecallAsksInBatchesOfTen(t *testing.T) {
	w := newWire(t)
	w.on("GetParameters", ok(object{"Parameters": array{
		object{"Name": "/davit/image/ecs/other/web", "Value": "web@sha256:1"},
	}}))
	_, references := fleet(t, 25)
	kept := reference(t, "ecs:other/web")
	got, err := w.driver().Recall(t.Context(), append(references, kept, kept))
	want := map[workload.Reference]string{kept: "web@sha256:1"}
	for _, reference := range references {
		want[reference] = ""
	}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("recalled %v, %v, want %v", got, err, want)
	}
	if calls := w.count("GetParameters"); calls != 6 {
		t.Errorf("%d calls for 51 parameters, want 6", calls)
	}
}

func TestRecallDeniedNamesWhatToAllow(t *testing.T) {
	w := newWire(t)
	w.on("GetParameters", fault(http.StatusBadRequest, "AccessDeniedException", "no"))
	got, err := w.driver().Recall(t.Context(), []workload.Reference{reference(t, "ecs:davit/web")})
	wantError(t, err, `"Action":"ssm:GetParameters"`, "parameter/davit/image/*")
	if got != nil {
		t.Errorf("recalled %v beside the error", got)
	}
}
