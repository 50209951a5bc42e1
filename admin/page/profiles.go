package page

import (
	"errors"
	"net/http"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/edits"
	"mailhint/templates"
)

var profilesTemplate = templates.AdminHTML("profiles.html.tmpl")

// profilesContent is what profiles.html.tmpl is filled with.
type profilesContent struct {
	Profiles []profileRow
	CanAdd   bool
	Name     string
	Wrong    string
}

type profileRow struct{ Name, Path, Shown, Domains, DomainsPath string }

func (h *Handler) showProfiles(v *visit) error {
	return h.profilesPage(v, http.StatusOK, profilesContent{})
}

func (h *Handler) profilesPage(v *visit, status int, c profilesContent) error {
	all, err := h.Admin.Profiles(v.Context(), v.who)
	if err != nil {
		return err
	}
	for _, p := range all {
		row := profileRow{Name: p.Name, Path: profilePath(p.Name, ""), Domains: grouped(p.Domains), DomainsPath: "/domains?" + queryOf("profile", p.Name).Encode()}
		row.Shown, _ = p.Values["name"].(string)
		c.Profiles = append(c.Profiles, row)
	}
	c.CanAdd = v.who.May(accounts.EditProfile, accounts.Target{})
	return h.show(v, status, profilesTemplate, document{Title: "Profiles", Notice: goneNotice(v, edits.Profile), Content: c})
}

// addProfile adds an empty profile, which is then filled in on its page. A domain can be put on it only when it has servers.
func (h *Handler) addProfile(v *visit) error {
	c := profilesContent{Name: v.field("name")}
	ref := edits.Ref{Kind: edits.Profile, Name: c.Name}
	_, err := h.Admin.Profile(v.Context(), v.who, c.Name)
	switch {
	case c.Name == "":
		c.Wrong = "Write a name, such as shared."
	case err == nil:
		c.Wrong = "There is a profile of this name already."
	}
	if c.Wrong != "" {
		return h.profilesPage(v, http.StatusUnprocessableEntity, c)
	}
	values := edits.Values{"imap": v.field("imap"), "smtp": v.field("smtp")}
	for key, value := range values {
		if value == "" {
			delete(values, key)
		}
	}
	outcome, err := h.Admin.Put(v.Context(), v.who, ref, values, admin.Options{If: edits.Absent, Via: edits.Web, Probe: admin.ProbeSkip})
	var mistakes *admin.InvalidError
	switch {
	case errors.As(err, &mistakes):
		c.Wrong = sentence(mistakes.Error())
		return h.profilesPage(v, http.StatusUnprocessableEntity, c)
	case err != nil:
		return err
	case len(outcome.Changes) == 0:
		return v.to(profilePath(c.Name, ""), nil)
	}
	return v.to(profilePath(c.Name, ""), queryOf("added", number(outcome.Changes[0].Number)))
}
