package emulator_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"davit/cmd/davit/emulator"
)

func judgeSeveralServices(t *testing.T) {
	role, limited := newRole(t)
	client := ecs.NewFromConfig(limited)
	if _, err := ecs.NewFromConfig(cloud(t)).CreateCluster(t.Context(), &ecs.CreateClusterInput{
		ClusterName: &role,
	}); err != nil {
		t.Fatal(err)
	}
	describe := func(services ...string) error {
		_, err := client.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: &role, Services: services})
		return err
	}
	allow(t, role, "ecs:DescribeServices", ownArn("ecs", "service/"+role+"/web"), "")
	permitted(t, describe("web"))
	permitted(t, describe(ownArn("ecs", "service/"+role+"/web")))
	denied(t, describe("web", "other"), "service/"+role+"/other")
}

func judgeTaskList(t *testing.T) {
	role, limited := newRole(t)
	for _, cluster := range []string{role, role + "-other"} {
		if _, err := ecs.NewFromConfig(cloud(t)).CreateCluster(t.Context(), &ecs.CreateClusterInput{
			ClusterName: &cluster,
		}); err != nil {
			t.Fatal(err)
		}
	}
	list := func(cluster string) error {
		_, err := ecs.NewFromConfig(limited).ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: &cluster})
		return err
	}
	allow(t, role, "ecs:ListTasks", "*",
		`,"Condition":{"ArnLike":{"ecs:cluster":"`+ownArn("ecs", "cluster/"+role)+`"}}`)
	permitted(t, list(role))
	permitted(t, list(ownArn("ecs", "cluster/"+role)))
	denied(t, list(role+"-other"), "ecs:ListTasks")
}

func judgeTaskDefinition(t *testing.T) {
	role, limited := newRole(t)
	roleArn := "arn:aws:iam::" + emulator.Account + ":role/" + role
	register := func(tags ...ecstypes.Tag) error {
		_, err := ecs.NewFromConfig(limited).RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family: &role, ExecutionRoleArn: &roleArn, Tags: tags,
			ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("web")}},
		})
		return err
	}
	allow(t, role, "ecs:RegisterTaskDefinition", "*", "")
	denied(t, register(), "iam:PassRole", roleArn)
	allow(t, role, "iam:PassRole", roleArn, `,"Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}`)
	denied(t, register(), "iam:PassRole")
	allow(t, role, "iam:PassRole", roleArn, `,"Condition":{"StringEquals":{"iam:PassedToService":"ecs-tasks.amazonaws.com"}}`)
	permitted(t, register())

	tag := ecstypes.Tag{Key: aws.String("stage"), Value: aws.String("test")}
	denied(t, register(tag), "ecs:TagResource")
	allow(t, role, "ecs:TagResource", ownArn("ecs", "task-definition/*"),
		`,"Condition":{"StringEquals":{"ecs:CreateAction":"CreateService"}}`)
	denied(t, register(tag), "ecs:TagResource")
	allow(t, role, "ecs:TagResource", ownArn("ecs", "task-definition/*"),
		`,"Condition":{"StringEquals":{"ecs:CreateAction":"RegisterTaskDefinition"}}`)
	permitted(t, register(tag))
}

func judgeParameters(t *testing.T) {
	role, limited := newRole(t)
	for _, name := range []string{"/own/first", "/own/second", "/other/third"} {
		_, err := ssm.NewFromConfig(cloud(t)).PutParameter(t.Context(), &ssm.PutParameterInput{
			Name: &name, Value: aws.String("value"), Type: ssmtypes.ParameterTypeString,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	get := func(names ...string) error {
		_, err := ssm.NewFromConfig(limited).GetParameters(t.Context(), &ssm.GetParametersInput{Names: names})
		return err
	}
	allow(t, role, "ssm:GetParameters", ownArn("ssm", "parameter/own/*"), "")
	permitted(t, get("/own/first", "/own/second:1"))
	denied(t, get("/own/first", "/other/third"), ownArn("ssm", "parameter/other/third"))

	describe := func() error {
		_, err := ssm.NewFromConfig(limited).DescribeParameters(t.Context(), &ssm.DescribeParametersInput{})
		return err
	}
	denied(t, describe())
	allow(t, role, "ssm:DescribeParameters", "*", "")
	permitted(t, describe())
}

func judgeRolePath(t *testing.T) {
	role, limited := newRole(t)
	within := role + "-within"
	_, err := iam.NewFromConfig(cloud(t)).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &within, Path: aws.String("/path/"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) error {
		_, err := iam.NewFromConfig(limited).GetRole(t.Context(), &iam.GetRoleInput{RoleName: &name})
		return err
	}
	allow(t, role, "iam:GetRole", "arn:aws:iam::"+emulator.Account+":role/path/*", "")
	permitted(t, get(within))
	denied(t, get(role), "role/"+role)
}

func judgeLogGroup(t *testing.T) {
	role, limited := newRole(t)
	client, group := cloudwatchlogs.NewFromConfig(limited), "/group/"+role
	_, err := cloudwatchlogs.NewFromConfig(cloud(t)).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{
		LogGroupName: &group,
	})
	if err != nil {
		t.Fatal(err)
	}
	create := func() error {
		_, err := client.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{
			LogGroupName: &group, LogStreamName: aws.String("stream"),
		})
		return err
	}
	denied(t, create(), "log-group:"+group+":log-stream:stream")
	allow(t, role, "logs:CreateLogStream", ownArn("logs", "log-group:"+group+":*"), "")
	permitted(t, create())

	describe := func() error {
		_, err := client.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
		return err
	}
	denied(t, describe())
	allow(t, role, "logs:DescribeLogGroups", ownArn("logs", "log-group:*"), "")
	permitted(t, describe())
}

func judgeBatch(t *testing.T) {
	role, limited := newRole(t)
	queue, err := sqs.NewFromConfig(cloud(t)).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &role})
	if err != nil {
		t.Fatal(err)
	}
	send := func() error {
		_, err := sqs.NewFromConfig(limited).SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{
			QueueUrl: queue.QueueUrl,
			Entries:  []sqstypes.SendMessageBatchRequestEntry{{Id: aws.String("one"), MessageBody: aws.String("work")}},
		})
		return err
	}
	denied(t, send())
	allow(t, role, "sqs:SendMessage", ownArn("sqs", role), "")
	permitted(t, send())
}

func judgeTransaction(t *testing.T) {
	role, limited := newRole(t)
	_, err := dynamodb.NewFromConfig(cloud(t)).CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &role, BillingMode: dynamodbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamodbtypes.AttributeDefinition{{
			AttributeName: aws.String("key"), AttributeType: dynamodbtypes.ScalarAttributeTypeS,
		}},
		KeySchema: []dynamodbtypes.KeySchemaElement{{AttributeName: aws.String("key"), KeyType: dynamodbtypes.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	item := func(key string) map[string]dynamodbtypes.AttributeValue {
		return map[string]dynamodbtypes.AttributeValue{"key": &dynamodbtypes.AttributeValueMemberS{Value: key}}
	}
	write := func(items ...dynamodbtypes.TransactWriteItem) error {
		_, err := dynamodb.NewFromConfig(limited).TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
			TransactItems: items,
		})
		return err
	}
	put := dynamodbtypes.TransactWriteItem{Put: &dynamodbtypes.Put{TableName: &role, Item: item("first")}}
	remove := dynamodbtypes.TransactWriteItem{Delete: &dynamodbtypes.Delete{TableName: &role, Key: item("second")}}
	allow(t, role, "dynamodb:PutItem", ownArn("dynamodb", "table/"+role), "")
	permitted(t, write(put))
	denied(t, write(put, remove), "dynamodb:DeleteItem")
}

func judgeBus(t *testing.T) {
	role, limited := newRole(t)
	_, err := eventbridge.NewFromConfig(cloud(t)).CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: &role})
	if err != nil {
		t.Fatal(err)
	}
	put := func(bus string) error {
		_, err := eventbridge.NewFromConfig(limited).PutEvents(t.Context(), &eventbridge.PutEventsInput{
			Entries: []eventbridgetypes.PutEventsRequestEntry{{
				EventBusName: &bus, Source: aws.String("test"), DetailType: aws.String("test"), Detail: aws.String("{}"),
			}},
		})
		return err
	}
	allow(t, role, "events:PutEvents", ownArn("events", "event-bus/"+role), "")
	permitted(t, put(role))
	denied(t, put("default"), "events:PutEvents")
}

func judgeTransport(t *testing.T) {
	role, limited := newRole(t)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*",
		"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
	queue, err := sqs.NewFromConfig(cloud(t)).CreateQueue(t.Context(), &sqs.CreateQueueInput{
		QueueName: &role, Attributes: map[string]string{"Policy": policy},
	})
	if err != nil {
		t.Fatal(err)
	}
	allow(t, role, "sqs:SendMessage", ownArn("sqs", role), "")
	for _, caller := range []aws.Config{limited, cloud(t)} {
		_, err := sqs.NewFromConfig(caller).SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: queue.QueueUrl, MessageBody: aws.String("work"),
		})
		permitted(t, err)
	}
	refusing := strings.Replace(policy, `"false"`, `"true"`, 1)
	_, err = sqs.NewFromConfig(cloud(t)).SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl: queue.QueueUrl, Attributes: map[string]string{"Policy": refusing},
	})
	permitted(t, err)
	_, err = sqs.NewFromConfig(limited).SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: queue.QueueUrl, MessageBody: aws.String("work"),
	})
	denied(t, err)
}
