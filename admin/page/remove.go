package page

import (
	"net/http"
	"net/url"
	"strconv"

	"mailhint/admin"
	"mailhint/edits"
)

// danger is a button for something that needs a thought.
type danger struct{ Path, Text, Button, Revision string }

func removal(view admin.View) danger {
	d := danger{Path: recordPath(view.Ref, "/remove"), Button: "Remove " + view.Name, Revision: string(view.Revision)}
	if view.Kind == edits.Profile {
		d.Text = "Removes the profile. " + counted(view.Domains, "domain inherits", "domains inherit") + " from it, and it can be removed only when none does."
		return d
	}
	d.Text = "Removes 1 domain: mail programs then get no settings for " + view.Name + " any more. It can be restored from its history."
	return d
}

func (h *Handler) removeDomain(v *visit) error {
	ref, err := v.domainRef()
	if err != nil {
		return err
	}
	return h.remove(v, ref)
}

func (h *Handler) removeProfile(v *visit) error { return h.remove(v, v.profileRef()) }

func (h *Handler) remove(v *visit, ref edits.Ref) error {
	if !v.PostForm.Has("sure") {
		h.tell(v, http.StatusUnprocessableEntity, errorPage{Title: "Nothing was removed", Text: "Go back, and mark that you are sure.",
			Links: []link{{Title: "Back to " + ref.Name, Path: recordPath(ref, "") + "#dangers"}}})
		return nil
	}
	outcome, err := h.Admin.Delete(v.Context(), v.who, ref, admin.Options{If: edits.Revision(v.field("revision")), Via: edits.Web, Reason: v.field("reason")})
	if err != nil {
		return err
	}
	q := url.Values{"gone": {ref.Name}}
	if len(outcome.Changes) > 0 {
		q.Set("change", strconv.FormatInt(outcome.Changes[0].Number, 10))
	}
	if ref.Kind == edits.Profile {
		return v.to("/profiles", q)
	}
	return v.to("/domains", q)
}

// goneNotice says that a record was removed, and offers to put it back.
func goneNotice(v *visit, kind edits.Kind) *notice {
	name := v.URL.Query().Get("gone")
	number, err := strconv.ParseInt(v.URL.Query().Get("change"), 10, 64)
	if err != nil || name == "" {
		return doneNotice(v)
	}
	return &notice{Kind: "good", Title: name + " is removed.", Text: "Mail programs get no settings for it any more.",
		Undo: &undo{recordPath(edits.Ref{Kind: kind, Name: name}, "/restore"), number, ""}}
}
