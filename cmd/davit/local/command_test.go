package local

import (
	"strings"
	"testing"
)

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	local := Command()
	want := []string{"up", "down", "status", "demo", "bench", "prepare"}
	for _, name := range want {
		command, _, err := local.Find([]string{name})
		if err != nil || command == local {
			t.Errorf("there is no command %s: %v", name, err)
			continue
		}
		if command.Short == "" || command.Long == "" || !strings.Contains(command.Example, "davit local "+name) {
			t.Errorf("%s lacks help or an example", name)
		}
	}
}

func TestAPortThatIsNoneIsRefused(t *testing.T) {
	for _, port := range []string{"0", "65536", "-1"} {
		local := Command()
		local.SilenceErrors, local.SilenceUsage = true, true
		local.SetArgs([]string{"status", "--port", port})
		if err := local.Execute(); err == nil || err.Error() != "--port "+port+" is not 1 to 65535" {
			t.Errorf("of port %s got %v", port, err)
		}
	}
}
