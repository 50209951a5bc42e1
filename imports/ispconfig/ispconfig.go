// Package ispconfig reads the database of ISPConfig 3: the tables mail_domain, server and mail_forwarding of its install/sql/ispconfig3.sql. They
// say which domains there are, on which mail server each is, and which are other names of a domain.
package ispconfig

import (
	"context"
	"maps"
	"strings"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/imports"
	"mailhint/imports/database"
	"mailhint/settings"
)

// Read reads the database whose URL is in a file. All domains get the values; without imap, smtp and profile among them, the servers are the
// domain's mail server. Errors are as database.Open has them.
func Read(ctx context.Context, c *imports.Collection, file string, values edits.Values) error {
	db, err := database.Open(ctx, file)
	if err != nil {
		return err
	}
	defer db.Close()
	r := &reader{c: c, db: db, values: values, host: make(map[string]string)}
	if err := r.domains(); err != nil {
		return err
	}
	if err := r.aliases(); err != nil {
		return err
	}
	r.otherLogins()
	c.AddHosted("the database of ISPConfig", r.list)
	return nil
}

// reader collects the domains of one database.
type reader struct {
	c      *imports.Collection
	db     *database.DB
	values edits.Values
	list   []imports.Hosted
	host   map[string]string // the mail server of a domain
}

func (r *reader) domains() error {
	const query = "SELECT d.domain, d.active, COALESCE(s.server_name, '') FROM mail_domain d LEFT JOIN server s ON s.server_id = d.server_id ORDER BY d.domain"
	return r.db.Rows("mail_domain", query, func(scan func(...any) error) error {
		var h imports.Hosted
		var active, host string
		if err := scan(&h.Name, &active, &host); err != nil {
			return err
		}
		r.host[h.Name] = host
		r.add(h, "mail_domain", active, host)
		return nil
	})
}

func (r *reader) aliases() error {
	const query = "SELECT source, destination, active FROM mail_forwarding WHERE type = 'aliasdomain' ORDER BY source"
	return r.db.Rows("mail_forwarding", query, func(scan func(...any) error) error {
		var h imports.Hosted
		var active string
		if err := scan(&h.Name, &h.Target, &active); err != nil {
			return err
		}
		h.Name, h.Target = strings.TrimPrefix(h.Name, "@"), strings.TrimPrefix(h.Target, "@") // they are written as addresses without a local part
		r.add(h, "mail_forwarding", active, r.host[h.Target])
		return nil
	})
}

// add adds a domain with its values. One whose mail server is not known is lost.
func (r *reader) add(h imports.Hosted, table, active, host string) {
	h.Where = domains.Position{File: database.Row(table, h.Name)}
	h.Values = r.values
	if active != "y" {
		h.Inactive = "it is not active"
	}
	if !knowsServers(r.values) && h.Inactive == "" {
		name, err := settings.ParseHost(host)
		if err != nil {
			r.c.Lose(h.Where, "%s is left out: the name of its mail server, %q, is %v; write imap=… and smtp=…", h.Name, host, err)
			return
		}
		h.Values = maps.Clone(r.values)
		if h.Values == nil {
			h.Values = make(edits.Values)
		}
		h.Values["imap"], h.Values["smtp"] = string(name), string(name)
	}
	r.list = append(r.list, h)
}

// knowsServers reports whether values name mail servers.
func knowsServers(values edits.Values) bool {
	return values["profile"] != nil || values["imap"] != nil || values["pop3"] != nil || values["smtp"] != nil
}

// otherLogins reports mailboxes whose login name is not the address. Older versions have no such names.
func (r *reader) otherLogins() {
	var n int
	err := r.db.Rows("mail_user", "SELECT COUNT(*) FROM mail_user WHERE login <> email AND login <> ''", func(scan func(...any) error) error { return scan(&n) })
	where := domains.Position{File: "table mail_user"}
	switch {
	case err != nil:
		r.c.Remark(where, "whether login names differ from addresses is not known: %v", err)
	case n > 0:
		r.c.Remark(where, "login names that are not the address: %d; answers have the address, unless you set login", n)
	}
}
