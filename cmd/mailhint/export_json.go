package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/netip"

	"mailhint/domains"
	"mailhint/settings"
)

// exported is the document of export --format json. Its members are named like the keys of domains.toml; a member that is not
// there has no value. Version changes when a member changes its meaning.
type exported struct {
	Version int             `json:"version"`
	Entries []exportedEntry `json:"entries"`
}

// exportedEntry is one entry. Kind says which of the names it has: "domain" with aliases, "list" with domains, "wildcard" (what
// follows "*." is its domain), "fallback" for every other name.
type exportedEntry struct {
	Kind    string            `json:"kind"`
	Domain  settings.Domain   `json:"domain,omitempty"`
	Aliases []settings.Domain `json:"aliases,omitempty"`
	Domains []settings.Domain `json:"domains,omitempty"`
	Enabled bool              `json:"enabled"`
	// MX are the hosts to one of which a name's mail must go for the fallback to answer; for every name if there are none.
	MX []settings.Domain `json:"mx,omitempty"`
	*exportedChoice
	Rules []exportedRule `json:"rules,omitempty"`
}

type exportedChoice struct {
	Settings exportedSettings `json:"settings"`
	// AllowPlaintext are the networks that alone are told about servers without encryption.
	AllowPlaintext []netip.Prefix `json:"allow_plaintext,omitempty"`
}

// exportedRule holds for the first that fits: users (addresses and patterns; null for everybody) in networks (null for all).
type exportedRule struct {
	Users []string       `json:"users"`
	From  []netip.Prefix `json:"from"`
	*exportedChoice
}

// exportedSettings are settings.Settings.
type exportedSettings struct {
	Name         settings.Pattern `json:"name,omitempty"`
	ShortName    settings.Pattern `json:"short_name,omitempty"`
	Servers      []exportedServer `json:"servers"`
	Login        settings.Login   `json:"login"`
	Auth         []settings.Auth  `json:"auth"`
	Webmail      settings.Pattern `json:"webmail,omitempty"`
	CalDAV       settings.Pattern `json:"caldav,omitempty"`
	CardDAV      settings.Pattern `json:"carddav,omitempty"`
	WebDAV       settings.Pattern `json:"webdav,omitempty"`
	JMAP         settings.Pattern `json:"jmap,omitempty"`
	ActiveSync   settings.Pattern `json:"activesync,omitempty"`
	EWS          settings.Pattern `json:"ews,omitempty"`
	Autodiscover string           `json:"autodiscover,omitempty"`
	Docs         settings.Pattern `json:"docs,omitempty"`
	Support      settings.Pattern `json:"support,omitempty"`
	PACC         bool             `json:"pacc"`
	OAuth2       *exportedOAuth2  `json:"oauth2,omitempty"`
}

// exportedServer is a server. Protocol is the key of domains.toml: imap, pop3, smtp or sieve; security is implicit-tls, starttls
// or none.
type exportedServer struct {
	Protocol string           `json:"protocol"`
	Host     settings.Pattern `json:"host"`
	Port     uint16           `json:"port"`
	Security string           `json:"security"`
	Login    settings.Login   `json:"login"`
	Auth     []settings.Auth  `json:"auth"`
}

type exportedOAuth2 struct {
	Issuer   string   `json:"issuer"`
	Scope    []string `json:"scope"`
	AuthURL  string   `json:"auth_url"`
	TokenURL string   `json:"token_url"`
	ClientID string   `json:"client_id,omitempty"`
}

var (
	exportedKinds     = map[domains.Kind]string{domains.Single: "domain", domains.List: "list", domains.Wildcard: "wildcard", domains.Fallback: "fallback"}
	exportedProtocols = map[settings.Protocol]string{settings.IMAP: "imap", settings.POP3: "pop3", settings.Submission: "smtp", settings.ManageSieve: "sieve"}
	exportedSecurity  = map[settings.Security]string{settings.ImplicitTLS: "implicit-tls", settings.STARTTLS: "starttls", settings.Plaintext: "none"}
)

// json writes entries for programs.
func (e *exporter) json(out io.Writer) error {
	document := exported{Version: 1, Entries: []exportedEntry{}}
	for _, entry := range e.entries {
		document.Entries = append(document.Entries, newExportedEntry(entry))
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return problem(err)
	}
	if e.folder != nil {
		return problem(e.folder.write("domains.json", text.Bytes()))
	}
	_, err := out.Write(text.Bytes())
	return problem(err)
}

func newExportedEntry(e domains.Entry) exportedEntry {
	x := exportedEntry{Kind: exportedKinds[e.Kind], Enabled: !e.Disabled, MX: e.MX}
	switch e.Kind {
	case domains.List:
		x.Domains = e.Names
	case domains.Single, domains.Wildcard:
		x.Domain, x.Aliases = e.Names[0], e.Names[1:]
	}
	if e.Disabled {
		return x
	}
	x.exportedChoice = newExportedChoice(e.Choice)
	for _, r := range e.Rules {
		rule := exportedRule{From: r.From, exportedChoice: newExportedChoice(r.Choice)}
		if r.HasUsers {
			rule.Users = append([]string{}, r.Users...)
		}
		x.Rules = append(x.Rules, rule)
	}
	return x
}

func newExportedChoice(c domains.Choice) *exportedChoice {
	s := c.Settings
	x := exportedSettings{
		Name: s.Name, ShortName: s.ShortName,
		Servers: []exportedServer{},
		Login:   s.Login, Auth: s.Auth,
		Webmail: s.Webmail, CalDAV: s.CalDAV, CardDAV: s.CardDAV, WebDAV: s.WebDAV, JMAP: s.JMAP,
		ActiveSync: s.ActiveSync, EWS: s.EWS,
		Docs: s.Docs, Support: s.Support,
		PACC: !s.NoPACC,
	}
	if s.AutodiscoverRedirect != "" {
		x.Autodiscover = "redirect:" + s.AutodiscoverRedirect
	}
	if o := s.OAuth2; o != nil {
		x.OAuth2 = &exportedOAuth2{o.Issuer, o.Scope, o.AuthURL, o.TokenURL, o.ClientID}
	}
	for _, server := range s.Servers {
		x.Servers = append(x.Servers, exportedServer{exportedProtocols[server.Protocol], server.Host, server.Port, exportedSecurity[server.Security],
			server.Login, server.Auth})
	}
	return &exportedChoice{x, c.Networks}
}
