// Package davit has the files of the checkout that tests hold others against. go test then knows in any checkout whether what it
// remembers of such a test still holds, as these files are part of the test.
package davit

import "embed"

// Checkout has the files by their paths: the settings of the CDK, the pages that say what the stacks are, and the sources whose
// metrics the alarms are about.
//
//go:embed cdk.json README.md docs/removal.md functions shared
var Checkout embed.FS
