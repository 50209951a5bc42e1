package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"mailhint/choices"
)

// reading is a document, or why it cannot be read.
type reading struct {
	choices.Document
	err error
}

// read reads the document at a place.
func (o *observations) read(p choices.Place) reading {
	switch got := o.web[p]; {
	case got.Err != nil:
		return reading{err: got.Err}
	case got.Status != http.StatusOK:
		return reading{err: fmt.Errorf("status %d", got.Status)}
	default:
		d, err := choices.Read(p, got.Body)
		return reading{d, err}
	}
}

// describe says what an unexpected document is.
func describe(got page, r reading) string {
	switch {
	case r.err == nil:
		return "settings with other servers, " + serverList(r.Document)
	case errors.As(r.err, new(choices.ProviderError)):
		return clip(r.err.Error())
	}
	kind, _, _ := strings.Cut(got.Header.Get("Content-Type"), ";")
	if kind == "" {
		kind = "a document"
	}
	return fmt.Sprintf("%s of %d octets", clip(kind), len(got.Body))
}

// serverList lists the first servers of a document.
func serverList(d choices.Document) string {
	var all []string
	for _, e := range d.Servers[:min(len(d.Servers), 4)] {
		all = append(all, fmt.Sprintf("%s:%d", clip(e.Host), e.Port))
	}
	if len(all) == 0 {
		return "no servers"
	}
	return words(all)
}

// similarity is the share of our lines that a document has too, whatever its indentation.
func similarity(want, got []byte) float64 {
	lines := make(map[string]int)
	for line := range bytes.Lines(got) {
		lines[string(bytes.TrimSpace(line))]++
	}
	total, common := 0, 0
	for line := range bytes.Lines(want) {
		total++
		if key := string(bytes.TrimSpace(line)); lines[key] > 0 {
			lines[key]--
			common++
		}
	}
	return float64(common) / float64(max(total, 1))
}

// firstDifference shows the first line in which two documents differ.
func firstDifference(want, got []byte) string {
	wanted, gotten := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range wanted {
		switch {
		case i >= len(gotten):
			return fmt.Sprintf("it ends after line %d", len(gotten))
		case !bytes.Equal(wanted[i], gotten[i]):
			return fmt.Sprintf("line %d is %q instead of %q", i+1, clip(string(gotten[i])), clip(string(wanted[i])))
		}
	}
	return fmt.Sprintf("there is more after line %d", len(wanted))
}
