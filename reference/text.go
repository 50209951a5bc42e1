package reference

import (
	"fmt"
	"io"
	"strings"
)

// formats says which clients ask for the formats of domains.Key.Formats.
var formats = map[string]string{
	"autoconfig":   "Thunderbird and others (autoconfig)",
	"autodiscover": "Outlook and others (Autodiscover)",
	"mobileconfig": "Apple Mail (profile)",
	"pacc":         "PACC clients",
	"wellknown":    "calendar, contacts and JMAP clients (/.well-known)",
	"dnsrecords":   "all that look for SRV records",
}

// SeenBy says which clients see the value of a key.
func (k Key) SeenBy() string {
	if len(k.Formats) == 0 {
		return "no client"
	}
	names := make([]string, len(k.Formats))
	for i, f := range k.Formats {
		names[i] = f
		if name, ok := formats[f]; ok {
			names[i] = name
		}
	}
	return strings.Join(names, ", ")
}

// Print prints sections for people at a terminal.
func Print(w io.Writer, sections []Section) error {
	var text strings.Builder
	for i, s := range sections {
		if i > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(s.Header)
		if s.About != "" {
			text.WriteString(": " + s.About)
		}
		text.WriteByte('\n')
		for _, k := range s.Keys {
			k.print(&text)
		}
		if s.Inherits {
			text.WriteString("\n  and all keys of [defaults]\n")
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (k Key) print(w *strings.Builder) {
	fmt.Fprintf(w, "\n  %s\n", k.Name)
	line := func(label, value string) { fmt.Fprintf(w, "      %-9s %s\n", label, value) }
	line("meaning:", k.Description)
	line("type:", k.Type)
	if k.Default != "" {
		line("default:", k.Default)
	}
	line("example:", k.Name+" = "+k.Example)
	if k.Mail || len(k.Formats) > 0 {
		line("seen by:", k.SeenBy())
	}
}
