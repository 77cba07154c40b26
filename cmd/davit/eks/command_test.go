package eks_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	command "davit/cmd/davit/eks"
	"davit/shared/workload/eks"
)

func run(t *testing.T, arguments ...string) string {
	t.Helper()
	var out bytes.Buffer
	root := command.Command()
	root.SetArgs(arguments)
	root.SetOut(&out)
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheManifestIsWrittenWordForWord(t *testing.T) {
	if got := run(t, "rbac"); got != eks.Access {
		t.Errorf("got\n%s", got)
	}
}

func TestTheManifestIsAListInJSON(t *testing.T) {
	var list struct {
		APIVersion, Kind string
		Items            []struct {
			Kind     string
			Metadata struct{ Name string }
		}
	}
	if err := json.Unmarshal([]byte(run(t, "rbac", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	if want := strings.Count(eks.Access, "\n---\n") + 1; list.Kind != "List" || list.APIVersion != "v1" || len(list.Items) != want {
		t.Fatalf("it is a %s of %s with %d objects, not %d", list.Kind, list.APIVersion, len(list.Items), want)
	}
	for index, item := range list.Items {
		if item.Kind == "" || item.Metadata.Name == "" {
			t.Errorf("object %d has the kind %q and the name %q", index, item.Kind, item.Metadata.Name)
		}
	}
}
