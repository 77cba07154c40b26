package cloud

import (
	"context"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/engine"
)

// Prepare installs what a local cloud needs, and starts nothing. Tests that start local clouds side by side find
// everything there.
func (s Site) Prepare(ctx context.Context, console *console.Console) error {
	progress := func(text string) { console.Line("%s", text) }
	err := console.Step("Emulator: installed", func() error { return emulator.Install(ctx, s.tools(), progress) })
	if err != nil {
		return err
	}
	return console.Step("Docker engine: installed", func() error {
		return engine.Install(ctx, engine.ThisMachine().Without(s.engine()), progress)
	})
}
