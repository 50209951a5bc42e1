// Package automx reads the configuration of automx: version 1 (sys4/automx, automx.conf(5)) and version 3 (croessner/automx, docs/configuration.md),
// which share a format. Version 2 keeps its settings in a database: see package automx2.
//
// The file is INI. [automx] lists the domains; a domain has the section of its name, or else [global]; [DEFAULT] is part of every section. A
// section offers services with options such as imap_server. Its backend says where further values come from: those that are looked up for
// each person, such as a login name from LDAP, cannot be converted and are reported.
package automx

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/imports"
	"mailhint/ispdb"
	"mailhint/settings"
	"mailhint/spelling"
)

// Version is the version of automx that a file is for. What they do with the same file differs in some defaults.
type Version int

// The versions.
const (
	V1 Version = 1
	V3 Version = 3
)

// Read reads a configuration file. The error is that of imports.ReadFile.
func Read(c *imports.Collection, name string, v Version) error {
	text, err := imports.ReadFile(name)
	if err != nil {
		return err
	}
	Parse(c, name, string(text), v)
	return nil
}

// Parse reads the text of a configuration file. Files that it names are read too.
func Parse(c *imports.Collection, name, text string, v Version) {
	r := &reader{c: c, name: name, version: v}
	f, err := parse(text)
	if fault := (*lineError)(nil); errors.As(err, &fault) {
		c.Fail(r.at(fault.line), "%s", fault.text)
		return
	}
	r.file = f
	main, ok := f.sections["automx"]
	if !ok {
		c.Fail(domains.Position{File: name}, "it has no section [automx], so it is not a configuration of automx")
		return
	}
	r.read(main)
}

// reader converts one file.
type reader struct {
	c       *imports.Collection
	name    string
	file    *file
	version Version
}

func (r *reader) at(line int) domains.Position { return domains.Position{File: r.name, Line: line} }

// items splits a list at commas and white space.
func items(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' })
}

// read adds the domains, those that share a section together.
func (r *reader) read(main *section) {
	line := main.at("domains")
	listed := items(main.text("domains"))
	if len(listed) == 0 {
		r.c.Fail(r.at(line), "[automx] lists no domains")
		return
	}
	all := slices.Contains(listed, "*")
	bySection := make(map[*section][]settings.Domain)
	for _, text := range listed {
		if text == "*" {
			continue
		}
		if d, ok := r.c.Domain(r.at(line), text); ok {
			s := r.sectionOf(text)
			bySection[s] = append(bySection[s], d)
		}
	}
	if all {
		for _, s := range r.ownSections() {
			if d, err := settings.ParseDomain(s.name); err == nil && !slices.Contains(bySection[s], d) {
				bySection[s] = append(bySection[s], d)
			}
		}
	}
	if names := bySection[nil]; len(names) > 0 {
		r.c.Lose(r.at(line), "%s and %s are left out: there is neither a section of that name nor [global]", names[0], spelling.Count(len(names)-1, "other domain"))
	}
	global := r.file.sections["global"]
	for _, s := range r.file.order {
		if fallback := all && s == global; len(bySection[s]) > 0 || fallback {
			r.addSection(s, bySection[s], fallback)
		}
	}
	if all && global == nil {
		r.c.Lose(r.at(line), "it answers for every domain, but there is no section [global] that says what")
	}
}

// sectionOf returns the section for a domain; nil if there is none.
func (r *reader) sectionOf(domain string) *section {
	if s, ok := r.file.sections[strings.ToLower(domain)]; ok {
		return s
	}
	return r.file.sections["global"]
}

// ownSections returns the sections that are for the domain that they are named after: not those that others refer to.
func (r *reader) ownSections() []*section {
	referred := map[string]bool{"automx": true, "global": true, defaultSection: true}
	for _, s := range r.file.order {
		for _, name := range append(items(s.text("section_filter")), s.text("follow")) {
			referred[strings.ToLower(name)] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(r.file.order), func(s *section) bool { return referred[strings.ToLower(s.name)] })
}

// addSection adds the domains that are answered from a section.
func (r *reader) addSection(s *section, names []settings.Domain, fallback bool) {
	a := &account{reader: r, services: make(map[string][]service), reported: make(map[string]bool)}
	if !a.resolve(s, "", nil) {
		return
	}
	if a.ready != nil {
		a.ready.Domains, a.ready.Fallback = names, fallback
		r.c.Add(*a.ready)
		return
	}
	e, ok := a.mail().Entry(r.at(s.line), names)
	if ok {
		e.Fallback = fallback
		r.c.Add(e)
	}
}

// service is a service as a section offers it.
type service struct {
	*section
	name string
}

// option returns the value of one of the service's options, and its line.
func (s service) option(name string) (string, int) {
	key := s.name + "_" + name
	return s.text(key), s.at(key)
}

// account is what a domain gets, collected from one section and those that it refers to.
type account struct {
	*reader
	services map[string][]service
	order    []string // names of services, in the order in which they were found
	values   map[string]value
	insecure bool
	ready    *imports.Entry // from a static file
	reported map[string]bool
}

// maxDepth is how many sections may refer to each other.
const maxDepth = 16

// resolve collects a section and those that it refers to. It returns false, after reporting it, if there is nothing to convert.
func (a *account) resolve(s *section, from string, path []*section) bool {
	if slices.Contains(path, s) || len(path) >= maxDepth {
		a.c.Lose(a.at(s.line), "the sections refer to each other in a circle, so that the domains of [%s] are left out", path[0].name)
		return false
	}
	path = append(path, s)
	backend, line := strings.ToLower(s.text("backend")), s.at("backend")
	kind, appends := strings.CutSuffix(backend, "_append")
	switch kind {
	case "global":
		global, ok := a.file.sections["global"]
		if !ok {
			a.c.Lose(a.at(line), "[%s] refers to [global], which is not there; its domains are left out", s.name)
			return false
		}
		return a.resolve(global, s.name, path)
	case "static", "script", "ldap", "sql":
		if kind == "script" {
			a.c.Remark(a.at(line), "what a program finds for each person is not converted: write login names that it has to a file, as a look-up with type = \"file\"")
		}
		a.collect(s, appends)
	case "file":
		if a.readDocument(s) {
			return true
		}
		if a.version == V1 {
			a.c.Lose(a.at(line), "the domains of [%s] are left out: without a file for autoconfig that can be read, nothing is known about them", s.name)
			return false
		}
		a.collect(s, appends)
	case "filter":
		a.c.Lose(a.at(line), "the domains of [%s] are left out: a program chooses the settings of each person; rules with users_file can do that", s.name)
		return false
	default:
		a.c.Lose(a.at(line), "the domains of [%s] are left out: unknown backend %q", s.name, backend)
		return false
	}
	if next := s.text("follow"); next != "" {
		followed, ok := a.file.sections[strings.ToLower(next)]
		if !ok {
			a.c.Lose(a.at(s.at("follow")), "[%s] continues with [%s], which is not there", s.name, next)
			return true
		}
		return a.resolve(followed, s.name, path)
	}
	return true
}

// readDocument takes the settings of a section from its static file for autoconfig.
func (a *account) readDocument(s *section) bool {
	name, line := s.text("autoconfig"), s.at("autoconfig")
	if name == "" {
		return false
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(a.name), name)
	}
	text, err := imports.ReadFile(name)
	if err != nil {
		a.c.Remark(a.at(line), "%v", err)
		return false
	}
	providers, remarks, err := ispdb.Read(text)
	if err != nil {
		a.c.Remark(domains.Position{File: name}, "%v", err)
		return false
	}
	for _, r := range remarks {
		a.c.Remark(domains.Position{File: name, Line: r.Line}, "%s", r.Text)
	}
	a.ready = &imports.Entry{Where: a.at(s.line), Settings: providers[0].Settings, Plaintext: providers[0].Plaintext(),
		Comments: []string{"From " + filepath.Base(name)}}
	return true
}

var (
	tcpServices = map[string]settings.Protocol{"imap": settings.IMAP, "pop": settings.POP3, "smtp": settings.Submission, "managesieve": settings.ManageSieve}
	urlServices = []string{"caldav", "carddav", "webdav", "jmap", "ews", "activesync"}
	noServices  = []string{"ox", "rest", "graph", "oab", "actions"} // that answers do not have
	yes         = []string{"1", "yes", "true", "on"}
)

// single are options of an account, rather than of a service.
var single = []string{"account_name", "account_name_short", "help_url", "help_email", "server_url", "oauth_issuer", "oauth_auth_url", "oauth_token_url",
	"oauth_scope", "oauth_client_id"}

// silent are options that say nothing about the answers, or only what mailhint does in any case.
var silent = regexp.MustCompile(`^(backend|follow|account_type|server_name|display_name|autoconfig|autodiscover|mobileconfig|section_filter|filter.*|allow_insecure|` +
	`host|base|result_attrs|scope|bind.*|saslmech|authzid|usetls|cipher|reqcert|cert|key|cacert|query|script|separator|action|.*_default|.*_author|` +
	`.*_refresh_ttl|.*_expiration_date|.*_domain_required|.*_domain_name|.*_server_location|.*_(server|port|encryption|auth|auth_identity|url))$`)

// collect takes over the options of a section. A service that is appended does not replace those before it.
func (a *account) collect(s *section, appends bool) {
	if a.values == nil {
		a.values = make(map[string]value)
	}
	a.insecure = a.insecure || slices.Contains(yes, strings.ToLower(s.text("allow_insecure")))
	for _, name := range s.order {
		v := s.options[name]
		_, isTCP := tcpServices[name]
		switch {
		case isTCP && name == "managesieve" && a.version == V1, slices.Contains(noServices, name):
			if slices.Contains(yes, strings.ToLower(v.text)) {
				a.c.Remark(a.at(v.line), "%s is left out: answers do not have it", name)
			}
		case isTCP || slices.Contains(urlServices, name):
			a.offer(service{s, name}, appends)
		case slices.Contains(single, name):
			a.values[name] = v
		case strings.HasPrefix(name, "sign_") && !a.reported["sign"]:
			a.reported["sign"] = true
			a.c.Remark(a.at(v.line), "%s is left out: sign_cert and sign_key in [server] sign Apple profiles", name)
		case strings.HasPrefix(name, "sign_"), silent.MatchString(name):
		default:
			a.c.Remark(a.at(v.line), "unknown option %q", name)
		}
	}
}

func (a *account) offer(s service, appends bool) {
	if !slices.Contains(yes, strings.ToLower(s.text(s.name))) {
		return
	}
	known := a.services[s.name]
	switch {
	case known == nil:
		a.order = append(a.order, s.name)
		a.services[s.name] = []service{s}
	case appends && a.version == V1:
		a.services[s.name] = append(known, s)
	case !appends:
		a.services[s.name] = []service{s}
	}
}
