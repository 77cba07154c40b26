package scenarios

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"davit/shared/names"
)

func TestAServiceThatIsTaggedIsPinnedAndFollowsItsRepository(t *testing.T) {
	t.Parallel()
	s := newService(t, "adopted")
	s.create(breaker())
	_, err := s.ecs.UpdateService(s.ctx, &ecs.UpdateServiceInput{
		Cluster: aws.String(cluster), Service: &s.name, DesiredCount: aws.Int32(2),
	})
	s.must(err)
	before := s.awaitService("two tasks, after its owner scaled it", func(seen sight) bool {
		return seen.settled() && seen.desired == 2
	})
	if image := before.images["app"]; image != s.image("1.0.0") {
		t.Fatalf("before davit it runs %s, want 1.0.0 by tag", image)
	}

	first := s.digestOf("1.0.0")
	s.adopt(first)
	record, err := s.record(s.ctx)
	s.must(err)
	if len(record.Repositories) != 1 || record.Repositories[0].Name != s.name {
		t.Errorf("davit follows %v, want the repository %s", record.Repositories, s.name)
	}
	if seen := s.look(); seen.desired != 2 {
		t.Errorf("after it was pinned %d tasks are desired, want 2 as its owner said", seen.desired)
	}

	second := s.push("1.1.0", s.program.Working)
	if seen := s.awaitProved(second); seen.desired != 2 || seen.deployment.RunningCount != 2 {
		t.Errorf("after the rollout: %s, want 2 tasks as its owner said", seen)
	}
	s.awaitAnswers("1.1.0", 2)
	if revisions := s.revisions(); revisions != 3 {
		t.Errorf("there are %d revisions, want 3: its owner's, the pinned one, and that of 1.1.0", revisions)
	}
	parameter, err := s.ssm.GetParameter(s.ctx, &ssm.GetParameterInput{
		Name: aws.String(names.ImageParameter(cluster, s.name)),
	})
	s.must(err)
	if value := aws.ToString(parameter.Parameter.Value); value != s.pinned(second) {
		t.Errorf("the image parameter names %s, want %s", value, s.pinned(second))
	}
}

func TestAServiceThatDidNotOptInIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newService(t, "untouched")
	s.create(breaker(), tagged("team", "shop"))
	before := s.look()

	s.push("1.1.0", s.program.Working)
	s.awaitLog("the push to be acknowledged, as nobody follows the repository", func(line logLine) bool {
		return line.Message == "acknowledged" && line.Reason == "no workload follows "+s.repository().String()
	})
	s.sweepFleet()

	if after := s.look(); !after.same(before) {
		t.Errorf("it changed: before %s, after %s", before, after)
	}
	if revisions := s.revisions(); revisions != 1 {
		t.Errorf("there are %d revisions, want its owner's alone", revisions)
	}
	record, err := s.record(s.ctx)
	s.must(err)
	if record.Version != 0 || len(s.history()) > 0 {
		t.Errorf("davit keeps a record of it: %s", describeRecord(record))
	}
}
