package imports

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/filestore"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
	"mailhint/settings"
)

func add(c *Collection, host string, names ...settings.Domain) {
	c.Add(Entry{Where: domains.Position{File: "source"}, Domains: names, Settings: mail(host)})
}

func printed(t *testing.T, c *Collection) string {
	t.Helper()
	var out bytes.Buffer
	if err := c.Print(&out, "test files"); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestGroups: domains with the same settings are listed by one profile, whatever lies between them; hosts that follow the domain count as the same.
func TestGroups(t *testing.T) {
	report, _ := notes()
	c := New(report)
	add(c, "shared.example", "a.example")
	add(c, "mail.b.example", "b.example")
	add(c, "own.example", "c.example")
	add(c, "shared.example", "d.example", "e.example")
	add(c, "mail.f.example", "f.example")
	add(c, "other.g.example", "g.example")
	want := `# Converted from test files by mailhint.

# From source
[profiles."a.example"]
imap = "imaps://shared.example"
smtp = "submissions://shared.example"
domains = [
  "a.example",
  "d.example",
  "e.example",
]

# From source
[profiles."b.example"]
imap = "imaps://mail.%EMAILDOMAIN%"
smtp = "submissions://mail.%EMAILDOMAIN%"
domains = [
  "b.example",
  "f.example",
]

# From source
[domains."c.example"]
imap = "imaps://own.example"
smtp = "submissions://own.example"

# From source
[domains."g.example"]
imap = "imaps://other.g.example"
smtp = "submissions://other.g.example"
`
	for range 2 { // printing changes nothing
		if got := printed(t, c); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestRelativeSettings: with the placeholder, a domain gets the same answers as without.
func TestRelativeSettings(t *testing.T) {
	s := mail("mail.a.example")
	s.Servers = append(s.Servers, settings.Server{Protocol: settings.ManageSieve, Host: "xa.example", Port: 4190, Security: settings.STARTTLS, Login: s.Login, Auth: s.Auth})
	s.Name, s.CalDAV, s.Docs, s.Webmail = "a.example", "https://dav.a.example/x/", "https://a.example", "https://a.example.other.example/a.example"
	r := relativeTo(s, "a.example")
	if r.Servers[0].Host != "mail.%EMAILDOMAIN%" || r.Servers[2].Host != "xa.example" || r.CalDAV != "https://dav.%EMAILDOMAIN%/x/" || r.Webmail != s.Webmail {
		t.Errorf("got %+v", r)
	}
	for i := range r.Servers {
		if got := r.Servers[i].Host.Expand("a.example", "a.example"); got != string(s.Servers[i].Host) {
			t.Errorf("got the host %s, want %s", got, s.Servers[i].Host)
		}
	}
	for _, p := range [][2]settings.Pattern{{r.CalDAV, s.CalDAV}, {r.Docs, s.Docs}, {r.Webmail, s.Webmail}, {r.Name, s.Name}} {
		if got := p[0].Expand("a.example", "a.example"); got != string(p[1]) {
			t.Errorf("got %s, want %s", got, p[1])
		}
	}
}

func TestFallback(t *testing.T) {
	report, _ := notes()
	c := New(report)
	c.Add(Entry{Where: domains.Position{File: "source"}, Fallback: true, Settings: mail("shared.example")})
	if got := printed(t, c); !strings.HasSuffix(got, "[profiles.fallback]\nimap = \"imaps://shared.example\"\nsmtp = \"submissions://shared.example\"\n\n[fallback]\nprofile = \"fallback\"\n") {
		t.Errorf("got\n%s", got)
	}
}

// TestPlanFallback: [fallback] is not a record, so only its profile is added, and what is missing is said.
func TestPlanFallback(t *testing.T) {
	s := open(t, "[domains.\"a.example\"]\nimap = \"imap.a.example\"\nsmtp = \"smtp.a.example\"\n")
	plan, reports := apply(t, s, PlanOptions{Lists: true}, func(c *Collection) {
		c.Add(Entry{Where: domains.Position{File: "source", Line: 3}, Fallback: true, Settings: mail("shared.example")})
	})
	want := []string{`source:3: it answers for every domain, which cannot be added as a record: write [fallback] with profile = "fallback" in domains.toml, and mx if you can`}
	if plan.Added != 1 || !slices.Equal(reports, want) {
		t.Errorf("got %s and %q", plan, reports)
	}
}

// open returns a store with a configuration.
func open(t *testing.T, config string) *filestore.Store {
	t.Helper()
	s, err := filestore.Open(write(t, config))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, config string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// apply plans and applies, and returns the plan and the reports.
func apply(t *testing.T, s edits.Store, o PlanOptions, collect func(*Collection)) (edits.Plan, []string) {
	t.Helper()
	report, got := notes()
	c := New(report)
	collect(c)
	plan, wanted, err := c.Plan(context.Background(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Edits) != len(wanted) {
		t.Errorf("%d edits, but %d wanted records", len(plan.Edits), len(wanted))
	}
	if len(plan.Edits) > 0 {
		if _, err := s.Apply(context.Background(), edits.ChangeSet{Edits: plan.Edits, Actor: "test", Via: edits.Command}); err != nil {
			t.Fatal(err)
		}
	}
	return plan, *got
}

// TestPlan: what a store has already stays, in whatever form it is written there; new domains join the list that has their settings.
func TestPlan(t *testing.T) {
	s := open(t, `
[profiles.ours]
imap = ["imaps://shared.example:993"]
smtp = "submissions://shared.example"
domains = ["a.example"]
[domains."b.example"]
imap = "imap.other.example"
smtp = "smtp.other.example"
aliases = ["c.example"]
`)
	collect := func(c *Collection) {
		add(c, "shared.example", "a.example", "b.example", "c.example", "d.example")
		add(c, "pair.example", "e.example", "f.example")
		add(c, "own.example", "g.example")
	}
	plan, reports := apply(t, s, PlanOptions{Lists: true}, collect)
	if got := plan.String(); got != "5 to add, 0 to change, 0 to remove, 1 unchanged" {
		t.Error(got)
	}
	want := []string{
		"source: b.example is configured already, with other settings, and is left as it is; --overwrite replaces them",
		"source: c.example is configured already, as an alias of b.example, and is left as it is",
	}
	if !slices.Equal(reports, want) {
		t.Errorf("got %q, want %q", reports, want)
	}
	for name, list := range map[string]string{"a.example": "ours", "d.example": "ours", "e.example": "e.example", "f.example": "e.example", "g.example": ""} {
		r, err := s.Get(t.Context(), edits.Ref{Kind: edits.Domain, Name: name})
		if err != nil || r.List != list {
			t.Errorf("%s is in the list %q, %v; want %q", name, r.List, err, list)
		}
	}
	if plan, _ := apply(t, s, PlanOptions{Lists: true}, collect); len(plan.Edits) != 0 {
		t.Errorf("the second time it changes %+v", plan.Edits)
	}
	plan, _ = apply(t, s, PlanOptions{Lists: true, Overwrite: true}, func(c *Collection) { add(c, "shared.example", "b.example") })
	if plan.Changed != 1 || plan.Added != 0 {
		t.Errorf("with Overwrite: %s", plan)
	}
}

// TestPlanWithoutLists: in a store without lists, each domain names its profile.
func TestPlanWithoutLists(t *testing.T) {
	s := open(t, "[domains.\"z.example\"]\nprofile = \"a.example\"\n[profiles.\"a.example\"]\nimap = \"taken.example\"\nsmtp = \"taken.example\"\n")
	collect := func(c *Collection) { add(c, "shared.example", "a.example", "b.example") }
	if plan, _ := apply(t, s, PlanOptions{}, collect); plan.Added != 3 {
		t.Errorf("got %s", plan)
	}
	r, err := s.Get(t.Context(), edits.Ref{Kind: edits.Domain, Name: "b.example"})
	if err != nil || r.List != "" || r.Profile != "a.example 2" {
		t.Errorf("got %+v, %v", r, err)
	}
	if plan, _ := apply(t, s, PlanOptions{}, collect); len(plan.Edits) != 0 {
		t.Errorf("the second time it changes %+v", plan.Edits)
	}
}

// TestPlanInDatabase: in PostgreSQL, beside files, an import adds what neither has, and nothing the second time.
func TestPlanInDatabase(t *testing.T) {
	file := write(t, "[profiles.ours]\nimap = \"imaps://shared.example\"\nsmtp = \"submissions://shared.example\"\ndomains = [\"a.example\"]\n")
	files, err := filestore.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	server := postgrestest.Start(t)
	config := postgres.Config{URL: server.URL(server.Database(t)), Files: func() (*domains.Snapshot, error) { return domains.Load(file) }}
	if _, _, err := postgres.Migrate(t.Context(), config, true); err != nil {
		t.Fatal(err)
	}
	database, err := postgres.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	s := edits.Beside(files, database)
	collect := func(c *Collection) {
		add(c, "shared.example", "a.example", "b.example")
		add(c, "pair.example", "e.example", "f.example")
	}
	if plan, _ := apply(t, s, PlanOptions{}, collect); plan.Added != 4 || plan.Same != 1 {
		t.Errorf("got %s", plan)
	}
	r, err := s.Get(t.Context(), edits.Ref{Kind: edits.Domain, Name: "f.example"})
	if err != nil || r.ManagedBy != edits.ByStore || r.Profile != "e.example" {
		t.Errorf("got %+v, %v", r, err)
	}
	if plan, _ := apply(t, s, PlanOptions{}, collect); len(plan.Edits) != 0 {
		t.Errorf("the second time it changes %+v", plan.Edits)
	}
}

// TestManyDomains: 20,000 domains with the same settings are one profile, and are planned in seconds.
func TestManyDomains(t *testing.T) {
	report, _ := notes()
	c := New(report)
	for i := range 20_000 {
		add(c, "shared.example", settings.Domain(fmt.Sprintf("d%d.example", i)))
	}
	text := printed(t, c)
	if n := strings.Count(text, "["); n != 2 { // the table's, and the list's
		t.Errorf("%d brackets in\n%.500s", n, text)
	}
	groups, err := c.Groups()
	if err != nil || len(groups) != 1 || len(groups[0].Where) != 20_000 {
		t.Errorf("got %d groups, %v", len(groups), err)
	}
}

// TestMail: values are checked as in domains.toml, and what cannot be used is reported.
func TestMail(t *testing.T) {
	report, got := notes()
	c := New(report)
	m := c.NewMail()
	at := domains.Position{File: "f", Line: 7}
	for _, s := range []Server{
		{Protocol: settings.IMAP, Host: "imap.example.com", Security: settings.ImplicitTLS},
		{Protocol: settings.IMAP, Host: "imap.example.com", Port: 993, Security: settings.STARTTLS},
		{Protocol: settings.POP3, Host: "192.0.2.1", Security: settings.ImplicitTLS},
		{Protocol: settings.Submission, Host: "smtp.example.com", Port: 70000, Security: settings.STARTTLS},
		{Protocol: settings.Submission, Host: "smtp.example.com", Security: settings.STARTTLS, Login: "%u"},
		{Protocol: settings.POP3, Host: "pop.example.com", Security: settings.Plaintext, Login: "%EMAILUSER%"},
		{Protocol: settings.ManageSieve, Host: "sieve.example.com", Security: settings.ImplicitTLS},
		{Protocol: settings.POP3, Host: "pop.example.com", Security: settings.Plaintext, Auth: []settings.Auth{settings.NoAuth}},
		{Protocol: settings.POP3, Host: "pop.example.com", Port: 993, Security: settings.Plaintext},
	} {
		m.Server(at, s)
	}
	m.Name(at, "two  spaces")
	m.URL(at, "caldav", "https://dav.example.com/cal/%EMAILADDRESS%/personal/")
	m.URL(at, "carddav", "http://dav.example.com/")
	m.URL(at, "webmail", "https://localhost/mail")
	m.OAuth2(at, settings.OAuth2{Issuer: "login.example.com"})
	e, ok := m.Entry(at, []settings.Domain{"example.com"})
	if !ok || !e.Plaintext || e.Settings.CalDAV != "https://dav.example.com/cal/" || len(e.Settings.Servers) != 3 {
		text, _ := json.Marshal(e)
		t.Errorf("got %s", text)
	}
	want, err := os.ReadFile("testdata/mail.txt")
	if text := strings.Join(*got, "\n") + "\n"; err != nil || text != string(want) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if c.Result.Lost != 6 {
		t.Errorf("%d are lost", c.Result.Lost)
	}
}
