package autoscaling

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What ECS says is from "Viewing Amazon ECS service event messages" in the ECS developer guide.
func TestOnlyAShortageThatLastsIsOne(t *testing.T) {
	const (
		unable = "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching " +
			"(container-instance 3f1) has insufficient memory available. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
		steady  = "(service web) has reached a steady state."
		started = "(service web) has started 1 tasks: (task 7a)."
	)
	event := func(ago time.Duration, text string) types.ServiceEvent {
		return types.ServiceEvent{CreatedAt: aws.Time(time.Now().Add(-ago)), Message: &text}
	}
	tests := map[string]struct {
		running int32
		events  []types.ServiceEvent // newest first
		want    bool
	}{
		"ECS said so just now":          {1, []types.ServiceEvent{event(time.Minute, started), event(2*time.Minute, unable)}, true},
		"all is steady since":           {1, []types.ServiceEvent{event(time.Minute, steady), event(2*time.Minute, unable)}, false},
		"it was long ago":               {1, []types.ServiceEvent{event(time.Hour, unable)}, false},
		"all tasks run":                 {2, []types.ServiceEvent{event(time.Minute, unable)}, false},
		"tasks are missing for another": {1, []types.ServiceEvent{event(time.Minute, started)}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			have := shortage(types.Service{DesiredCount: 2, RunningCount: test.running, Events: test.events})
			if (have != nil) != test.want {
				t.Fatalf("it is %+v", have)
			}
			if want := "was unable to place a task because no container instance met all of its requirements. The closest matching " +
				"(container-instance 3f1) has insufficient memory available"; test.want && have.Text != want {
				t.Errorf("it says %q", have.Text)
			}
		})
	}
}
