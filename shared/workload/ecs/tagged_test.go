package ecs_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/shared/workload"
)

func tagged(token string, arns ...string) answer {
	resources := array{}
	for _, arn := range arns {
		resources = append(resources, object{"ResourceARN": arn})
	}
	return ok(object{"ResourceTagMappingList": resources, "PaginationToken": token})
}

func TestTaggedListsEveryPage(t *testing.T) {
	w := newWire(t)
	oldForm := "arn:aws:ecs:" + region + ":" + account + ":service/old"
	w.on("GetResources", tagged("next", serviceARN("davit", "web"), oldForm), tagged("", serviceARN("shop", "api")))
	var got []workload.Reference
	var unreadable []error
	for page, err := range w.driver().Tagged(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.References...)
		unreadable = append(unreadable, page.Unreadable...)
	}
	want := []workload.Reference{reference(t, "ecs:davit/web"), reference(t, "ecs:shop/api")}
	if difference := cmp.Diff(want, got, cmp.AllowUnexported(workload.Reference{})); difference != "" {
		t.Errorf("listed (-want +got):\n%s", difference)
	}
	if len(unreadable) != 1 {
		t.Fatalf("unreadable are %v, want the ARN of the old form", unreadable)
	}
	wantError(t, unreadable[0], oldForm)
	asked := decode(t, w.bodies("GetResources")[1])
	wantAsked := map[string]any{
		"ResourceTypeFilters": array{"ecs:service"}, "TagFilters": array{object{"Key": "davit/policy"}},
		"ResourcesPerPage": float64(100), "PaginationToken": "next",
	}
	if difference := cmp.Diff(wantAsked, asked); difference != "" {
		t.Errorf("second call (-want +got):\n%s", difference)
	}
}

func TestTaggedStopsWhereItsCallerStops(t *testing.T) {
	w := newWire(t)
	w.on("GetResources", tagged("next", serviceARN("davit", "web")))
	for range w.driver().Tagged(t.Context()) {
		break
	}
	if calls := w.count("GetResources"); calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
}

func TestTaggedEndsWithAFault(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer answer
		words  []string
		calls  int
	}{
		{"a denied call names what to allow", fault(http.StatusBadRequest, "AccessDeniedException", "no"),
			[]string{`"Action":"tag:GetResources"`}, 2},
		{"a throttle that lasts is an error", fault(http.StatusBadRequest, "ThrottledException", "slow"),
			[]string{"davit/policy", "tag:GetResources", "slow"}, 4},
		{"pages without end are an error", tagged("next"), []string{"100,000"}, 1000},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.on("GetResources", tagged("next", serviceARN("davit", "web")), test.answer)
			var last error
			services := 0
			for page, err := range w.driver().Tagged(t.Context()) {
				if last != nil {
					t.Fatal("a page came after the error")
				}
				services, last = services+len(page.References), err
			}
			wantError(t, last, test.words...)
			if calls := w.count("GetResources"); services != 1 || calls != test.calls {
				t.Errorf("%d services by %d calls, want 1 by %s", services, calls, fmt.Sprint(test.calls))
			}
		})
	}
}
