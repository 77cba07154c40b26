package ecs_test

import (
	"errors"
	"testing"

	"davit/shared/ledger"
	"davit/shared/recovery"
	"davit/shared/rollout"
	"davit/shared/workload/ecs"
)

func TestAnInterruptedRaiseLeavesWhatSomebodyElseStartedMeanwhile(t *testing.T) {
	act := ledger.Act{ID: "act-1", Do: "raise-memory", Before: ledger.Before{Revision: revisionARN("web:7"), Memory: 512}}
	for _, test := range []struct {
		name, runs string
		tags       map[string]string
		refused    bool
		starts     string
	}{
		{"nothing was made yet", "web:7", map[string]string{}, false, "web:9"},
		{"its own revision was made", "web:7", map[string]string{"web:8": "act-1"}, false, "web:8"},
		{"its own revision runs", "web:8", map[string]string{"web:8": "act-1"}, false, "web:8"},
		{"somebody else's runs", "web:8", map[string]string{}, true, ""},
		{"somebody else's runs after its own", "web:9", map[string]string{"web:8": "act-1"}, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onFamily(test.tags, []string{"web:9", "web:8", "web:7"})
			w.on("RegisterTaskDefinition", ok(object{"taskDefinition": object{"taskDefinitionArn": revisionARN("web:9")}}))
			w.on("UpdateService", ok(object{"service": object{"deployments": array{deployment("ecs-svc/2", "PRIMARY", test.starts, 2)}}}))
			seen := recovery.Observation{Observation: observed(t)}
			seen.Revision = revisionARN(test.runs)
			_, err := ecs.NewRemedies(w.driver(), nil, nil).Act(t.Context(), seen, act, true)
			var refused *rollout.Refused
			if errors.As(err, &refused) != test.refused || err != nil != test.refused {
				t.Fatalf("it answers %v", err)
			}
			if test.refused && w.count("UpdateService")+w.count("RegisterTaskDefinition") > 0 {
				t.Error("it was changed")
			}
			if !test.refused && decode(t, w.bodies("UpdateService")[0])["taskDefinition"] != revisionARN(test.starts) {
				t.Errorf("started %s", w.bodies("UpdateService")[0])
			}
		})
	}
}
