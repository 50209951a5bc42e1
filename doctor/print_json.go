package doctor

import (
	"encoding/json"
	"fmt"
	"io"

	"mailhint/untrusted"
)

// JSONPrinter prints one JSON document with a line for each domain, so that a run over many of them needs no memory.
type JSONPrinter struct {
	Out io.Writer

	begun bool
}

// Print implements Printer.
func (p *JSONPrinter) Print(r Report) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	before := ",\n"
	if !p.begun {
		before = "{\"domains\":[\n"
	}
	p.begun = true
	_, err = fmt.Fprintf(untrusted.JSON(p.Out), "%s%s", before, line)
	return err
}

// End implements Printer.
func (p *JSONPrinter) End() error {
	text := "\n]}\n"
	if !p.begun {
		text = "{\"domains\":[]}\n"
	}
	_, err := io.WriteString(p.Out, text)
	return err
}
