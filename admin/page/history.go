package page

import (
	"errors"
	"net/http"

	"mailhint/admin"
	"mailhint/edits"
	"mailhint/templates"
)

var historyTemplate = templates.AdminHTML("history.html.tmpl")

// historyContent is what history.html.tmpl is filled with.
type historyContent struct {
	Tabs     []link
	Name     string
	Restore  string // the path of the form that restores
	Revision string
	Changes  []changeRow
	First    string
	Next     string
}

type changeRow struct {
	Number              int64
	Time, Actor         string
	Via, Action, Reason string
	Undoes              int64
	Differences         []string
	Diff                []diffLine
	CanRestore          bool
}

func (h *Handler) showHistory(v *visit) error {
	ref, err := v.domainRef()
	if err != nil {
		return err
	}
	return h.historyPage(v, ref)
}

func (h *Handler) showProfileHistory(v *visit) error { return h.historyPage(v, v.profileRef()) }

const changesPerPage = 20

func (h *Handler) historyPage(v *visit, ref edits.Ref) error {
	before := numberIn(v.URL.Query().Get("before"))
	changes, err := h.Admin.History(v.Context(), v.who, ref, admin.HistoryQuery{Before: before, Limit: changesPerPage + 1})
	if err != nil {
		return err
	}
	c := historyContent{Tabs: tabs(v, ref), Name: ref.Name, Restore: recordPath(ref, "/restore")}
	r, err := h.load(v.Context(), v.who, ref)
	may := r.view.May.Restore && h.writable(v.Context()) == nil
	switch {
	case errors.Is(err, admin.ErrNotFound) || errors.Is(err, edits.ErrNotFound): // it is gone, and may be put back
		may = h.canAdd(v)
	case err != nil:
		return err
	}
	c.Revision = string(r.view.Revision)
	if before > 0 {
		c.First = recordPath(ref, "/history")
	}
	if len(changes) > changesPerPage {
		changes = changes[:changesPerPage]
		c.Next = recordPath(ref, "/history") + "?before=" + number(changes[len(changes)-1].Number)
	}
	for _, change := range changes {
		row := changeRow{Number: change.Number, Time: moment(change.Time), Actor: change.Actor, Via: viaWords[change.Via], Action: actionWords[change.Action],
			Reason: change.Reason, Undoes: change.Undoes, Diff: diffLines(change.Diff()), CanRestore: may && change.Summary == nil}
		if row.Action == "" {
			row.Action = change.Action
		}
		if change.Summary != nil {
			row.Differences = append(row.Differences, change.Summary.String())
		}
		for _, d := range change.Differences() {
			row.Differences = append(row.Differences, d.String())
		}
		c.Changes = append(c.Changes, row)
	}
	return h.show(v, http.StatusOK, historyTemplate, document{Title: title(ref) + ": history", Content: c})
}

var viaWords = map[edits.Via]string{edits.Command: "command line", edits.API: "API", edits.Web: "this page", edits.ByHand: "edited by hand"}

var actionWords = map[string]string{
	edits.ActionAdd: "Added", edits.ActionSet: "Changed", edits.ActionRemove: "Removed", edits.ActionEnable: "Switched on",
	edits.ActionDisable: "Switched off", edits.ActionEdit: "Edited", edits.ActionUndo: "Restored", edits.ActionApply: "Applied from a file",
}

func (h *Handler) restoreDomain(v *visit) error {
	ref, err := v.domainRef()
	if err != nil {
		return err
	}
	return h.restore(v, ref)
}

func (h *Handler) restoreProfile(v *visit) error { return h.restore(v, v.profileRef()) }

// restore puts a record back to how it was before a change.
func (h *Handler) restore(v *visit, ref edits.Ref) error {
	o := admin.Options{If: edits.Revision(v.field("revision")), Via: edits.Web, Probe: admin.ProbeSkip, Reason: v.field("reason")}
	outcome, err := h.Admin.Restore(v.Context(), v.who, ref, numberIn(v.field("change")), o)
	if err != nil {
		return err
	}
	if len(outcome.Changes) == 0 {
		return v.to(recordPath(ref, ""), nil)
	}
	if change := outcome.Changes[0]; change.After == nil { // it did not exist before
		return v.to(map[edits.Kind]string{edits.Domain: "/domains", edits.Profile: "/profiles"}[ref.Kind], goneQuery(ref, change))
	}
	return v.to(recordPath(ref, ""), queryOf("restored", number(outcome.Changes[0].Number)))
}
