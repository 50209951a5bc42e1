package page

import (
	"net/http"
	"strconv"

	"mailhint/admin"
	"mailhint/edits"
)

// conflict says that somebody else has changed the record meanwhile.
type conflict struct {
	Who  string
	Keys []conflictKey
}

type conflictKey struct {
	ID, Key, Theirs, Mine string
	Both                  bool
}

// showConflict shows the form again after somebody else has changed the record: what was typed, and what there is now.
func (h *Handler) showConflict(v *visit, r record, c domainContent, by *edits.Change) error {
	base := based(c.Base)
	form := newForm(r.view.Kind, base)
	again := r.form()
	for i, g := range form { // what may be changed is as it is today
		for j, f := range g.Fields {
			now := again[i].Fields[j]
			f.ReadOnly, f.Inherited, f.From, f.Options = now.ReadOnly, now.Inherited, now.From, now.Options
		}
	}
	typed(form, v.PostForm)
	merge(r.view.Kind, form, base, r.view.Values)
	fresh := h.newDomainContent(v, r, form)
	fresh.Address = c.Address
	fresh.Conflict = h.newConflict(v, r, form)
	return h.show(v, http.StatusConflict, domainTemplate, document{Title: title(r.view.Ref), Content: fresh})
}

func (h *Handler) newConflict(v *visit, r record, form []fieldGroup) *conflict {
	c := &conflict{Who: "Somebody else has changed this since you opened it."}
	changes, err := h.Admin.History(v.Context(), v.who, r.view.Ref, admin.HistoryQuery{Limit: 1})
	if err == nil && len(changes) > 0 { // without the history, it is not known who it was
		last := changes[0]
		c.Who = last.Actor + " has changed this " + ago(last.Time) + " (change " + strconv.FormatInt(last.Number, 10) + ", " + viaWords[last.Via] + ")."
	}
	for _, g := range form {
		for _, f := range g.Fields {
			if f.Theirs == "" {
				continue
			}
			mine := "(not changed)"
			if !f.Taken {
				if mine = "(empty)"; f.value() != nil {
					mine = edits.SpellValue(f.value())
				}
			}
			c.Keys = append(c.Keys, conflictKey{f.ID(), f.Key, f.Theirs, mine, !f.Taken})
		}
	}
	return c
}
