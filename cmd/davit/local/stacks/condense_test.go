package stacks

import (
	"regexp"
	"strings"
	"testing"

	"davit/cmd/davit/local/console"
)

// transcript is what the CDK command line writes with --ci --progress events.
const transcript = `✨  Synthesis time: 2.13s

davit-ecs: deploying... [1/2]
davit-ecs |  0/3 | 8:10:03 PM | CREATE_IN_PROGRESS | AWS::CloudFormation::Stack | davit-ecs 
davit-ecs |  1/3 | 8:10:03 PM | CREATE_COMPLETE    | AWS::ECS::Cluster          | Cluster (ClusterEB0386A7) 
davit-ecs |  2/3 | 8:10:03 PM | CREATE_FAILED      | AWS::ECS::Service          | Service (Service123) no such cluster
davit-ecs |  3/3 | 8:10:03 PM | CREATE_COMPLETE    | AWS::CloudFormation::Stack | davit-ecs 

 ✅  davit-ecs

✨  Deployment time: 0.24s
davit-network: deploying... [2/2]

 ✅  davit-network (no changes)
`

func TestTheOutputOfADeployIsALineAStack(t *testing.T) {
	var out strings.Builder
	condensed := newCondenser(console.New(&out))
	// In pieces, as a pipe gives it.
	for rest := transcript; rest != ""; {
		piece := rest[:min(17, len(rest))]
		if _, err := condensed.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
		rest = rest[len(piece):]
	}
	got := regexp.MustCompile(`in \d+\.\d s`).ReplaceAllString(out.String(), "in SECONDS")
	want := `    templates synthesised in 2.13s
    davit-ecs: CREATE_FAILED AWS::ECS::Service Service (Service123) no such cluster
    davit-ecs: 1 resource in SECONDS
    davit-network: no changes
`
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	if last := condensed.lastWords(); !strings.HasSuffix(last, "(no changes)") || strings.Count(last, " | ") < remembered-1 {
		t.Errorf("last words: %q", last)
	}
}
