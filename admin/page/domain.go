package page

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/edits"
	"mailhint/templates"
)

var domainTemplate = templates.AdminHTML("domain.html.tmpl")

// domainContent is what domain.html.tmpl is filled with.
type domainContent struct {
	Up       link
	Name     string
	Unicode  string
	Tabs     []link
	Facts    []fact
	Locked   string // why nothing can be changed; empty if something can
	ByHand   *link  // where to prepare a change to make by hand; nil if it can be saved, or if this is there
	Conflict *conflict
	Errors   []fieldError
	Action   string
	Revision string
	Base     string // the record's values when the form was shown, as JSON
	Hidden   []hidden
	Found    []seen // what a search for mail servers has found
	Review   *review
	Groups   []fieldGroup
	CanCheck bool
	Frozen   bool // every control is disabled
	Address  string
	Dangers  []danger
}

type hidden struct{ Name, Value string }

type fact struct{ Label, Value, Path string }

type fieldError struct{ ID, Key, Text string }

// record is a domain or profile whose page is asked for.
type record struct {
	view admin.View
	// inherited are the values of the profile that a domain inherits from, as far as they may be seen.
	inherited edits.Values
	profiles  []string
}

// domainRef returns the domain that the path names. Only the canonical spelling is a name; another one that a person has typed is redirected to it.
func (v *visit) domainRef() (edits.Ref, error) {
	ref, err := edits.ParseDomain(v.part("domain"))
	if err != nil || ref.Name != v.part("domain") {
		return edits.Ref{}, admin.ErrNotFound
	}
	return ref, nil
}

// profileRef returns the profile that the path names.
func (v *visit) profileRef() edits.Ref {
	return edits.Ref{Kind: edits.Profile, Name: v.part("profile")}
}

func (h *Handler) load(ctx context.Context, who accounts.Principal, ref edits.Ref) (record, error) {
	var r record
	var err error
	if ref.Kind == edits.Profile {
		r.view, err = h.Admin.Profile(ctx, who, ref.Name)
		return r, err
	}
	if r.view, err = h.Admin.Domain(ctx, who, ref); err != nil {
		return r, err
	}
	profiles, err := h.Admin.ProfileRecords(ctx, who)
	for _, p := range profiles {
		r.profiles = append(r.profiles, p.Name)
		if p.Name == r.view.Profile {
			r.inherited = p.Values
		}
	}
	return r, err
}

// form is the form for a record, filled with its values.
func (r record) form() []fieldGroup {
	form := newForm(r.view.Kind, r.view.Values)
	for _, g := range form {
		for _, f := range g.Fields {
			i := slices.IndexFunc(r.view.Keys, func(k admin.Key) bool { return k.Name == f.Key })
			if i < 0 {
				continue
			}
			k := r.view.Keys[i]
			if k.Why != "" {
				f.ReadOnly = readOnlyFor(k.Why)
			} else if f.ReadOnly == "" && !r.view.May.Change {
				f.ReadOnly = onlyLooks
			}
			f.CanLook = r.view.May.Probe && r.view.Kind == edits.Domain
			r.inherit(f, k)
			if f.Key == "profile" {
				f.Options = nil
				for _, name := range r.profiles {
					f.Options = append(f.Options, option{Value: name, Label: name})
				}
			}
		}
	}
	return form
}

// inherit says what a field inherits.
func (r record) inherit(f *field, k admin.Key) {
	switch {
	case k.Own == nil && len(k.Effective) > 0:
		f.Inherited, f.From = strings.Join(k.Effective, "\n"), k.From
		if k.Where != "" {
			f.From += " (" + path.Base(k.Where) + ")"
		}
	case r.inherited[k.Name] != nil:
		f.Inherited, f.From = edits.SpellValue(r.inherited[k.Name]), "profile "+r.view.Profile
	}
}

func (h *Handler) showDomain(v *visit) error {
	ref, err := v.domainRef()
	if err != nil {
		if spelled, err := edits.ParseDomain(v.part("domain")); err == nil {
			return v.to(domainPath(spelled.Name, ""), nil)
		}
		return err
	}
	return h.showRecord(v, ref)
}

func (h *Handler) showProfile(v *visit) error { return h.showRecord(v, v.profileRef()) }

func (h *Handler) showRecord(v *visit, ref edits.Ref) error {
	r, err := h.load(v.Context(), v.who, ref)
	if err != nil {
		return err
	}
	c := h.newDomainContent(v, r, r.form())
	return h.show(v, http.StatusOK, domainTemplate, document{Title: title(ref), Notice: savedNotice(v, r.view), Content: c})
}

func title(ref edits.Ref) string {
	if ref.Kind == edits.Profile {
		return "Profile " + ref.Name
	}
	return ref.Name
}

// recordPath is the path of a record's page, or of one below it.
func recordPath(ref edits.Ref, below string) string {
	if ref.Kind == edits.Profile {
		return profilePath(ref.Name, below)
	}
	return domainPath(ref.Name, below)
}

// savedNotice says that a change was saved, and offers to undo it.
func savedNotice(v *visit, view admin.View) *notice {
	q := v.URL.Query()
	for _, what := range []struct{ word, title, text string }{
		{"saved", "Saved.", "Mail programs get it from now on. It is change %N."},
		{"added", "Added.", "Mail programs get its settings from now on. Next, look at its DNS records."},
		{"restored", "Restored.", "Mail programs get it from now on. It is change %N."},
	} {
		number, err := strconv.ParseInt(q.Get(what.word), 10, 64)
		if err != nil {
			continue
		}
		n := &notice{Kind: "good", Title: what.title, Text: strings.ReplaceAll(what.text, "%N", strconv.FormatInt(number, 10))}
		if view.May.Restore {
			n.Undo = &undo{recordPath(view.Ref, "/restore"), number, string(view.Revision)}
		}
		return n
	}
	return doneNotice(v)
}

// newDomainContent is the page of a record with a form.
func (h *Handler) newDomainContent(v *visit, r record, form []fieldGroup) domainContent {
	view := r.view
	c := domainContent{
		Up: link{Title: "Domains", Path: "/domains"}, Name: view.Name, Action: recordPath(view.Ref, ""), Tabs: tabs(v, view.Ref),
		Revision: string(view.Revision), Base: baseOf(view.Values), Groups: form, CanCheck: view.May.Change, Address: v.field("address"),
	}
	if view.Kind == edits.Profile {
		c.Up = link{Title: "Profiles", Path: "/profiles"}
		c.Facts = append(c.Facts, fact{Label: "Domains that inherit from it", Value: grouped(view.Domains), Path: "/domains?" + url.Values{"profile": {view.Name}}.Encode()})
	} else {
		c.Unicode = unicodeOf(view.Name)
		if view.Profile != "" {
			c.Facts = append(c.Facts, fact{Label: "Profile", Value: view.Profile, Path: profilePath(view.Profile, "")})
		}
		if !view.Enabled {
			c.Facts = append(c.Facts, fact{Label: "State", Value: "Switched off: it is treated as unknown"})
		}
	}
	if where := view.Where.String(); view.Where.File != "" {
		c.Facts = append(c.Facts, fact{Label: "Written at", Value: path.Base(where)})
	}
	if view.ManagedBy == edits.ByList {
		c.Facts = append(c.Facts, fact{Label: "Kept in", Value: "the list of profile " + view.List + "; a change here makes it an exception to the list"})
	}
	if !view.May.Change {
		c.Locked = "This account may look at it, but not change it."
	}
	if view.May.Remove {
		c.Dangers = append(c.Dangers, removal(view))
	}
	h.lock(v, &c)
	return c
}

// lock disables everything if the store cannot be written, and says why. An operator may prepare a change all the same, to make it by hand.
func (h *Handler) lock(v *visit, c *domainContent) {
	err := h.writable(v.Context())
	if err == nil || c.Locked != "" {
		return
	}
	c.Locked = "The configuration cannot be written on this server, so every change has to be made by hand."
	if v.who.SeesAll() && v.who.Role == accounts.Operator {
		c.Locked += " The reason: " + strings.TrimSuffix(err.Error(), ".") + "."
	}
	c.Dangers = nil
	if v.URL.Query().Has("by-hand") || v.Method == http.MethodPost {
		return
	}
	c.CanCheck, c.Frozen = false, true
	c.ByHand = &link{Title: "Prepare a change to make by hand", Path: c.Action + "?by-hand"}
}

// tabs are the pages of a record.
func tabs(v *visit, ref edits.Ref) []link {
	list := []link{{Title: "Settings"}, {Title: "Preview", Path: "/preview"}, {Title: "DNS records", Path: "/dns"}, {Title: "Doctor", Path: "/doctor"}, {Title: "History", Path: "/history"}}
	if ref.Kind == edits.Profile {
		list = []link{{Title: "Settings"}, {Title: "History", Path: "/history"}}
	}
	for i := range list {
		list[i].Path = recordPath(ref, list[i].Path)
		list[i].Here = list[i].Path == v.URL.EscapedPath() || list[i].Path == v.URL.Path
	}
	return list
}

// baseOf returns values for a hidden field. They serve only to find out what the person has changed.
func baseOf(values edits.Values) string {
	text, err := json.Marshal(values)
	if err != nil { // values are made of what JSON can express
		return "{}"
	}
	return string(text)
}

// based reads what baseOf has written.
func based(text string) edits.Values {
	var values edits.Values
	if json.Unmarshal([]byte(text), &values) != nil { // it was tampered with: then nothing is known of what has changed
		return nil
	}
	return values
}

// sent lists what a form has sent that a person may have typed, so that it is not lost.
func (v *visit) sent() []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(v.PostForm)) {
		if value := v.field(name); value != "" && !slices.Contains([]string{"base", "revision", "do"}, name) {
			list = append(list, name+" = "+value)
		}
	}
	return list
}

func (h *Handler) changeDomain(v *visit) error {
	ref, err := v.domainRef()
	if err != nil {
		return err
	}
	return h.changeRecord(v, ref)
}

func (h *Handler) changeProfile(v *visit) error { return h.changeRecord(v, v.profileRef()) }

// changeRecord does what a button of the form is for: it looks at a live server, shows what the change would do, or saves it.
func (h *Handler) changeRecord(v *visit, ref edits.Ref) error {
	r, err := h.load(v.Context(), v.who, ref)
	if errors.Is(err, admin.ErrNotFound) { // it was removed meanwhile, perhaps
		h.tell(v, http.StatusNotFound, errorPage{Title: "Not found", Text: notFoundText + " Nothing was saved. This is what you have sent:", Detail: v.sent()})
		return nil
	}
	if err != nil {
		return err
	}
	form := r.form()
	typed(form, v.PostForm)
	c := h.newDomainContent(v, r, form)
	c.Revision, c.Base = v.field("revision"), v.PostForm.Get("base")
	what, rest, _ := strings.Cut(v.field("do"), " ")
	if what == "look" {
		if err := h.lookAt(v, ref, form, rest); err != nil {
			return err
		}
		return h.show(v, http.StatusOK, domainTemplate, document{Title: title(ref), Content: c})
	}
	if edits.Revision(c.Revision) != r.view.Revision {
		return h.showConflict(v, r, c, nil)
	}
	saved, err := h.review(v, r, &c, what == "save")
	switch {
	case errors.Is(err, edits.ErrConflict):
		if r, err = h.load(v.Context(), v.who, ref); err != nil {
			return err
		}
		return h.showConflict(v, r, c, nil)
	case err != nil:
		return err
	case saved > 0:
		return v.to(recordPath(ref, ""), url.Values{"saved": {strconv.FormatInt(saved, 10)}})
	}
	status := http.StatusOK
	if c.Errors != nil {
		status = http.StatusUnprocessableEntity
	}
	return h.show(v, status, domainTemplate, document{Title: title(ref), Content: c})
}
