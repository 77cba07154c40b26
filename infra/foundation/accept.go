package foundation

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
)

// AcceptFindings has checkov leave out checks for the one resource that the construct is, each for its reason, which is
// in the template too. It is called once a construct.
func AcceptFindings(construct constructs.IConstruct, reasons map[string]string) {
	skip := make([]map[string]string, 0, len(reasons))
	for _, check := range slices.Sorted(maps.Keys(reasons)) {
		skip = append(skip, map[string]string{"id": check, "comment": reasons[check]})
	}
	if len(skip) == 0 {
		return
	}
	resource := construct.Node().DefaultChild().(awscdk.CfnResource)
	resource.AddMetadata(jsii.String("checkov"), map[string]any{"skip": skip})
}

// NewLogGroup makes a log group that keeps its events for so many days, one of config.LogDays. CloudWatch Logs encrypts
// it; a key of the installation's own would have to be opened to every service that writes, and has a price.
func NewLogGroup(scope constructs.Construct, id *string, configuration *config.Configuration, name string, days int,
) awslogs.LogGroup {
	group := awslogs.NewLogGroup(scope, id, LogGroupProps(configuration, name, days))
	AcceptFindings(group, map[string]string{
		"CKV_AWS_158": "It is encrypted by a key of AWS; one of the installation's own has a price and must be opened to each writer.",
	})
	return group
}
