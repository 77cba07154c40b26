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

// Ledger allows the calls by which the ledger in the table is read and written. DynamoDB judges a transaction by the
// permission of each of its items' operations ("Using IAM with DynamoDB transactions" in the DynamoDB developer guide).
func Ledger(table string) awsiam.PolicyStatement {
	return AllowWhere("Ledger", []string{table}, nil, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem",
		"dynamodb:DeleteItem")
}

// Policy is a policy document of the statements.
func Policy(statements ...awsiam.PolicyStatement) awsiam.PolicyDocument {
	return awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements})
}
