package cloud

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"davit/events/davit"
	"davit/shared/hashjob"
	"davit/shared/publisher"
	"davit/shared/signing"
)

// Installation names what the deployed function works with.
type Installation struct {
	Table, Bucket, Bus, AnchorKey, StateMachine string
	// Enqueue sends a message to the function's own queue.
	Enqueue func(ctx context.Context, bodies [][]byte, delay time.Duration) error
}

// Open puts the parts of the service together. It calls nothing.
func Open(configuration aws.Config, names Installation, log *slog.Logger) *hashjob.Service {
	bucket := NewBucket(configuration, names.Bucket)
	bus := publisher.New(eventbridge.NewFromConfig(configuration), names.Bus)
	return &hashjob.Service{
		Runner: &hashjob.Runner{Objects: bucket, Store: bucket, Signer: NewKey(configuration, names.AnchorKey),
			Wallet: NewWallet(configuration, names.Table), Now: time.Now},
		Book: NewBook(configuration, names.Table), Store: bucket, Bucket: names.Bucket,
		Publish: func(ctx context.Context, completed davit.HashJob) error {
			return bus.Publish(ctx, davit.DetailTypeHashJobCompleted, completed, nil)
		},
		Enqueue: func(ctx context.Context, body []byte) error { return names.Enqueue(ctx, [][]byte{body}, 0) },
		Start:   NewMachine(configuration, names.StateMachine).Start,
		Now:     time.Now, Log: log,
	}
}

// NewWallet signs by keys of KMS, with the nonces in the table. It calls nothing.
func NewWallet(configuration aws.Config, table string) *hashjob.Wallet {
	return &hashjob.Wallet{KMS: kms.NewFromConfig(configuration), Nonces: signing.NewNonces(dynamodb.NewFromConfig(configuration), table)}
}
