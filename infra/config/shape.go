package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Shapes are the names of the checked-in configurations: what runs, what schedules it, and on what. Those that cannot
// work are there too, and are refused with the reason and the way out.
var Shapes = []string{
	"web-ecs-ec2", "web-ecs-fargate", "web-eks-ec2", "web-eks-fargate",
	"ml-ecs-ec2", "ml-ecs-fargate", "ml-eks-ec2", "ml-eks-fargate",
	"chain-ecs-ec2", "chain-ecs-fargate", "chain-eks-ec2", "chain-eks-fargate",
}

// ReadShape reads and validates the configuration of a shape, one of Shapes, from the folder that has them.
func ReadShape(folder, shape string) (*Configuration, error) {
	if !slices.Contains(Shapes, shape) {
		return nil, fmt.Errorf("there is no shape %q: want one of %s", shape, strings.Join(Shapes, ", "))
	}
	configuration, err := Read(filepath.Join(folder, shape+".yaml"))
	if err != nil {
		return nil, fmt.Errorf("the shape %s: %w", shape, err)
	}
	return configuration, nil
}

// ImpossibleShape tells whether the shape is one that cannot work: Fargate has no accelerators.
func ImpossibleShape(shape string) bool {
	return shape == "ml-ecs-fargate" || shape == "ml-eks-fargate"
}
