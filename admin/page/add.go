package page

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/edits"
	"mailhint/settings"
	"mailhint/templates"
)

var addTemplate = templates.AdminHTML("add.html.tmpl")

// addContent is what add.html.tmpl is filled with.
type addContent struct {
	Typed    string
	Profiles []option
	Required bool // a profile has to be chosen
	Wrong    string
	There    *link // the domain, if it is there already
}

func (h *Handler) showAdd(v *visit) error {
	return h.addPage(v, http.StatusOK, addContent{})
}

func (h *Handler) addPage(v *visit, status int, c addContent) error {
	if !h.canAdd(v) {
		return accounts.ErrDenied
	}
	profiles, err := h.Admin.ProfileRecords(v.Context(), v.who)
	if err != nil {
		return err
	}
	for _, p := range profiles {
		if v.who.AllowsProfile(p.Name) {
			c.Profiles = append(c.Profiles, option{p.Name, p.Name, p.Name == v.field("profile")})
		}
	}
	c.Required = v.who.Role == accounts.Provisioner
	return h.show(v, status, addTemplate, document{Title: "Add a domain", Content: c})
}

// domainIn returns the domain that a person has typed, or that of an address.
func domainIn(typed string) (edits.Ref, error) {
	if a, err := settings.ParseAddress(typed); err == nil {
		return edits.Ref{Kind: edits.Domain, Name: string(a.Domain)}, nil
	}
	return edits.ParseDomain(typed)
}

// add is the way from an address or a domain to a new domain: what was found, the filled form, and what is saved of it.
func (h *Handler) add(v *visit) error {
	typedName := v.field("domain")
	ref, err := domainIn(typedName)
	if err != nil {
		return h.addPage(v, http.StatusUnprocessableEntity, addContent{Typed: typedName, Wrong: sentence(err.Error())})
	}
	if !h.canAdd(v) {
		return accounts.ErrDenied
	}
	if _, err := h.Admin.Domain(v.Context(), v.who, ref); err == nil {
		return h.addPage(v, http.StatusConflict, addContent{Typed: ref.Name, Wrong: ref.Name + " is there already.", There: &link{Title: "Open " + ref.Name, Path: domainPath(ref.Name, "")}})
	}
	c := domainContent{Up: link{Title: "Domains", Path: "/domains"}, Name: ref.Name, Unicode: unicodeOf(ref.Name), Action: "/add", CanCheck: true,
		Address: v.field("address"), Hidden: []hidden{{"domain", ref.Name}}}
	switch v.field("do") {
	case "check", "save":
		c.Groups = h.emptyForm(v)
		typed(c.Groups, v.PostForm)
	default:
		values, err := h.findServers(v, ref, &c)
		if err != nil {
			return err
		}
		c.Groups = h.emptyForm(v)
		filled := newForm(edits.Domain, values)
		for _, g := range c.Groups {
			for i, f := range g.Fields {
				fill := fieldOf(filled, f.Key)
				fill.ReadOnly, fill.Options = f.ReadOnly, f.Options
				g.Fields[i] = fill
			}
		}
	}
	return h.addForm(v, ref, c)
}

// findServers looks for the mail servers of a domain that is not to be on a profile, and tells what was found.
func (h *Handler) findServers(v *visit, ref edits.Ref, c *domainContent) (edits.Values, error) {
	if profile := v.field("profile"); profile != "" {
		return edits.Values{"profile": profile}, nil
	}
	_ = http.NewResponseController(v.ResponseWriter).SetWriteDeadline(time.Now().Add(examineTime)) // otherwise the usual one applies
	found, err := h.Admin.Find(v.Context(), v.who, ref)
	var mistakes *admin.InvalidError
	var busy *admin.BusyError
	switch {
	case errors.As(err, &mistakes):
		c.Found = []seen{{"warn", sentence(mistakes.Problems[0].Text)}}
	case errors.As(err, &busy):
		c.Found = []seen{{"warn", sentence(busy.Error())}}
	case errors.Is(err, admin.ErrUnavailable):
		c.Found = []seen{{"", "This server does not look for mail servers. Fill in the form by hand."}}
	case err != nil:
		return nil, err
	}
	for _, s := range found.Servers {
		c.Found = append(c.Found, seen{"good", s.URL})
	}
	for _, p := range found.Problems {
		c.Found = append(c.Found, seen{"warn", sentence(p)})
	}
	for _, r := range found.Remarks {
		c.Found = append(c.Found, seen{"", sentence(r)})
	}
	if err == nil && found.Values == nil && len(found.Problems) == 0 {
		c.Found = append(c.Found, seen{"warn", "No complete set of mail servers was found. Fill in the form by hand."})
	}
	return found.Values, nil
}

// emptyForm is the form for a new domain: for those who may set only the profile, nothing else.
func (h *Handler) emptyForm(v *visit) []fieldGroup {
	var form []fieldGroup
	profiles, _ := h.Admin.ProfileRecords(v.Context(), v.who) // without them, the name of a profile is typed
	for _, g := range newForm(edits.Domain, nil) {
		var fields []*field
		for _, f := range g.Fields {
			if f.Widget == shownOnly || !v.who.MayChange(f.Key, nil) {
				continue
			}
			if f.Key == "profile" {
				f.Options = nil
				for _, p := range profiles {
					f.Options = append(f.Options, option{Value: p.Name, Label: p.Name})
				}
			}
			fields = append(fields, f)
		}
		if fields != nil {
			g.Fields = fields
			form = append(form, g)
		}
	}
	return form
}

// addForm shows what the new domain would be, or adds it.
func (h *Handler) addForm(v *visit, ref edits.Ref, c domainContent) error {
	save := v.field("do") == "save"
	values := make(edits.Values)
	for _, a := range changed(edits.Domain, c.Groups, nil) {
		values[a.Path[0]] = a.Value
	}
	c.Review = &review{Reason: v.field("reason"), Save: "Add " + ref.Name}
	o := admin.Options{If: edits.Absent, Via: edits.Web, Reason: c.Review.Reason, DryRun: !save, Probe: admin.ProbeSkip, Address: c.Address, Previews: true}
	if touchesServers(values) && !v.PostForm.Has("insist") && v.field("do") != "" {
		if o.Probe = admin.ProbeWarn; save {
			o.Probe = admin.ProbeRequire
		}
	}
	status := http.StatusOK
	outcome, err := unprobed(o, func(o admin.Options) (admin.Outcome, error) { return h.Admin.Add(v.Context(), v.who, ref, values, o) })
	var mistakes *admin.InvalidError
	var unwritten *edits.NotWrittenError
	var denied *admin.DeniedError
	switch {
	case errors.As(err, &mistakes) && outcome.Servers != nil:
		c.Review.fill(outcome, admin.View{Record: edits.Record{Ref: ref}})
	case errors.As(err, &mistakes):
		c.Review = nil
		if c.wrong(mistakes.Problems); v.field("do") == "" { // the form was not filled in by the person
			c.Errors = nil
		}
		status = http.StatusUnprocessableEntity
	case errors.As(err, &denied):
		c.Review, c.Errors, status = nil, []fieldError{{Text: sentence(denied.Error())}}, http.StatusForbidden
	case errors.As(err, &unwritten):
		c.Review.ByHand, c.Review.Diff = unwritten.Diff, diffLines(unwritten.Diff)
		c.Locked = sentence(unwritten.Error())
	case err != nil:
		return err
	case save && len(outcome.Changes) > 0:
		return v.to(domainPath(ref.Name, ""), queryOf("added", number(outcome.Changes[0].Number)))
	default:
		c.Review.fill(outcome, admin.View{Record: edits.Record{Ref: ref}})
		if h.writable(v.Context()) != nil {
			c.Review.ByHand = outcome.Diff
		}
	}
	h.lock(v, &c)
	return h.show(v, status, domainTemplate, document{Title: "Add " + ref.Name, Content: c})
}

// number and numberIn spell and read the number of a change; 0 stands for none.
func number(n int64) string { return strconv.FormatInt(n, 10) }

func numberIn(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

func queryOf(name, value string) url.Values { return url.Values{name: {value}} }

func goneQuery(ref edits.Ref, change edits.Change) url.Values {
	return url.Values{"gone": {ref.Name}, "change": {number(change.Number)}}
}
