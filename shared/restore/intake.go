package restore

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/smithy-go"

	"davit/events"
	eventss3 "davit/events/s3"
	"davit/shared/workqueue"
)

// Intake takes what the queue of the function delivers: archives that have opened.
type Intake struct {
	Client Client
	Log    *slog.Logger
}

// Handle handles one message. It is a workqueue.Handler. An object that is gone is acknowledged; other events are not its
// business, and are acknowledged too.
func (i *Intake) Handle(ctx context.Context, body []byte, _ int) error {
	event, err := events.Parse(body)
	if err != nil {
		return workqueue.Poison(err)
	}
	opened, is := event.Detail.(*eventss3.RestoreCompleted)
	if !is {
		i.Log.InfoContext(ctx, "acknowledged", slog.String("event", event.ID), slog.String("detailType", event.DetailType))
		return nil
	}
	bucket := &Bucket{Name: opened.Bucket.Name, Client: i.Client}
	done, err := bucket.Complete(ctx, opened.Object.Key, opened.Object.VersionID)
	var answer smithy.APIError
	if errors.As(err, &answer) && (answer.ErrorCode() == "NoSuchKey" || answer.ErrorCode() == "NoSuchVersion") {
		done, err = "the object is gone", nil
	}
	if err != nil {
		return err
	}
	i.Log.InfoContext(ctx, "archive opened", slog.String("event", event.ID), slog.String("bucket", opened.Bucket.Name),
		slog.String("key", opened.Object.Key), slog.String("version", opened.Object.VersionID), slog.String("outcome", done))
	return nil
}
