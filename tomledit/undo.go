package tomledit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Undo is what Revert needs to take an operation back. It can be kept as JSON.
type Undo struct {
	Path []string `json:"path"`
	// Sum identifies the value that the table had before; empty for none.
	Sum   string `json:"sum,omitempty"`
	Hunks []Hunk `json:"hunks"`
}

// Hunk is a change between two neighbouring expressions that do not belong to the table.
type Hunk struct {
	// Above and Below are the paths of the expressions, as a header would spell them; empty for the beginning and the end of the text.
	Above string `json:"above,omitempty"`
	Below string `json:"below,omitempty"`
	// Skip and Left are how many octets between the expression above and the change, and between the change and the one below, are the same.
	Skip int `json:"skip"`
	Left int `json:"left"`
	// Old and New are what was there before and after the change.
	Old string `json:"old"`
	New string `json:"new"`
}

// Revert takes an operation back: it puts the old text in place of the new one, octet for octet, whatever else has changed in the meantime.
// What was removed comes back to where it was, if one of its neighbours is still there. It is an error wrapping ErrChanged if the table, or
// everything around it, is no longer as the operation left it. The table then has exactly the value that it had before.
func (t *Text) Revert(u Undo) (Undo, error) {
	if len(u.Hunks) == 0 {
		return u, nil
	}
	changed := fmt.Errorf("[%s]: %w", spell(u.Path), ErrChanged)
	numbers := t.concerned(u.Path)
	for _, h := range u.Hunks {
		numbers = append(numbers, t.beside(h)...)
	}
	if len(numbers) == 0 {
		return Undo{}, changed
	}
	r, err := t.region(numbers)
	if err != nil {
		return Undo{}, err
	}
	gaps := r.document.gaps(u.Path)
	places := make([][]int, len(u.Hunks))
	most := 1
	for i, h := range u.Hunks {
		places[i] = h.places(gaps)
		most = max(most, len(places[i]))
		if len(places[i]) == 0 {
			return Undo{}, changed
		}
	}
	for try := range most { // the likeliest places first; only the right ones pass
		d := r.document
		var s []splice
		for i, h := range u.Hunks {
			at := places[i][min(try, len(places[i])-1)]
			s = append(s, splice{at, at + len(h.New), []byte(h.Old)})
		}
		if d.splice(s...) != nil {
			continue
		}
		if was, is, err := verify(&r.document, &d, u.Path); err == nil && sum(is) == u.Sum {
			return t.finish(r, &d, u.Path, was), nil
		}
	}
	return Undo{}, changed
}

// beside returns the numbers of the chunks with the neighbours of a hunk.
func (t *Text) beside(h Hunk) []int {
	var numbers []int
	if h.Above == "" {
		numbers = append(numbers, 0)
	}
	if h.Below == "" {
		numbers = append(numbers, len(t.chunks)-1)
	}
	for _, c := range t.chunks {
		name := spell(c.table)
		for _, id := range []string{h.Above, h.Below} {
			if id == "" || !strings.HasPrefix(id, name) {
				continue
			}
			if slices.ContainsFunc(c.expressions(), func(e expression) bool { return spell(e.path) == id }) {
				numbers = append(numbers, c.number)
			}
		}
	}
	return numbers
}

// sum identifies a value.
func sum(v any) string {
	if v == nil {
		return ""
	}
	s := sha256.Sum256(appendValue(nil, v))
	return hex.EncodeToString(s[:16])
}

// places returns where the change that a hunk describes can be now: between the same neighbours, else next to one of them.
func (h Hunk) places(gaps []gap) []int {
	var exact, likely []int
	add := func(g gap, skip int) {
		if skip < 0 || skip > len(g.text) || !bytes.HasPrefix(g.text[skip:], []byte(h.New)) {
			return
		}
		if spell(g.above) == h.Above && spell(g.below) == h.Below {
			exact = append(exact, g.from+skip)
		} else {
			likely = append(likely, g.from+skip)
		}
	}
	for _, g := range gaps {
		if spell(g.above) == h.Above {
			add(g, h.Skip)
		}
		if spell(g.below) == h.Below {
			add(g, len(g.text)-h.Left-len(h.New))
		}
	}
	return append(exact, likely...)
}

// hunks returns how a region has become another document.
func (r *region) hunks(d *document, path []string) []Hunk {
	old, now := r.document.gaps(path), d.gaps(path)
	var hunks []Hunk
	for i := range old {
		if bytes.Equal(old[i].text, now[i].text) {
			continue
		}
		was, is := string(old[i].text), string(now[i].text)
		skip, left := common(was, is)
		hunks = append(hunks, Hunk{spell(now[i].above), spell(now[i].below), skip, left, was[skip : len(was)-left], is[skip : len(is)-left]})
	}
	return hunks
}

// gap is the text from behind an expression that does not belong to the table to the line of the next one.
type gap struct {
	above, below []string // their paths
	from         int
	text         []byte
}

// gaps returns the text around the expressions that do not belong to a table.
func (d *document) gaps(path []string) []gap {
	gaps := make([]gap, 0, len(d.list)+1)
	var g gap
	at := 0
	for _, e := range d.list {
		if e.concerns(path) {
			continue
		}
		g.below, g.text = e.path, d.text[at:e.line]
		gaps = append(gaps, g)
		g, at = gap{above: g.below, from: e.end}, e.end
	}
	g.below, g.text = nil, d.text[at:]
	if d.after != nil {
		g.below = d.after.path
	}
	return append(gaps, g)
}

// common returns how many octets at the beginning and at the end of two texts are the same: whole lines, unless these are long.
func common(a, b string) (skip, left int) {
	for skip < len(a) && skip < len(b) && a[skip] == b[skip] {
		skip++
	}
	for skip > 0 && (skip < len(a) && !utf8.RuneStart(a[skip]) || skip < len(b) && !utf8.RuneStart(b[skip])) {
		skip--
	}
	if line := strings.LastIndexByte(a[:skip], '\n') + 1; skip-line < longLine {
		skip = line
	}
	for left < len(a)-skip && left < len(b)-skip && a[len(a)-1-left] == b[len(b)-1-left] {
		left++
	}
	for left > 0 && !utf8.RuneStart(a[len(a)-left]) {
		left--
	}
	beginsLine := func(s string) bool { return len(s)-left == skip || s[len(s)-left-1] == '\n' }
	if line := strings.IndexByte(a[len(a)-left:], '\n') + 1; (!beginsLine(a) || !beginsLine(b)) && line < longLine {
		left -= line
		if line == 0 && left < longLine {
			left = 0
		}
	}
	return skip, left
}

// longLine is how many octets of a line are kept for the sake of readable hunks.
const longLine = 1000
