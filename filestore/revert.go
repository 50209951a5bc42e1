package filestore

import (
	"maps"
	"slices"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/tomledit"
)

// restoration is how to put something back where it was, octet for octet.
type restoration struct {
	// File is where, as State.File.
	File string `json:"file"`
	// Undo is for a file of TOML.
	Undo *tomledit.Undo `json:"undo,omitempty"`
	// Line is the line of a list that was removed, and Above and Below are those that it was between.
	Line  string `json:"line,omitempty"`
	Above string `json:"above,omitempty"`
	Below string `json:"below,omitempty"`
	// End is how the lines of the list ended, and Open is true if this one had no end.
	End  string `json:"end,omitempty"`
	Open bool   `json:"open,omitempty"`
}

// lineOf is how to put a line back.
func lineOf(file string, l listLine) restoration {
	return restoration{File: file, Line: l.text, Above: l.above, Below: l.below, End: l.nl, Open: l.open}
}

// revert takes the changes back that an edit undoes, the newest first, if the record is as they left it. Otherwise it reports false and has changed
// nothing.
func (p *planner) revert(e edits.Edit) bool {
	past, err := p.past(e.Ref, e.Undoes)
	now, exists := p.get(e.Ref)
	if err != nil || len(past) == 0 || past[len(past)-1].Number != e.Undoes || !follows(now, exists, past) || !wants(e, past[len(past)-1].Before) {
		return false
	}
	p.close()
	texts, restores := maps.Clone(p.texts), slices.Clone(p.restores[e.Ref])
	for _, c := range past {
		if c.Restore == nil {
			return p.reset(e.Ref, texts, restores)
		}
		for _, r := range slices.Backward(c.Restore) {
			if !p.restore(e.Ref, r) {
				return p.reset(e.Ref, texts, restores)
			}
		}
	}
	return true
}

// reset forgets what has been reverted.
func (p *planner) reset(ref edits.Ref, texts map[string]string, restores []restoration) bool {
	clear(p.open)
	p.texts, p.restores[ref] = texts, restores
	return false
}

// follows reports whether a record is as the newest of its changes left it, and each of them began where the one before ended.
func follows(now edits.Record, exists bool, past []entry) bool {
	revision := edits.Absent
	if exists {
		revision = now.Revision
	}
	for _, c := range past {
		if revisionOf(c.After) != revision {
			return false
		}
		revision = revisionOf(c.Before)
	}
	return true
}

// wants reports whether a state is what an edit asks for.
func wants(e edits.Edit, s *edits.State) bool {
	if s == nil || e.Values == nil {
		return s == nil && e.Values == nil
	}
	return s.Values.Equal(e.Values) && s.List == e.List && (e.Text == "" || e.Text == s.Text)
}

func revisionOf(s *edits.State) edits.Revision {
	if s == nil {
		return edits.Absent
	}
	return s.Revision
}

// restore puts one thing back.
func (p *planner) restore(ref edits.Ref, r restoration) bool {
	i := slices.IndexFunc(p.Files, func(f domains.Text) bool { return p.key(f.Name) == r.File })
	if i < 0 {
		return false
	}
	file := p.Files[i].Name
	switch {
	case r.Undo != nil:
		return p.change(ref, file, func(t *tomledit.Text) (tomledit.Undo, error) { return t.Revert(*r.Undo) }) == nil
	case r.Line != "":
		p.texts[file] = listChange{add: []listLine{{r.Line, r.Above, r.Below, r.End, r.Open}}}.apply(p.text(file))
		p.restores[ref] = append(p.restores[ref], restoration{File: r.File})
	default:
		p.rememberLines(ref, file)
		p.texts[file] = listChange{remove: map[string]bool{ref.Name: true}}.apply(p.text(file))
	}
	return true
}

// rememberLines remembers how to put the lines back that a list has for a domain.
func (p *planner) rememberLines(ref edits.Ref, file string) {
	for _, line := range linesOf(p.text(file), map[string]bool{ref.Name: true})[ref.Name] {
		p.restores[ref] = append(p.restores[ref], lineOf(p.key(file), line))
	}
}
