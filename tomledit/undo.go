package tomledit

import (
	"bytes"
	"fmt"
	"strings"
)

// Undo is what Revert needs to take an operation back. It can be kept as JSON.
type Undo struct {
	Path  []string `json:"path"`
	Hunks []Hunk   `json:"hunks"`
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
// everything around it, is no longer as the operation left it.
func Revert(text []byte, u Undo) (Result, error) {
	body := bytes.TrimPrefix(text, bom)
	r, err := newRegion(body, mark{}, nil)
	if err != nil {
		return Result{}, err
	}
	d := r.document
	var s []splice
	for _, h := range u.Hunks {
		at, ok := h.find(body, r.gaps(&d, u.Path))
		if !ok {
			return Result{}, fmt.Errorf("[%s]: %w", spell(u.Path), ErrChanged)
		}
		s = append(s, splice{at, at + len(h.New), []byte(h.Old)})
	}
	if err := d.splice(s...); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrChanged, err)
	}
	if _, err := verify(&r.document, &d, u.Path); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrChanged, err)
	}
	return finish(text, &r, &d, u.Path), nil
}

// find returns where the change that a hunk describes is now.
func (h Hunk) find(text []byte, gaps []gap) (int, bool) {
	for _, g := range gaps {
		if g.above == h.Above && g.below == h.Below && len(g.text) == h.Skip+len(h.New)+h.Left && g.has(h.Skip, h.New) {
			return g.from + h.Skip, true
		}
	}
	for _, g := range gaps {
		if g.above == h.Above && h.fits(g, h.Skip) {
			return g.from + h.Skip, true
		}
		if skip := len(g.text) - h.Left - len(h.New); g.below == h.Below && h.fits(g, skip) {
			return g.from + skip, true
		}
	}
	return 0, false
}

// fits reports whether a change may be taken back at an offset of a gap that is not quite the one that it was made in: whole lines only.
func (h Hunk) fits(g gap, skip int) bool {
	return skip > 0 && g.has(skip, h.New) && g.text[skip-1] == '\n' && strings.HasSuffix(h.Old, "\n") && (h.New == "" || strings.HasSuffix(h.New, "\n"))
}

func (g gap) has(skip int, text string) bool {
	return skip >= 0 && skip <= len(g.text) && strings.HasPrefix(g.text[skip:], text)
}

// hunks returns how a region has become another document.
func (r *region) hunks(d *document, path []string) []Hunk {
	old, now := r.gaps(&r.document, path), r.gaps(d, path)
	var hunks []Hunk
	for i := range old {
		if old[i].text == now[i].text {
			continue
		}
		skip := commonPrefix(old[i].text, now[i].text)
		a, b := old[i].text[skip:], now[i].text[skip:]
		left := commonSuffix(a, b)
		hunks = append(hunks, Hunk{now[i].above, now[i].below, skip, left, a[:len(a)-left], b[:len(b)-left]})
	}
	return hunks
}

// gap is the text from behind an expression that does not belong to the table to the line of the next one.
type gap struct {
	above, below string // spell their paths
	from         int
	text         string
}

// gaps returns the text around the expressions that do not belong to a table.
func (r *region) gaps(d *document, path []string) []gap {
	var gaps []gap
	g := gap{above: r.above, text: r.tail, from: -len(r.tail)}
	at := 0
	for _, e := range d.list {
		if e.concerns(path) {
			continue
		}
		g.below = spell(e.path)
		g.text += string(d.text[at:e.line])
		gaps = append(gaps, g)
		g, at = gap{above: g.below, from: e.end}, e.end
	}
	g.below, g.text = "", g.text+string(d.text[at:])
	if d.after != nil {
		g.below = spell(d.after.path)
	}
	return append(gaps, g)
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func commonSuffix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}
