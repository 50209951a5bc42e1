package export

import (
	"fmt"
	"strings"

	"mailhint/domains"
)

// toml writes entries as domains.toml spells them.
func (e *exporter) toml() error {
	var printer domains.Printer
	if e.folder != nil {
		lists := 0
		printer.WriteList = func(list []string) (string, error) {
			lists++
			name := fmt.Sprintf("list-%d.txt", lists)
			return name, e.file(name, []byte(strings.Join(list, "\n")+"\n"))
		}
	}
	var text strings.Builder
	text.WriteString("# The settings in effect, exported by mailhint.\n")
	for _, entry := range e.Entries {
		printed, err := printer.Entry(entry)
		if err != nil {
			return err
		}
		text.WriteString("\n" + printed)
	}
	if lookups := e.Snapshot.LookupTables(e.Entries); lookups != "" {
		text.WriteString("\n" + lookups)
	}
	return e.file("domains.toml", []byte(text.String())) // last, because it names the lists
}
