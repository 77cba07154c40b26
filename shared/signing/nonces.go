package signing

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"davit/shared/backoff"
	"davit/shared/chain/ethereum"
	"davit/shared/names"
)

// DynamoDBAPI is the part of the DynamoDB client that nonces use: the permissions are dynamodb:GetItem, PutItem and
// UpdateItem on the ledger's table.
type DynamoDBAPI interface {
	GetItem(ctx context.Context, input *dynamodb.GetItemInput,
		options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(ctx context.Context, input *dynamodb.UpdateItemInput,
		options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	TransactWriteItems(ctx context.Context, input *dynamodb.TransactWriteItemsInput,
		options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// The layout in the table of hash jobs, an account of a network a partition:
//
//	pk                        sk             attributes
//	signer#CHAIN#ADDRESS      nonce          next (N): the nonce that no request has yet
//	signer#CHAIN#ADDRESS      request#ID     nonce (N), fingerprint (S), transaction (S, once it is signed)
//
// None of them expires: a request that was forgotten would be paid for twice if it came again.
const (
	signerPartition = "signer#"
	nonceKey        = "nonce"
	requestKey      = "request#"

	attributeNext        = "next"
	attributeNonce       = "nonce"
	attributeFingerprint = "fingerprint"
	attributeTransaction = "transaction"
)

// Errors of nonces.
var (
	// ErrDifferent is wrapped by the error of a request whose ID another one has had.
	ErrDifferent = errors.New("another transaction was signed under this ID; give each its own")
	// ErrBusy is wrapped by the error of a request that lost against others too often. Try it again.
	ErrBusy = errors.New("too many transactions of this key are being signed at once")
)

const (
	// attempts is how often a nonce is asked for while others take them.
	attempts = 24
	// maximumID is how long a request's ID may be, far below what a sort key holds.
	maximumID = 256
)

// Nonces gives each request of an account one nonce, and keeps what was signed with it.
type Nonces struct {
	client DynamoDBAPI
	table  string
	pause  func(ctx context.Context, attempt int) error
}

// NewNonces keeps nonces in the table, whose keys are those of davit's tables. It makes no call.
func NewNonces(client DynamoDBAPI, table string) *Nonces {
	return &Nonces{client: client, table: table, pause: func(ctx context.Context, attempt int) error {
		return backoff.Wait(ctx, backoff.Delay(10*time.Millisecond, time.Second, attempt))
	}}
}

// account is whose nonces they are.
type account struct {
	chain   uint64
	address ethereum.Address
}

func (a account) partition() string {
	return signerPartition + strconv.FormatUint(a.chain, 10) + "#" + a.address.String()
}

// reservation is a request's nonce, with the transaction that was signed before, if one was.
type reservation struct {
	nonce       uint64
	transaction []byte
}

// reserve gives the request its nonce: exact if it is not nil, else the next one, which is never below least. The same
// request gets the same again; with another fingerprint the error wraps ErrDifferent.
func (n *Nonces) reserve(ctx context.Context, of account, id string, fingerprint ethereum.Hash, least uint64, exact *uint64,
) (reservation, error) {
	for attempt := range attempts {
		if attempt > 0 {
			if err := n.pause(ctx, attempt); err != nil {
				return reservation{}, err
			}
		}
		known, found, err := n.find(ctx, of, id, fingerprint)
		if err != nil || found {
			return known, err
		}
		next, err := n.next(ctx, of)
		if err != nil {
			return reservation{}, err
		}
		nonce := max(valueOf(next), least)
		if exact != nil {
			nonce = *exact
		}
		taken, err := n.take(ctx, of, id, fingerprint, next, nonce)
		if err != nil || taken {
			return reservation{nonce: nonce}, err
		}
	}
	return reservation{}, fmt.Errorf("get a nonce of %s on chain %d: %w", of.address, of.chain, ErrBusy)
}

func valueOf(next *uint64) uint64 {
	if next == nil {
		return 0
	}
	return *next
}

// find is what the request was given before.
func (n *Nonces) find(ctx context.Context, of account, id string, fingerprint ethereum.Hash) (reservation, bool, error) {
	item, err := n.read(ctx, of, requestKey+id)
	if err != nil || len(item) == 0 {
		return reservation{}, false, err
	}
	if text(item, attributeFingerprint) != fingerprint.String() {
		return reservation{}, false, fmt.Errorf("request %q of %s on chain %d: %w", id, of.address, of.chain, ErrDifferent)
	}
	nonce, err := number(item, attributeNonce)
	if err != nil {
		return reservation{}, false, err
	}
	transaction, err := hex.DecodeString(text(item, attributeTransaction))
	if err != nil {
		return reservation{}, false, fmt.Errorf("read the signed transaction of request %q: %w", id, err)
	}
	return reservation{nonce: nonce, transaction: transaction}, true, nil
}

// next is the nonce that no request has yet, nil where the account is new.
func (n *Nonces) next(ctx context.Context, of account) (*uint64, error) {
	item, err := n.read(ctx, of, nonceKey)
	if err != nil || len(item) == 0 {
		return nil, err
	}
	next, err := number(item, attributeNext)
	return &next, err
}

// take writes the request with its nonce and moves the next one on, both or none. It is false where somebody else was
// faster.
func (n *Nonces) take(ctx context.Context, of account, id string, fingerprint ethereum.Hash, read *uint64, nonce uint64,
) (bool, error) {
	if nonce == math.MaxUint64 {
		return false, fmt.Errorf("account %s on chain %d has no nonce left: %w", of.address, of.chain, ErrTransaction)
	}
	request := n.key(of, requestKey+id)
	request[attributeNonce] = numberValue(nonce)
	request[attributeFingerprint] = textValue(fingerprint.String())
	counter := &types.Update{
		TableName:                 &n.table,
		Key:                       n.key(of, nonceKey),
		UpdateExpression:          aws.String("SET #next = :next"),
		ConditionExpression:       aws.String("attribute_not_exists(#next)"),
		ExpressionAttributeNames:  map[string]string{"#next": attributeNext},
		ExpressionAttributeValues: map[string]types.AttributeValue{":next": numberValue(max(valueOf(read), nonce+1))},
	}
	if read != nil {
		counter.ConditionExpression = aws.String("#next = :read")
		counter.ExpressionAttributeValues[":read"] = numberValue(*read)
	}
	_, err := n.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: &n.table, Item: request, ConditionExpression: aws.String("attribute_not_exists(#partition)"),
			ExpressionAttributeNames: map[string]string{"#partition": names.TablePartitionKey}}},
		{Update: counter},
	}})
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		return false, unlessConflict(canceled)
	}
	if err != nil {
		return false, fmt.Errorf("reserve nonce %d of %s on chain %d in table %s: %w", nonce, of.address, of.chain, n.table, err)
	}
	return true, nil
}

// unlessConflict is the error of a transaction that was canceled for anything but that somebody else was faster.
func unlessConflict(canceled *types.TransactionCanceledException) error {
	for _, reason := range canceled.CancellationReasons {
		switch aws.ToString(reason.Code) {
		case "", "None", "ConditionalCheckFailed", "TransactionConflict":
		default:
			return fmt.Errorf("reserve a nonce: %s: %w", aws.ToString(reason.Message), canceled)
		}
	}
	return nil
}

// keep stores the signed transaction of a request, and answers the one that is stored: another, if the request was signed
// twice at once, since KMS signs differently each time.
func (n *Nonces) keep(ctx context.Context, of account, id string, fingerprint ethereum.Hash, transaction []byte) ([]byte, error) {
	_, err := n.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:           &n.table,
		Key:                 n.key(of, requestKey+id),
		UpdateExpression:    aws.String("SET #transaction = :transaction"),
		ConditionExpression: aws.String("#fingerprint = :fingerprint AND attribute_not_exists(#transaction)"),
		ExpressionAttributeNames: map[string]string{
			"#transaction": attributeTransaction, "#fingerprint": attributeFingerprint,
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":transaction": textValue(hex.EncodeToString(transaction)), ":fingerprint": textValue(fingerprint.String()),
		},
	})
	var conditional *types.ConditionalCheckFailedException
	if err == nil {
		return transaction, nil
	}
	if !errors.As(err, &conditional) {
		return nil, fmt.Errorf("keep the signed transaction of request %q in table %s: %w", id, n.table, err)
	}
	known, found, err := n.find(ctx, of, id, fingerprint)
	if err == nil && (!found || len(known.transaction) == 0) {
		err = fmt.Errorf("the ledger lost request %q of %s; do not send anything before you know what happened", id, of.address)
	}
	return known.transaction, err
}

func (n *Nonces) read(ctx context.Context, of account, sort string) (map[string]types.AttributeValue, error) {
	output, err := n.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &n.table, Key: n.key(of, sort),
		ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("read %s of %s in table %s: %w", sort, of.partition(), n.table, err)
	}
	return output.Item, nil
}

func (n *Nonces) key(of account, sort string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		names.TablePartitionKey: textValue(of.partition()), names.TableSortKey: textValue(sort),
	}
}

func textValue(value string) types.AttributeValue { return &types.AttributeValueMemberS{Value: value} }

func numberValue(value uint64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatUint(value, 10)}
}

func text(item map[string]types.AttributeValue, name string) string {
	value, _ := item[name].(*types.AttributeValueMemberS)
	if value == nil {
		return ""
	}
	return value.Value
}

func number(item map[string]types.AttributeValue, name string) (uint64, error) {
	value, _ := item[name].(*types.AttributeValueMemberN)
	if value == nil {
		return 0, fmt.Errorf("the ledger's item has no %s", name)
	}
	read, err := strconv.ParseUint(value.Value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the ledger's %s: %w", name, err)
	}
	return read, nil
}
