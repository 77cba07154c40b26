package foundation

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

// Conditions are a statement's, as operator, key and value or values.
type Conditions map[string]any

// AllowWhere is a statement that allows the actions on the resources, under the conditions if there are any; Allow is for
// one resource and no condition.
func AllowWhere(sid string, resources []string, where Conditions, actions ...string) awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{
		Sid: jsii.String(sid), Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...),
	}
	if where != nil {
		translated := map[string]any(where)
		props.Conditions = &translated
	}
	return awsiam.NewPolicyStatement(props)
}

// Policy is a policy document of the statements.
func Policy(statements ...awsiam.PolicyStatement) awsiam.PolicyDocument {
	return awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements})
}
