package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// reading is a document, or why it cannot be read.
type reading struct {
	document
	err error
}

// read reads the document at a place.
func (o *observations) read(p place) reading {
	switch got := o.web[p]; {
	case got.Err != nil:
		return reading{err: got.Err}
	case got.Status != http.StatusOK:
		return reading{err: fmt.Errorf("status %d", got.Status)}
	default:
		return readAs(p, got.Body)
	}
}

// isPOX reports whether a place is one of Autodiscover (POX, plain old XML, is Microsoft's name for the format).
func isPOX(p place) bool { return p == poxHost || p == poxHTTP || p == poxBare || p == poxSRV }

// readAs reads a document of the format that belongs to a place.
func readAs(p place, body []byte) (r reading) {
	if isPOX(p) {
		r.document, r.err = readPOX(body)
	} else {
		r.document, r.err = readConfig(body)
	}
	return r
}

// describe says what an unexpected document is.
func describe(got page, r reading) string {
	switch {
	case r.err == nil:
		return "settings with other servers, " + serverList(r.document)
	case errors.As(r.err, new(poxError)):
		return clip(r.err.Error())
	}
	kind, _, _ := strings.Cut(got.Header.Get("Content-Type"), ";")
	if kind == "" {
		kind = "a document"
	}
	return fmt.Sprintf("%s of %d octets", clip(kind), len(got.Body))
}

// serverList lists the first servers of a document.
func serverList(d document) string {
	var all []string
	for _, e := range d.servers[:min(len(d.servers), 4)] {
		all = append(all, fmt.Sprintf("%s:%d", clip(e.host), e.port))
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
