// Command gosec runs every rule and analyser of gosec on the packages below the working directory, and fails on what they
// find:
//
//	gosec [-tags TAG,…] [-exclude-dir FOLDER]…
//
// It is gosec's library without gosec's own command, which can ask language models for remedies: their clients took longer to
// compile than all the rest of the tools.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/rules"
)

func main() {
	tags := flag.String("tags", "", "build tags, with commas between")
	folders := []string{"vendor", "node_modules", `\.git/`, `\.local/`}
	flag.Func("exclude-dir", "a folder to leave out; may be given again", func(folder string) error {
		folders = append(folders, folder)
		return nil
	})
	flag.Parse()
	found, err := scan(strings.FieldsFunc(*tags, func(r rune) bool { return r == ',' }), folders)
	for _, line := range found {
		fmt.Println(line)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gosec:", err)
	}
	if err != nil || len(found) > 0 {
		os.Exit(1)
	}
}

// scan answers what is found, a line each, in order. Generated files are left out, and tests are.
func scan(tags, folders []string) ([]string, error) {
	packages, err := gosec.PackagePaths("./...", gosec.ExcludedDirsRegExp(folders))
	if err != nil {
		return nil, fmt.Errorf("list the packages: %w", err)
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("there is no package here")
	}
	const tests, generated, suppressions = false, true, false
	analyzer := gosec.NewAnalyzer(gosec.NewConfig(), tests, generated, suppressions, runtime.NumCPU(), log.New(io.Discard, "", 0))
	analyzer.LoadRules(rules.Generate(suppressions).RulesInfo())
	analyzer.LoadAnalyzers(analyzers.Generate(suppressions).AnalyzersInfo())
	if err := analyzer.Process(tags, packages...); err != nil {
		return nil, fmt.Errorf("analyse the packages: %w", err)
	}
	issues, _, unreadable := analyzer.Report()
	var lines []string
	for _, issue := range issues {
		lines = append(lines, fmt.Sprintf("%s: %s: %s", issue.FileLocation(), issue.RuleID, issue.What))
	}
	for _, file := range slices.Sorted(maps.Keys(unreadable)) {
		for _, problem := range unreadable[file] {
			lines = append(lines, fmt.Sprintf("%s:%d: %s", file, problem.Line, problem.Err))
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines), nil
}
