package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/infra/config"
)

// typesOf are the resource types of the configurations.
func typesOf(names ...string) map[string]bool {
	found := map[string]bool{}
	for _, name := range names {
		for _, have := range synthesised[name] {
			for _, one := range have.Resources {
				found[one.Type] = true
			}
		}
	}
	return found
}

// deployedTypes are the lines of the README's table: a service, what of it the local cloud deploys, what is synthesised and
// linted only. What the local cloud deploys is local.yaml, each resource of which is looked for after the deploy, and the
// stacks of TestStacksAreDeployedAndDeletedInTheLocalCloud.
func deployedTypes() []string {
	deployed := typesOf(local)
	for _, wanted := range deployments {
		for _, stack := range wanted.stacks {
			for _, one := range wanted.template(stack).Resources {
				deployed[one.Type] = true
			}
		}
	}
	everything := typesOf(slices.Collect(maps.Keys(synthesised))...)
	columns := map[string][2][]string{}
	for _, kind := range slices.Sorted(maps.Keys(everything)) {
		parts := strings.Split(kind, "::")
		if parts[0] != "AWS" || kind == "AWS::CDK::Metadata" {
			continue
		}
		row := columns[parts[1]]
		column := 1
		if deployed[kind] {
			column = 0
		}
		row[column] = append(row[column], parts[2])
		columns[parts[1]] = row
	}
	var lines []string
	for _, service := range slices.Sorted(maps.Keys(columns)) {
		lines = append(lines, fmt.Sprintf("| %s | %s | %s |", service, strings.Join(columns[service][0], ", "),
			strings.Join(columns[service][1], ", ")))
	}
	return lines
}

// TestTheReadmeSaysWhatWasDeployedAndWhatWasOnlySynthesised: on a difference, put the lines that are wanted into the table.
func TestTheReadmeSaysWhatWasDeployedAndWhatWasOnlySynthesised(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(checkout, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(document), "| Service | Deployed in the local cloud too | Synthesised and linted only |\n| --- | --- | --- |\n")
	table, _, _ := strings.Cut(rest, "\n\n")
	if !found {
		t.Fatal("it has no such table")
	}
	want := deployedTypes()
	if difference := cmp.Diff(want, strings.Split(table, "\n")); difference != "" {
		t.Errorf("-want +have:\n%s\nwanted:\n%s", difference, strings.Join(want, "\n"))
	}
}

func TestEveryStackHasAnOwner(t *testing.T) {
	for name, configuration := range configured {
		if configuration.Owner == "" || configuration.Environment == "" {
			t.Errorf("%s is nobody's: %q, %q", name, configuration.Owner, configuration.Environment)
		}
		for stack, have := range synthesised[name] {
			tagged := 0
			for _, one := range have.Resources {
				if one.tags()["owner"] == configuration.Owner {
					tagged++
				}
			}
			if tagged == 0 {
				t.Errorf("%s: nothing of %s is tagged with its owner", name, stack)
			}
		}
	}
}

// TestEverythingHasARemovalPolicyOnPurpose: a resource with data goes or stays as the configuration says, a few whatever it
// says; what has no data goes with its stack.
func TestEverythingHasARemovalPolicyOnPurpose(t *testing.T) {
	always := map[string]string{
		"AWS::EC2::Volume":         "Retain", // The chain's data, which takes days to come back.
		"AWS::ECS::TaskDefinition": "Retain", // A rollout may be put back to the revision before.
	}
	for name, configuration := range configured {
		byConfiguration := map[config.Removal]string{config.Retain: "Retain", config.Destroy: "Delete"}[configuration.Removal]
		for stack, have := range synthesised[name] {
			for id, one := range have.Resources {
				switch wanted := always[one.Type]; {
				case wanted != "":
					if one.UpdateReplacePolicy != wanted && !strings.HasPrefix(id, "LightNode") {
						t.Errorf("%s/%s: %s (%s) is replaced: %s, want %s", name, stack, id, one.Type, one.UpdateReplacePolicy, wanted)
					}
				case slices.Contains(stateful, one.Type):
					if one.DeletionPolicy != byConfiguration {
						t.Errorf("%s/%s: %s (%s) is deleted: %q, want %s", name, stack, id, one.Type, one.DeletionPolicy, byConfiguration)
					}
				case one.DeletionPolicy != "" && one.DeletionPolicy != "Delete":
					t.Errorf("%s/%s: %s (%s) stays, and is not among the types with data", name, stack, id, one.Type)
				}
			}
		}
	}
}

// TestEverySuppressionHasAReason: cfn-lint's are explained where they are made, checkov's in the template too.
func TestEverySuppressionHasAReason(t *testing.T) {
	seen := 0
	everyTemplate(t, func(t *testing.T, have template) {
		for id, one := range have.Resources {
			for _, skip := range list(at(one.Metadata, "checkov", "skip")) {
				seen++
				check, _ := at(skip, "id").(string)
				reason, _ := at(skip, "comment").(string)
				if !strings.HasPrefix(check, "CKV") || len(reason) < 30 || !strings.HasSuffix(reason, ".") {
					t.Errorf("%s leaves %q out because of %q", id, check, reason)
				}
			}
		}
	})
	if seen == 0 {
		t.Error("there is none")
	}
}
