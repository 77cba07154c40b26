// Command kubectl is kubectl as it is released. With the only argument "stay" it runs one command after the other in the
// same process, which spares tests most of the time that each takes: a request, as JSON on a line of the standard input, is
// answered on the standard output, until the input ends.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

// request is a command: the arguments of kubectl, and its standard input.
type request struct {
	Arguments []string `json:"arguments"`
	Input     string   `json:"input"`
}

// answer is what the command wrote, and how it ended.
type answer struct {
	Output    string `json:"output"`
	Complaint string `json:"complaint"`
	Code      int    `json:"code"`
}

func main() {
	if slices.Equal(os.Args[1:], []string{"stay"}) {
		if err := stay(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "kubectl:", err)
			os.Exit(1)
		}
		return
	}
	_, _ = logs.GlogSetter(cmd.GetLogVerbosity(os.Args)) // before the flags are parsed, as kubectl does
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}

func stay(requests io.Reader, answers io.Writer) error {
	util.BehaviorOnFatal(func(message string, code int) { panic(ending{message, code}) })
	decoder, encoder := json.NewDecoder(requests), json.NewEncoder(answers)
	for {
		var wanted request
		if err := decoder.Decode(&wanted); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		done, err := runWithInput(wanted)
		if err != nil {
			return err
		}
		if err := encoder.Encode(done); err != nil {
			return err
		}
	}
}

// runWithInput runs the command with its input as the standard input, which is what "-f -" reads whatever kubectl is given.
func runWithInput(wanted request) (answer, error) {
	reading, writing, err := os.Pipe()
	if err != nil {
		return answer{}, err
	}
	go func() {
		_, _ = io.WriteString(writing, wanted.Input) // a command that does not read all of it closes the other end
		_ = writing.Close()
	}()
	os.Stdin = reading
	done := run(wanted, reading)
	return done, reading.Close()
}

// ending is how kubectl would end the process.
type ending struct {
	message string
	code    int
}

func run(wanted request, input io.Reader) (done answer) {
	var output, complaint bytes.Buffer
	defer func() {
		if recovered := recover(); recovered != nil {
			end, ended := recovered.(ending)
			if !ended {
				panic(recovered)
			}
			fmt.Fprintln(&complaint, end.message)
			done.Code = end.code
		}
		done.Output, done.Complaint = output.String(), complaint.String()
	}()
	command := cmd.NewKubectlCommand(cmd.KubectlOptions{
		Arguments: append([]string{"kubectl"}, wanted.Arguments...),
		IOStreams: genericiooptions.IOStreams{In: input, Out: &output, ErrOut: &complaint},
	})
	command.SetArgs(wanted.Arguments)
	command.SilenceErrors, command.SilenceUsage = true, true
	util.CheckErr(command.Execute())
	return done
}
