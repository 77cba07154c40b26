package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"davit/infra/config"
)

// What a removed stack leaves is in the way of the next deploy, unless CloudFormation can take it over, for which it must
// have a name of its own and be kept (docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html,
// ImportExistingResources).
func TestWhatTheRemovedAutomationLeavesCanBeTakenOverAndIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(checkout, "docs/removal.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"AWS::DynamoDB::Table": "TableName", "AWS::Logs::LogGroup": "LogGroupName"}
	for configuration, stacks := range synthesised {
		have, found := stacks[automationStack]
		if !found {
			continue
		}
		left := 0
		for id, one := range have.Resources {
			if one.DeletionPolicy != "Retain" {
				continue
			}
			left++
			name, _ := one.Properties[names[one.Type]].(string)
			if name == "" || !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("%s: %s (%s) is left behind as %q, and docs/removal.md does not name it", configuration, id, one.Type, name)
			}
		}
		if want := map[config.Removal]int{config.Retain: 2, config.Destroy: 0}[configured[configuration].Removal]; left != want {
			t.Errorf("%s: %d are left behind, want %d", configuration, left, want)
		}
	}
}
