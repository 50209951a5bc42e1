package page

import (
	"errors"
	"slices"
	"strings"

	"mailhint/admin"
	"mailhint/edits"
)

// review is what a change would do.
type review struct {
	Diff     []diffLine
	Touches  string // how many domains
	Probe    []seen
	Previews []previewPart
	Reason   string
	Save     string // what the button says
	Insist   string // what is wrong with the servers, although it can be saved; empty if nothing is
	ByHand   string // the change as text, if it cannot be saved here
}

// seen is what a live server has said, or what is known of a state.
type seen struct{ Class, Text string }

// previewPart is what one kind of client gets.
type previewPart struct {
	Client  string
	Changed bool
	Open    bool
	Problem string
	Body    string
	Diff    []diffLine
}

// clientWords are the kinds of clients in words; package preview explains them.
var clientWords = []struct{ client, words string }{
	{admin.Human, "A person who sets it up by hand"},
	{"thunderbird", "Thunderbird and programs like it (autoconfig)"},
	{"outlook", "Outlook (Autodiscover)"},
	{"outlook-json", "Outlook (Autodiscover, JSON)"},
	{"apple", "iPhone, iPad and Mac (profile)"},
	{"pacc", "Programs that read PACC"},
	{"srv", "Programs that read DNS (SRV records)"},
}

// previewParts prepares previews, in the order of clientWords.
func previewParts(list []admin.ClientPreview) []previewPart {
	var parts []previewPart
	rank := func(client string) int {
		for i, w := range clientWords {
			if w.client == client {
				return i
			}
		}
		return len(clientWords)
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b admin.ClientPreview) int { return rank(a.Client) - rank(b.Client) })
	for _, p := range list {
		part := previewPart{Client: p.Client, Changed: !p.Same, Open: p.Client == admin.Human}
		if i := rank(p.Client); i < len(clientWords) {
			part.Client = clientWords[i].words
		}
		switch {
		case !p.Same:
			part.Diff = diffLines(p.Diff)
		case p.After != nil:
			part.Body = string(p.After.Text())
		default:
			part.Problem = sentence("nothing: " + p.AfterWhy)
		}
		parts = append(parts, part)
	}
	return parts
}

// review fills the page with what the change in its form would do, or saves it and returns its number. What cannot be saved is explained in the page.
func (h *Handler) review(v *visit, r record, c *domainContent, save bool) (saved int64, err error) {
	changes := changed(r.view.Kind, c.Groups, r.view.Values)
	c.Review = &review{Reason: v.field("reason"), Save: "Save"}
	if len(changes) == 0 {
		return 0, nil
	}
	values := make(map[string]any)
	for _, a := range changes {
		values[a.Path[0]] = a.Value
	}
	o := admin.Options{If: edits.Revision(c.Revision), Via: edits.Web, Reason: c.Review.Reason, DryRun: !save, Probe: admin.ProbeSkip, Address: c.Address, Previews: true}
	if r.view.May.Probe && touchesServers(values) && !v.PostForm.Has("insist") {
		if o.Probe = admin.ProbeWarn; save {
			o.Probe = admin.ProbeRequire
		}
	}
	outcome, err := unprobed(o, func(o admin.Options) (admin.Outcome, error) {
		return h.Admin.Patch(v.Context(), v.who, r.view.Ref, values, o)
	})
	var mistakes *admin.InvalidError
	var unwritten *edits.NotWrittenError
	var busy *admin.BusyError
	switch {
	case errors.As(err, &mistakes) && outcome.Servers != nil: // only the servers are in the way
		c.Review.fill(outcome, r.view)
		return 0, nil
	case errors.As(err, &mistakes):
		c.Review = nil
		c.wrong(mistakes.Problems)
		return 0, nil
	case errors.As(err, &busy) && o.Probe != admin.ProbeSkip: // nothing that was typed is lost
		c.Review.Insist = "the servers cannot be looked at right now: " + busy.Error()
		o.DryRun, o.Probe = true, admin.ProbeSkip
		if outcome, err = h.Admin.Patch(v.Context(), v.who, r.view.Ref, values, o); err != nil {
			return 0, err
		}
		c.Review.fill(outcome, r.view)
		return 0, nil
	case errors.As(err, &unwritten):
		c.Review.ByHand, c.Review.Diff = unwritten.Diff, diffLines(unwritten.Diff)
		c.Locked = sentence(unwritten.Error())
		return 0, nil
	case err != nil:
		return 0, err
	case save && len(outcome.Changes) > 0:
		return outcome.Changes[0].Number, nil
	}
	c.Review.fill(outcome, r.view)
	if h.writable(v.Context()) != nil {
		c.Review.ByHand = outcome.Diff
	}
	return 0, nil
}

// unprobed makes a change; on a server that cannot look at mail servers, without that.
func unprobed(o admin.Options, change func(admin.Options) (admin.Outcome, error)) (admin.Outcome, error) {
	outcome, err := change(o)
	if errors.Is(err, admin.ErrUnavailable) && o.Probe != admin.ProbeSkip {
		o.Probe = admin.ProbeSkip
		return change(o)
	}
	return outcome, err
}

// touchesServers reports whether a change is about mail servers.
func touchesServers(values map[string]any) bool {
	for _, key := range []string{"imap", "pop3", "smtp", "sieve", "profile", "enabled"} {
		if _, is := values[key]; is {
			return true
		}
	}
	return false
}

func (rv *review) fill(o admin.Outcome, view admin.View) {
	rv.Diff = diffLines(o.Diff)
	rv.Previews = previewParts(o.Previews)
	if view.Kind == edits.Profile {
		rv.Touches = "This changes what " + counted(view.Domains, "domain answers", "domains answer") + "."
	}
	var broken []string
	for _, s := range o.Servers {
		rv.Probe = append(rv.Probe, serverSeen(s))
		if !s.Works() {
			broken = append(broken, s.URL)
		}
	}
	switch len(broken) {
	case 0:
	case 1:
		rv.Insist = strings.TrimSpace(broken[0] + " does not work")
	default:
		rv.Insist = counted(len(broken), "server does", "servers do") + " not work"
	}
}

// serverSeen is what was seen of a mail server.
func serverSeen(s admin.ServerCheck) seen {
	class, words := stateOf(s.State)
	text := words
	if s.URL != "" {
		text = s.URL + ": " + words
	}
	if s.Text != "" {
		text += ". " + sentence(s.Text)
	}
	return seen{class, text}
}

// wrong shows what is wrong beside the fields, and lists it.
func (c *domainContent) wrong(problems []admin.Problem) {
	for _, p := range problems {
		key, _, _ := strings.Cut(p.Key, "[")
		f := fieldOf(c.Groups, key)
		if f == nil {
			top, _, _ := strings.Cut(key, ".")
			f = fieldOf(c.Groups, top)
		}
		e := fieldError{Key: p.Key, Text: sentence(p.Text)}
		if f != nil {
			e.ID, e.Key = f.ID(), f.Label
			f.Problems = append(f.Problems, e.Text)
		}
		c.Errors = append(c.Errors, e)
	}
}

// lookAt looks at a live server of the form, named by key and row, and shows beside it what was seen.
func (h *Handler) lookAt(v *visit, ref edits.Ref, form []fieldGroup, which string) error {
	key, row, _ := strings.Cut(which, " ")
	f := fieldOf(form, key)
	if f == nil || ref.Kind != edits.Domain {
		return admin.ErrNotFound
	}
	for _, s := range f.Servers {
		if row != grouped(s.Number) || s.URL == "" {
			continue
		}
		checks, err := h.Admin.Probe(v.Context(), v.who, ref, admin.ProbeQuery{Key: key, Value: s.URL})
		var mistakes *admin.InvalidError
		var busy *admin.BusyError
		switch {
		case errors.As(err, &mistakes):
			for _, p := range mistakes.Problems {
				f.Problems = append(f.Problems, sentence(p.Text))
			}
			return nil
		case errors.As(err, &busy):
			f.Seen = append(f.Seen, seen{"warn", sentence(busy.Error())})
			return nil
		case err != nil:
			return err
		}
		for _, c := range checks {
			f.Seen = append(f.Seen, serverSeen(c))
		}
	}
	return nil
}
