// Davit rolls images out to services on AWS, explains what it does, and runs the whole system on one machine.
package main

import (
	"os"
	_ "time/tzdata" // freeze windows name time zones, and not every machine has a database of them

	"github.com/spf13/cobra"

	"davit/cmd/davit/advise"
	"davit/cmd/davit/anchor"
	"davit/cmd/davit/command"
	"davit/cmd/davit/eks"
	"davit/cmd/davit/job"
	"davit/cmd/davit/local"
	"davit/cmd/davit/restore"
)

func main() {
	os.Exit(command.Execute(os.Args[1:], groups()...))
}

// groups are the commands that stand beside the verbs.
func groups() []*cobra.Command {
	return []*cobra.Command{advise.Command(), job.Command(), anchor.Command(), eks.Command(), local.Command(), restore.Command()}
}
