package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"davit/shared/hashjob"
	"davit/shared/names"
)

// keptDays is for how many days a record is kept after its last write. A job that is sent again later is done again.
const keptDays = 400

// The attributes of a record's item. The record is a JSON text beside what conditions and updates see.
const (
	attributeVersion = "version"
	attributeRecord  = "record"
	attributeItems   = "items"
	recordKey        = "record"
	jobPartition     = "job#"
)

// Book is a hashjob.Book in a DynamoDB table.
type Book struct {
	client *dynamodb.Client
	table  string
	now    func() time.Time
}

var _ hashjob.Book = (*Book)(nil)

// NewBook keeps records in the table. It calls nothing.
func NewBook(configuration aws.Config, table string) *Book {
	return &Book{client: dynamodb.NewFromConfig(configuration), table: table, now: time.Now}
}

type item = map[string]types.AttributeValue

func keyOf(id string) item {
	return item{names.TablePartitionKey: &types.AttributeValueMemberS{Value: jobPartition + id},
		names.TableSortKey: &types.AttributeValueMemberS{Value: recordKey}}
}

func number[T int64 | uint64](value T) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(value)}
}

// Read implements hashjob.Book, by a consistent read.
func (b *Book) Read(ctx context.Context, id string) (hashjob.Record, error) {
	found, err := b.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &b.table, Key: keyOf(id), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return hashjob.Record{}, fmt.Errorf("read the record of job %s from table %s: %w", id, b.table, err)
	}
	if len(found.Item) == 0 {
		return hashjob.Record{}, nil
	}
	record, err := decode(found.Item)
	if err != nil {
		return hashjob.Record{}, fmt.Errorf("read the record of job %s from table %s: %w", id, b.table, err)
	}
	return record, nil
}

func decode(stored item) (hashjob.Record, error) {
	text, isText := stored[attributeRecord].(*types.AttributeValueMemberS)
	items, isNumber := stored[attributeItems].(*types.AttributeValueMemberN)
	if !isText || !isNumber {
		return hashjob.Record{}, errors.New("it lacks an attribute")
	}
	var record hashjob.Record
	if err := json.Unmarshal([]byte(text.Value), &record); err != nil {
		return hashjob.Record{}, err
	}
	var err error
	record.Items, err = strconv.ParseUint(items.Value, 10, 64)
	return record, err
}

// Write implements hashjob.Book.
func (b *Book) Write(ctx context.Context, record hashjob.Record) (hashjob.Record, error) {
	read := record.Version
	record.Version, record.UpdatedAt = read+1, b.now().UTC().Truncate(time.Millisecond)
	text, err := json.Marshal(record)
	if err != nil {
		return hashjob.Record{}, err
	}
	stored := keyOf(record.ID)
	stored[attributeVersion], stored[attributeItems] = number(record.Version), number(record.Items)
	stored[attributeRecord] = &types.AttributeValueMemberS{Value: string(text)}
	stored[names.TableTimeToLive] = number(record.UpdatedAt.AddDate(0, 0, keptDays).Unix())
	input := &dynamodb.PutItemInput{TableName: &b.table, Item: stored,
		ConditionExpression:      aws.String("attribute_not_exists(#partition)"),
		ExpressionAttributeNames: map[string]string{"#partition": names.TablePartitionKey}}
	if read > 0 {
		input.ConditionExpression = aws.String("#version = :read")
		input.ExpressionAttributeNames = map[string]string{"#version": attributeVersion}
		input.ExpressionAttributeValues = item{":read": number(read)}
	}
	if _, err := b.client.PutItem(ctx, input); err != nil {
		return hashjob.Record{}, b.failed(record.ID, err)
	}
	return record, nil
}

// Progress implements hashjob.Book.
func (b *Book) Progress(ctx context.Context, record hashjob.Record, items uint64) error {
	_, err := b.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &b.table, Key: keyOf(record.ID),
		UpdateExpression:          aws.String("SET #items = :items"),
		ConditionExpression:       aws.String("#version = :version"),
		ExpressionAttributeNames:  map[string]string{"#items": attributeItems, "#version": attributeVersion},
		ExpressionAttributeValues: item{":items": number(items), ":version": number(record.Version)}})
	if err != nil {
		return b.failed(record.ID, err)
	}
	return nil
}

func (b *Book) failed(id string, err error) error {
	var conflict *types.ConditionalCheckFailedException
	if errors.As(err, &conflict) {
		return fmt.Errorf("job %s: %w", id, hashjob.ErrConflict)
	}
	return fmt.Errorf("write the record of job %s to table %s: %w", id, b.table, err)
}
