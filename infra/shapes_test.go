package main

import "davit/infra/config"

// refusedShapes are the shapes that cannot work, with the words by which they are refused.
var refusedShapes = map[string]string{
	"ml-ecs-fargate": "Fargate has neither GPUs nor Inferentia nor Trainium, on ECS and on EKS: set ec2",
	"ml-eks-fargate": "Fargate has neither GPUs nor Inferentia nor Trainium, on ECS and on EKS: set ec2",
}

func readShape(shape string) error {
	_, err := config.ReadShape("shapes", shape)
	return err
}
