package main

import (
	"testing"

	"github.com/spf13/cobra"
)

// The verbs are held to the same by the tests of the package command.
func TestEveryCommandBesideTheVerbsHasJSONAndAnExample(t *testing.T) {
	runnable := 0
	var look func(given *cobra.Command)
	look = func(given *cobra.Command) {
		for _, below := range given.Commands() {
			look(below)
		}
		if !given.Runnable() {
			return
		}
		runnable++
		if given.Flags().Lookup("json") == nil && given.PersistentFlags().Lookup("json") == nil && given.InheritedFlags().Lookup("json") == nil {
			t.Errorf("%s has no --json", given.CommandPath())
		}
		if given.Example == "" {
			t.Errorf("%s has no example", given.CommandPath())
		}
	}
	for _, group := range groups() {
		look(group)
	}
	if runnable < 15 {
		t.Errorf("there are %d commands only", runnable)
	}
}
