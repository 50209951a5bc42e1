// Package automx2 reads what automx2 (rseichter/automx2) answers from: its database, whose tables are in its src/automx2/model.py, or the JSON that fills
// it (contrib/seed-sample.json, POST /initdb/). The database is a SQLite file, or one on a PostgreSQL or MySQL server.
//
// A provider has domains, and a domain has servers in the order of their prio. Domains may have a login name that is looked up in LDAP for each person,
// which cannot be converted and is reported.
package automx2

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver

	"mailhint/autoconfig"
	"mailhint/domains"
	"mailhint/imports"
	"mailhint/imports/database"
	"mailhint/settings"
	"mailhint/spelling"
)

// sqliteHeader begins every SQLite file.
const sqliteHeader = "SQLite format 3\x00"

// Read reads a file: a SQLite database, seed data in JSON, or the URL of a database, which database.Open explains. The errors are those of
// imports.ReadFile and database.Open.
func Read(ctx context.Context, c *imports.Collection, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("%w %s: %w", imports.ErrUnread, name, imports.Cause(err))
	}
	head := make([]byte, len(sqliteHeader))
	n, err := f.Read(head)
	f.Close() // it was only read
	switch {
	case err != nil && n == 0:
		c.Fail(domains.Position{File: name}, "it is empty")
		return nil
	case string(head[:n]) == sqliteHeader:
		return readSQLite(ctx, c, name)
	case bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(head[:n], []byte("\uFEFF")), " \t\r\n"), []byte("{")):
		text, err := imports.ReadFile(name)
		if err != nil {
			return err
		}
		ParseSeed(c, name, text)
		return nil
	}
	db, err := database.Open(ctx, name)
	if errors.Is(err, database.ErrURL) {
		c.Fail(domains.Position{File: name}, "it is neither a SQLite database nor seed data in JSON, and has no URL of a database")
		return nil
	}
	if err != nil {
		return err
	}
	defer db.Close()
	return readTables(c, db, "the database of automx2")
}

// readSQLite reads a SQLite file. It is opened for reading only, and nothing in it is trusted: a view or a trigger may not call functions.
func readSQLite(ctx context.Context, c *imports.Collection, name string) error {
	path, err := filepath.Abs(name)
	if err != nil {
		return fmt.Errorf("%w %s: %w", imports.ErrUnread, name, err)
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "mode=ro&_pragma=query_only(true)&_pragma=trusted_schema(false)&_pragma=cell_size_check(true)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return fmt.Errorf("%w %s: %w", imports.ErrUnread, name, err)
	}
	d, err := database.OpenDB(ctx, db, name)
	if err != nil {
		return err
	}
	defer d.Close()
	return readTables(c, d, filepath.Base(name))
}

// tables are the rows of a database, or what seed data says, by id.
type tables struct {
	providers map[string]row
	domains   []row
	servers   map[string]row
	davs      map[string]row
	serverOf  map[string][]string // ids of servers by the id of a domain
	davOf     map[string][]string
}

// row is a row of a table, with its place.
type row struct {
	columns map[string]string
	where   domains.Position
}

func newTables() *tables {
	return &tables{providers: make(map[string]row), servers: make(map[string]row), davs: make(map[string]row),
		serverOf: make(map[string][]string), davOf: make(map[string][]string)}
}

// readTables reads the tables of a database. Those of calendars and contacts are younger than the others, and may not be there.
func readTables(c *imports.Collection, db *database.DB, source string) error {
	t := newTables()
	rows := func(table, order string, use func(row)) error {
		return db.Maps(table, "SELECT * FROM "+table+" ORDER BY "+order, func(columns map[string]string) {
			use(row{columns, domains.Position{File: database.Row(table, cmp.Or(columns["id"], columns["domain_id"]))}})
		})
	}
	for _, step := range []struct {
		table, order string
		use          func(row)
	}{
		{"provider", "id", func(r row) { t.providers[r.columns["id"]] = r }},
		{"domain", "id", func(r row) { t.domains = append(t.domains, r) }},
		{"server", "id", func(r row) { t.servers[r.columns["id"]] = r }},
		{"server_domain", "domain_id, server_id", func(r row) {
			t.serverOf[r.columns["domain_id"]] = append(t.serverOf[r.columns["domain_id"]], r.columns["server_id"])
		}},
	} {
		if err := rows(step.table, step.order, step.use); err != nil {
			return err
		}
	}
	err := rows("davserver", "id", func(r row) { t.davs[r.columns["id"]] = r })
	if err == nil {
		err = rows("davserver_domain", "domain_id, davserver_id", func(r row) {
			t.davOf[r.columns["domain_id"]] = append(t.davOf[r.columns["domain_id"]], r.columns["davserver_id"])
		})
	}
	if err != nil {
		c.Remark(domains.Position{File: source}, "calendars and contacts are left out: %v", err)
	}
	t.add(c, source)
	return nil
}

// add adds all domains; those with the same provider and servers together.
func (t *tables) add(c *imports.Collection, source string) {
	if len(t.domains) == 0 {
		c.Fail(domains.Position{File: source}, "it has no domains")
		return
	}
	groups := make(map[string][]row)
	var order []string
	for _, d := range t.domains {
		id := d.columns["id"]
		key := fmt.Sprintf("%q %q %q", d.columns["provider_id"], t.serverOf[id], t.davOf[id])
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], d)
	}
	for _, key := range order {
		t.addGroup(c, source, groups[key])
	}
}

func (t *tables) addGroup(c *imports.Collection, source string, group []row) {
	var names []settings.Domain
	for _, d := range group {
		if ldap := d.columns["ldapserver_id"]; ldap != "" && ldap != "0" {
			c.Remark(d.where, "the login name of %s is looked up in LDAP for each person; answers have the form of the server unless you set login = { lookup = \"…\" }", d.columns["name"])
		}
		if name, ok := c.Domain(d.where, d.columns["name"]); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	first := group[0]
	m := c.NewMail()
	provider := t.providers[first.columns["provider_id"]]
	if name := provider.columns["name"]; name != "" {
		m.Name(provider.where, name)
	}
	if name := provider.columns["short_name"]; name != "" {
		m.ShortName(provider.where, name)
	}
	for _, s := range t.ordered(t.serverOf[first.columns["id"]]) {
		addServer(c, m, s)
	}
	for _, id := range t.davOf[first.columns["id"]] {
		if s, ok := t.davs[id]; ok {
			addDAV(c, m, s)
		}
	}
	if m.Empty() {
		c.Lose(first.where, "%s and %s with the same servers are left out: there is no server that can be converted", names[0], spelling.Count(len(names)-1, "domain"))
		return
	}
	if e, ok := m.Entry(first.where, names); ok {
		e.Source = source
		c.Add(e)
	}
}

// ordered returns servers by their prio, the lowest first; those with the same in the order of their ids.
func (t *tables) ordered(ids []string) []row {
	var list []row
	for _, id := range ids {
		if s, ok := t.servers[id]; ok {
			list = append(list, s)
		}
	}
	number := func(text string, without int) int {
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
		return without
	}
	slices.SortStableFunc(list, func(a, b row) int {
		return cmp.Or(cmp.Compare(number(a.columns["prio"], 10), number(b.columns["prio"], 10)), cmp.Compare(number(a.columns["id"], 0), number(b.columns["id"], 0)))
	})
	return list
}

var protocols = map[string]settings.Protocol{"imap": settings.IMAP, "pop": settings.POP3, "smtp": settings.Submission}

func addServer(c *imports.Collection, m *imports.Mail, s row) {
	p, ok := protocols[s.columns["type"]]
	if !ok {
		c.Lose(s.where, "this server is left out: unknown type %q", s.columns["type"])
		return
	}
	port, err := strconv.Atoi(s.columns["port"])
	if err != nil {
		c.Lose(s.where, "this %s server is left out: %q is not a valid port", p, s.columns["port"])
		return
	}
	server := imports.Server{Protocol: p, Host: s.columns["name"], Port: port, Login: s.columns["user_name"]}
	switch socket := s.columns["socket_type"]; strings.ToLower(socket) {
	case "ssl":
		server.Security = settings.ImplicitTLS
	case "starttls":
		server.Security = settings.STARTTLS
	case "plain", "none":
		server.Security = settings.Plaintext
	default:
		server.Security = securityOf(port)
		c.Remark(s.where, "this %s server has the socket type %q; because of its port, answers have %s", p, socket, server.Security)
	}
	if word := s.columns["authentication"]; word != "" {
		method, ok := autoconfig.Methods.Meaning(word)
		if !ok {
			c.Remark(s.where, "the login method %q is left out: no client knows it", word)
			method = settings.Password
		}
		server.Auth = []settings.Auth{method}
	}
	m.Server(s.where, server)
}

// securityOf is the TLS mode that automx2 gives servers in seed data.
func securityOf(port int) settings.Security {
	if port == 465 || port == 993 || port == 995 {
		return settings.ImplicitTLS
	}
	return settings.STARTTLS
}

func addDAV(c *imports.Collection, m *imports.Mail, s row) {
	kind, text := s.columns["type"], s.columns["url"]
	if kind != "caldav" && kind != "carddav" {
		c.Remark(s.where, "this server is left out: unknown type %q", kind)
		return
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(strings.ReplaceAll(text, "%EMAIL", "EMAIL")) // placeholders are not valid in URLs
	if port := s.columns["port"]; err == nil && u.Port() == "" && port != "" && port != "0" && port != "443" && u.Scheme == "https" {
		text = strings.Replace(text, "://"+u.Host, "://"+u.Host+":"+port, 1)
	}
	m.URL(s.where, kind, text)
}
