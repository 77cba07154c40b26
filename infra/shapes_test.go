package main

import (
	"path/filepath"
	"strings"
	"testing"

	"davit/infra/config"
)

func TestAShapeThatCannotWorkIsRefusedWithTheReasonAndTheWayOut(t *testing.T) {
	refused := 0
	for _, shape := range config.Shapes {
		_, err := config.ReadShape(filepath.Join(checkout, shapesFolder), shape)
		if (err != nil) != config.ImpossibleShape(shape) {
			t.Errorf("%s: %v", shape, err)
		}
		if err == nil {
			continue
		}
		refused++
		for _, want := range []string{"ml.capacity: Fargate has neither GPUs nor Inferentia nor Trainium", "set ec2",
			"use the shape " + strings.TrimSuffix(shape, "fargate") + "ec2"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is not in: %v", shape, want, err)
			}
		}
	}
	if refused != 2 {
		t.Errorf("%d shapes are refused", refused)
	}
}

func TestAShapeOrAFileIsChosenAndNotBoth(t *testing.T) {
	for _, test := range []struct{ name, path, shape, want string }{
		{"both", "/nowhere/a.yaml", "web-ecs-fargate", "not both"},
		{"a shape that there is not", "", "web-lambda", "web-ecs-fargate, "},
		{"a file that there is not", "/nowhere/a.yaml", "", "/nowhere/a.yaml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := choose(test.path, test.shape); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q, have %v", test.want, err)
			}
		})
	}
}
