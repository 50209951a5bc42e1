package admin

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"mailhint/accounts"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/help"
	"mailhint/preview"
	"mailhint/settings"
)

// Human is the client that stands for a person who sets up a program by hand, beside those of package preview.
const Human = "human"

// ClientPreview is what one kind of client gets for an address.
type ClientPreview struct {
	Client  string `json:"client"`
	Address string `json:"address"`
	// Before is what it gets from what is served; nil for nothing. BeforeWhy says why.
	Before    *preview.Answer `json:"before,omitempty"`
	BeforeWhy string          `json:"before_why,omitempty"`
	// After is what it would get after a change; nil for nothing, and AfterWhy says why.
	After    *preview.Answer `json:"after,omitempty"`
	AfterWhy string          `json:"after_why,omitempty"`
	// Same is true if a change makes no difference to this client.
	Same bool `json:"same"`
	// Diff is a unified diff of the two.
	Diff string `json:"diff,omitempty"`
}

// PreviewQuery says what to show.
type PreviewQuery struct {
	// Address is a person's address in the domain, or in one of its aliases; empty for a made-up one.
	Address string
	// Client is one of preview.Names or Human; empty for all.
	Client string
}

// Preview returns what clients get for a domain as it is served.
func (s *Service) Preview(ctx context.Context, p accounts.Principal, ref edits.Ref, q PreviewQuery) ([]ClientPreview, error) {
	a, err := s.find(ctx, p, ref)
	if err != nil {
		return nil, err
	}
	address, err := s.previewAddress(ctx, a, nil, q.Address)
	if err != nil {
		return nil, err
	}
	if _, known := preview.Named(q.Client); !known && q.Client != "" && q.Client != Human {
		return nil, invalid("client", "%q is not a known client; write one of %s", q.Client, strings.Join(append(preview.Names(), Human), ", "))
	}
	var list []ClientPreview
	for _, c := range clients() {
		if q.Client == "" || q.Client == c.name {
			one := ClientPreview{Client: c.name, Address: address.String(), Same: true}
			one.Before, one.BeforeWhy = answer(ctx, s.Current(), c, address)
			one.After, one.AfterWhy = one.Before, one.BeforeWhy
			list = append(list, one)
		}
	}
	return list, nil
}

// compare returns what clients get now, and with another configuration; nil stands for no change.
func (s *Service) compare(ctx context.Context, a access, after *domains.Snapshot, address string) ([]ClientPreview, error) {
	if a.record.Kind != edits.Domain {
		return nil, nil
	}
	asked, err := s.previewAddress(ctx, a, after, address)
	if err != nil {
		return nil, err
	}
	before := s.Current()
	if after == nil {
		after = before
	}
	var list []ClientPreview
	for _, c := range clients() {
		one := ClientPreview{Client: c.name, Address: asked.String()}
		one.Before, one.BeforeWhy = answer(ctx, before, c, asked)
		one.After, one.AfterWhy = answer(ctx, after, c, asked)
		was, is := textOf(one.Before, one.BeforeWhy), textOf(one.After, one.AfterWhy)
		if one.Same = bytes.Equal(was, is); !one.Same {
			one.Diff = string(diff.Diff("before", was, "after", is))
		}
		list = append(list, one)
	}
	return list, nil
}

// previewAddress reads the address that a preview is for. It must be one that the record answers for, and not one that another record does: an exact
// domain below a wildcard is none of the wildcard's.
func (s *Service) previewAddress(ctx context.Context, a access, after *domains.Snapshot, text string) (settings.Address, error) {
	sample := sampleName(a.record.Name, s.Current(), after)
	if text == "" {
		text = "name@" + sample
	} else if !strings.Contains(text, "@") {
		text = "name@" + text
	}
	address, err := settings.ParseAddress(text)
	if err != nil {
		return address, invalid("address", "%q: %v; write it like ann@%s", text, err, sample)
	}
	ref := edits.Ref{Kind: edits.Domain, Name: string(address.Domain)}
	if ref.Name == a.record.Name || ref.Name == sample {
		return address, nil
	}
	by, err := edits.Answering(ctx, s.Store, ref)
	if err != nil && !errors.Is(err, edits.ErrNotFound) {
		return address, s.inside(a.who, err)
	}
	if by.Name != a.record.Name || err != nil {
		return address, invalid("address", "is not an address of %s", a.record.Shown())
	}
	return address, nil
}

// client is a kind of client for previews.
type client struct {
	name   string
	answer func(settings.Found, settings.Address) (preview.Answer, error)
}

func clients() []client {
	var list []client
	for _, c := range preview.Clients() {
		list = append(list, client{c.Name, c.Answer})
	}
	return append(list, client{Human, func(found settings.Found, address settings.Address) (preview.Answer, error) {
		page := help.For(help.Request{Found: found, Address: address})
		return preview.Answer{Status: 200, Body: []byte(page.Text(""))}, nil
	}})
}

// answer returns what a client gets from a configuration, or why it gets nothing.
func answer(ctx context.Context, from *domains.Snapshot, c client, address settings.Address) (*preview.Answer, string) {
	if from == nil {
		return nil, "nothing is served yet"
	}
	found, err := from.Lookup(ctx, settings.Question{Address: address, Host: address.Domain})
	switch {
	case errors.Is(err, settings.ErrNotForClient):
		return nil, "only clients in some networks get an answer"
	case err != nil:
		return nil, "this domain is not answered for"
	}
	got, err := c.answer(found, address)
	if err != nil {
		return nil, err.Error()
	}
	return &got, ""
}

func textOf(a *preview.Answer, why string) []byte {
	if a == nil {
		return []byte(why + "\n")
	}
	return a.Text()
}
