package tomledit

import (
	"fmt"
	"slices"
)

// setList changes an array that is written in brackets.
func (d *document) setList(path []string, old, wanted []any) error {
	t := d.find(path)
	l := parseList(d.text, t.value)
	if d.text[t.value] != '[' || len(l.items) != len(old) {
		return fmt.Errorf("%s could not be read: %w", spell(path), ErrUnsafe)
	}
	plan := align(old, wanted)
	for i, v := range slices.Backward(old) { // tables that become others: key by key
		oldTable, isTable := v.(map[string]any)
		newTable, toTable := plan.replace[i].(map[string]any)
		if isTable && toTable {
			if err := d.setTable(below(path, Element(i)), oldTable, newTable, nil); err != nil {
				return err
			}
			delete(plan.replace, i)
		}
	}
	l = parseList(d.text, d.find(path).value)
	c := change{remove: plan.remove, replace: make(map[int][]byte), insert: make(map[int][][]byte)}
	for i, v := range plan.replace {
		c.replace[i] = restyle(d.text[l.items[i].start:l.items[i].end], v)
	}
	for i, values := range plan.insert {
		for _, v := range values {
			var value []byte
			if n := len(l.items); n > 0 {
				value = restyle(d.text[l.items[n-1].start:l.items[n-1].end], v)
			} else {
				value = appendValue(nil, v)
			}
			c.insert[i] = append(c.insert[i], value)
		}
	}
	return d.splice(l.splices(d.text, c, d.nl)...)
}

// setElements changes an array of tables with headers.
func (d *document) setElements(path []string, old, wanted []any) error {
	plan := align(old, wanted)
	for i := len(old) - 1; i >= -1; i-- { // from the end, so that the numbers of those that follow remain right
		for _, v := range slices.Backward(plan.insert[i]) {
			if err := d.addElement(path, i, v.(map[string]any)); err != nil {
				return err
			}
		}
		if i < 0 {
			break
		}
		p := below(path, Element(i))
		var err error
		if plan.remove[i] {
			err = d.remove(p)
		} else if v, ok := plan.replace[i]; ok {
			err = d.setTable(p, old[i].(map[string]any), v.(map[string]any), nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plan says how a list becomes another: which elements are removed, which get another value, and what is put behind which element; -1 stands
// for the beginning.
type plan struct {
	remove  []bool
	replace map[int]any
	insert  map[int][]any
}

// align makes a plan that keeps what both lists have, if it is in the same order, and changes elements where some have gone and others have
// come.
func align(old, wanted []any) plan {
	a, b := spellAll(old), spellAll(wanted)
	left, right := count(a), count(b) // what is still to come
	p := plan{make([]bool, len(a)), make(map[int]any), make(map[int][]any)}
	var gone []int
	var come []any
	kept := -1 // the last one
	flush := func() {
		after := kept
		for i, v := range come {
			if i < len(gone) {
				after = gone[i]
				p.replace[after] = v
			} else {
				p.insert[after] = append(p.insert[after], v)
			}
		}
		for _, i := range gone[min(len(come), len(gone)):] {
			p.remove[i] = true
		}
		gone, come = nil, nil
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			flush()
			kept = i
			left[a[i]]--
			right[b[j]]--
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || right[a[i]] == 0 || left[b[j]] > 0):
			left[a[i]]--
			gone = append(gone, i)
			i++
		default:
			right[b[j]]--
			come = append(come, wanted[j])
			j++
		}
	}
	flush()
	return p
}

func spellAll(values []any) []string {
	spelled := make([]string, len(values))
	for i, v := range values {
		spelled[i] = string(appendValue(nil, v))
	}
	return spelled
}

func count(values []string) map[string]int {
	n := make(map[string]int, len(values))
	for _, v := range values {
		n[v]++
	}
	return n
}
