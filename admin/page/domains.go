package page

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/idna"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/edits"
	"mailhint/templates"
	"mailhint/untrusted"
)

var domainsTemplate = templates.AdminHTML("domains.html.tmpl")

// domainsContent is what domains.html.tmpl is filled with.
type domainsContent struct {
	Search   string
	Profiles []option
	States   []option
	Rows     []domainRow
	Found    string // how many there are
	Filtered bool   // some are left out
	CanAdd   bool
	First    string // the first page, unless this is it
	Next     string
	Probed   bool // the background probe has something to say
}

type domainRow struct {
	Name, Path, Unicode string
	Aliases             string
	Profile             string
	Note                string
	State, Class        string
	Seen                string
}

// stateWords are the states of the background probe in words, with the shape that goes with them; package monitor explains the states.
var stateWords = []struct{ state, class, words string }{
	{"good", "good", "Works"},
	{"warning", "warn", "Works, with a warning"},
	{"login", "bad", "Offers other login methods"},
	{"ipv6", "bad", "Does not answer over IPv6"},
	{"certificate", "bad", "Certificate is not valid"},
	{"tls", "bad", "No TLS connection"},
	{"closed", "bad", "Does not answer"},
	{"address", "bad", "Name has no address"},
	{"unknown", "", "Not checked yet"},
}

// searchDomains sends the browser to the list with a search. It takes the domain of an address that somebody searches for, so that no address gets into a
// URL.
func (h *Handler) searchDomains(v *visit) error {
	q := url.Values{}
	search := v.field("search")
	if i := strings.LastIndexByte(search, '@'); i >= 0 {
		search = search[i+1:]
	}
	for name, value := range map[string]string{"search": untrusted.Clip(search, 253), "profile": v.field("profile"), "state": v.field("state")} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return v.to("/domains", q)
}

func (h *Handler) showDomains(v *visit) error {
	values := v.URL.Query()
	q := admin.Query{Search: values.Get("search"), Profile: values.Get("profile"), State: values.Get("state"), After: values.Get("after"), Limit: domainsPerPage}
	page, err := h.Admin.Domains(v.Context(), v.who, q)
	if err != nil {
		return err
	}
	profiles, err := h.Admin.ProfileRecords(v.Context(), v.who)
	if err != nil {
		return err
	}
	c := domainsContent{Search: q.Search, Filtered: q.Search != "" || q.Profile != "" || q.State != "", CanAdd: h.canAdd(v)}
	for _, p := range profiles {
		c.Profiles = append(c.Profiles, option{p.Name, p.Name, p.Name == q.Profile})
	}
	for _, s := range stateWords {
		c.States = append(c.States, option{s.state, s.words, s.state == q.State})
	}
	for _, r := range page.Rows {
		c.Rows = append(c.Rows, newDomainRow(r))
		c.Probed = c.Probed || r.State != ""
	}
	c.Probed = c.Probed || q.State != ""
	switch {
	case page.Total < 0:
		c.Found = "Domains"
	case page.Total == 1:
		c.Found = "1 domain"
	default:
		c.Found = grouped(page.Total) + " domains"
	}
	if q.After != "" {
		values.Del("after")
		c.First = "/domains?" + values.Encode()
	}
	if page.More {
		values.Set("after", page.Rows[len(page.Rows)-1].Name)
		c.Next = "/domains?" + values.Encode()
	}
	return h.show(v, http.StatusOK, domainsTemplate, document{Title: "Domains", Notice: goneNotice(v, edits.Domain), Content: c})
}

const domainsPerPage = 50

// canAdd reports whether somebody may add domains at all.
func (h *Handler) canAdd(v *visit) bool {
	return accounts.ReachOf(v.who.Role, accounts.Add, false) != accounts.Nothing
}

func newDomainRow(r admin.Row) domainRow {
	row := domainRow{Name: r.Name, Path: domainPath(r.Name, ""), Unicode: unicodeOf(r.Name), Profile: r.Profile}
	if aliases := edits.Aliases(r.Values); len(aliases) > 0 {
		row.Aliases = strings.Join(aliases[:min(3, len(aliases))], ", ")
		if more := len(aliases) - 3; more > 0 {
			row.Aliases += " and " + counted(more, "more", "more")
		}
	}
	switch {
	case !r.Enabled:
		row.Note = "Switched off"
	case r.ManagedBy == edits.ByList:
		row.Note = "In a list"
	}
	row.Class, row.State = stateOf(r.State)
	if !r.Seen.IsZero() {
		row.Seen = ago(r.Seen)
	}
	return row
}

// stateOf returns the shape and the words for a state; nothing for none.
func stateOf(state string) (class, words string) {
	for _, s := range stateWords {
		if s.state == state {
			return s.class, s.words
		}
	}
	return "", state
}

// unicodeOf returns a domain as people write it; empty if that is the same.
func unicodeOf(name string) string {
	shown, err := idna.Display.ToUnicode(strings.TrimPrefix(name, "*."))
	if strings.HasPrefix(name, "*.") {
		shown = "*." + shown
	}
	if err != nil || shown == name || shown != untrusted.Printable(shown) {
		return ""
	}
	return shown
}
