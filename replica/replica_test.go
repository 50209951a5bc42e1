package replica

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/settings"
)

func own(host string) []any { return []any{"imap", host, "smtp", host} }

func TestFollowsTheDatabase(t *testing.T) {
	d := newDatabase()
	d.change(profileRecord("stored", own("stored.example.com")...), domain("a.example", "shared"), domain("b.example", "stored", "aliases", []string{"bb.example"}),
		domain("c.example", "", own("c.example.com")...), domain("*.wild.example", "shared"), domain("off.example", "shared", "enabled", false))
	r := start(t, d, "", files)
	r.await(t, d)
	r.expect(t, map[string]string{
		"file.example": "imap.example.com", "a.example": "imap.example.com", "b.example": "stored.example.com", "bb.example": "stored.example.com",
		"c.example": "c.example.com", "x.wild.example": "imap.example.com", "wild.example": notFound, "off.example": notFound, "unknown.example": notFound,
	})
	if r.snapshot.Domains() != 1+6 {
		t.Errorf("%d domains", r.snapshot.Domains())
	}
	d.change(removed(domain("a.example", "")), domain("b.example", "shared", "aliases", []string{"bbb.example"}), domain("c.example", "stored"),
		domain("off.example", "shared", "enabled", true), profileRecord("stored", own("new.example.com")...), removed(domain("*.wild.example", "")))
	r.await(t, d)
	r.expect(t, map[string]string{
		"a.example": notFound, "b.example": "imap.example.com", "bb.example": notFound, "bbb.example": "imap.example.com", "c.example": "new.example.com",
		"off.example": "imap.example.com", "x.wild.example": notFound,
	})
	r.reload(t, strings.ReplaceAll(files, "imap.example.com", "imap2.example.com"))
	r.expect(t, map[string]string{"file.example": "imap2.example.com", "b.example": "imap2.example.com", "bbb.example": "imap2.example.com", "c.example": "new.example.com"})
	if s := r.Status(); s.State != Following || s.Sequence != 12 || s.Names != 4 || s.Refused != 0 || s.Err != nil {
		t.Errorf("status %+v", s)
	}
}

// Whatever changes in whatever order, a replica that has followed answers like one that has read all records at once.
func TestFollowingIsLikeReadingAll(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	d, dir := newDatabase(), t.TempDir()
	d.change(profileRecord("p0", own("p0.example.com")...))
	r := start(t, d, dir, files)
	for round := range 30 {
		var list []record
		for range 1 + random.IntN(150) {
			list = append(list, randomRecord(random))
		}
		d.change(list...)
		if round%5 == 0 { // as if the process had been restarted
			r.await(t, d)
			r.stop()
			r = start(t, d, dir, files)
		}
	}
	// What is refused depends on what was good before. In the end all records are good.
	for _, r := range slices.Collect(maps.Values(d.records)) {
		if r.own != "" && (strings.Contains(r.own, "aliases") || strings.Contains(r.own, "iamp") || strings.Contains(r.own, "[]")) || r.profile == "p1" {
			d.change(removed(r))
		}
	}
	r.await(t, d)
	fresh := start(t, d, "", files)
	fresh.await(t, d)
	if p := r.Problems(); len(p) > 0 {
		t.Fatalf("problems %v", p)
	}
	for i := range 60 {
		for _, name := range []string{namesOf(i), "alias-" + namesOf(i), "x." + namesOf(i)} {
			if got, want := r.host(name), fresh.host(name); got != want {
				t.Errorf("%s is answered with %s, want %s", name, got, want)
			}
		}
	}
	if r.Len() != fresh.Len() || len(slices.Collect(maps.Keys(maps.Collect(r.All())))) != len(slices.Collect(maps.Keys(maps.Collect(fresh.All())))) {
		t.Errorf("%d names, want %d", r.Len(), fresh.Len())
	}
	for n, count := range r.records.counts { // of aliasClass it is 0
		have := 0
		for _, table := range []*table{r.records.exact, r.records.view.wildcards} {
			for _, v := range table.all() {
				if n != aliasClass && int(v.class) == n {
					have++
				}
			}
		}
		if have != count {
			t.Errorf("class %d has %d records, and counts %d", n, have, count)
		}
	}
}

func namesOf(i int) string { return fmt.Sprintf("n%d.example", i) }

func randomRecord(random *rand.Rand) record {
	name := namesOf(random.IntN(60))
	if random.IntN(10) == 0 {
		name = "*." + name
	}
	profiles := []string{"shared", "p0", "p1"}
	switch random.IntN(12) {
	case 0:
		return profileRecord(profiles[1+random.IntN(2)], own(fmt.Sprintf("p%d.example.com", random.IntN(100)))...)
	case 1:
		return removed(profileRecord("p1"))
	case 2, 3:
		return removed(domain(name, ""))
	case 4:
		return domain(name, profiles[random.IntN(3)], "iamp", "x")
	case 5:
		return domain(name, "", own(fmt.Sprintf("o%d.example.com", random.IntN(100)))...)
	case 6, 7:
		return domain(name, profiles[random.IntN(3)], "aliases", []string{"alias-" + namesOf(random.IntN(60))})
	case 8:
		return domain(name, profiles[random.IntN(3)], "enabled", random.IntN(2) == 0)
	}
	return domain(name, profiles[random.IntN(3)])
}

// A record that does not check harms nothing else: its last good form is served, if there is one, and it is reported by its name.
func TestRefusedRecords(t *testing.T) {
	d, dir := newDatabase(), t.TempDir()
	d.change(domain("good.example", "shared"), domain("was-good.example", "shared"), domain("taken.example", "shared", "aliases", []string{"alias.example"}))
	r := start(t, d, dir, files)
	r.await(t, d)
	r.awaitCopy(t, dir)
	bad := []record{
		domain("was-good.example", "shared", "imap", 7),
		domain("never-good.example", "missing"),
		domain("incomplete.example", "", "imap", "imap.example.com"),
		domain("Upper.example", "shared"),
		domain("no domain", "shared"),
		domain("other.example", "shared", "aliases", []string{"alias.example"}),
		domain("alias.example", "shared"),
		domain("steals.example", "shared", "aliases", []string{"good.example"}),
		domain("huge.example", "shared", "name", strings.Repeat("x", maxOwn)),
		domain("file-name.example", "shared", "logo", "/etc/passwd"),
		{kind: "domain", name: "not-json.example", own: "{"},
		{kind: "domain", name: "null.example", profile: "shared", own: `{"name": null}`},
		domain(strings.Repeat("long-label-long-label-long-label.", 8)+"example", "shared"),
	}
	d.change(bad...)
	check := func() {
		t.Helper()
		r.expect(t, map[string]string{"good.example": "imap.example.com", "was-good.example": "imap.example.com", "alias.example": "imap.example.com",
			"never-good.example": notFound, "incomplete.example": notFound, "other.example": notFound, "steals.example": notFound, "huge.example": notFound})
		problems := fmt.Sprint(r.Problems())
		for _, b := range bad {
			if !strings.Contains(problems, fmt.Sprintf("domains.%q", b.name)) {
				t.Errorf("%s is not reported", b.name)
			}
		}
		if s := r.Status(); s.Refused != len(bad) {
			t.Errorf("%d refused, want %d", s.Refused, len(bad))
		}
	}
	r.await(t, d)
	check()
	r.stop()
	d.set(errDown, false)
	r = start(t, d, dir, files) // all of it is in the copy
	check()
	r.stop()
	d.set(nil, false)
	r = start(t, d, dir, files)
	for _, b := range bad {
		d.change(removed(b))
	}
	d.change(removed(domain("taken.example", "")), domain("was-good.example", "", own("fixed.example.com")...))
	r.await(t, d)
	r.expect(t, map[string]string{"was-good.example": "fixed.example.com", "alias.example": notFound})
	if p := r.Problems(); len(p) != 0 {
		t.Errorf("problems %v", p)
	}
}

// A name goes from one record to another in one change, whichever comes first.
func TestAliasesMove(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		d := newDatabase()
		d.change(domain("a.example", "shared", "aliases", []string{"moving.example"}), domain("b.example", "", own("b.example.com")...))
		r := start(t, d, "", files)
		r.await(t, d)
		both := []record{domain("a.example", "shared"), domain("b.example", "", append(own("b.example.com"), "aliases", []string{"moving.example"})...)}
		d.change(both[order[0]], both[order[1]])
		r.await(t, d)
		r.expect(t, map[string]string{"moving.example": "b.example.com"})
		if p := r.Problems(); len(p) != 0 {
			t.Errorf("problems %v", p)
		}
	}
}

// When a profile changes so that some of its domains would not be complete, these stay as they were, and are reported; the others change.
func TestProfileThatBreaksDomains(t *testing.T) {
	d := newDatabase()
	d.change(profileRecord("p", own("old.example.com")...), domain("whole.example", "p", own("own.example.com")...), domain("plain1.example", "p"), domain("plain2.example", "p"),
		domain("named.example", "p", "name", "Firm"), domain("smtp.example", "p", "smtp", "own.example.com"))
	r := start(t, d, "", files)
	r.await(t, d)
	d.change(profileRecord("p", "imap", "new.example.com"))
	r.await(t, d)
	r.expect(t, map[string]string{"whole.example": "own.example.com", "plain1.example": "old.example.com", "plain2.example": "old.example.com",
		"named.example": "old.example.com", "smtp.example": "new.example.com"})
	problems := r.Problems()
	if len(problems) != 2 || !strings.Contains(problems.Error(), "its last good form is served (and the same for 1 domain like it)") {
		t.Errorf("problems %v", problems)
	}
	if s := r.Status(); s.Refused != 3 {
		t.Errorf("%d refused, want 3", s.Refused)
	}
	d.change(removed(profileRecord("p")))
	r.await(t, d)
	r.expect(t, map[string]string{"plain1.example": "old.example.com", "smtp.example": "new.example.com"})
	d.change(profileRecord("p", own("last.example.com")...))
	r.await(t, d)
	r.expect(t, map[string]string{"plain1.example": "last.example.com", "named.example": "last.example.com", "smtp.example": "last.example.com"})
	if p := r.Problems(); len(p) != 0 {
		t.Errorf("problems %v", p)
	}
}

// A profile that only a rule names is inherited all the same; and a domain whose name is in a profile harms no other domain of that profile.
func TestProfilesInRulesAndNamesInProfiles(t *testing.T) {
	d := newDatabase()
	rules := []any{map[string]any{"from": []string{"192.0.2.0/24"}, "profile": "p"}}
	d.change(profileRecord("p", own("old.example.com")...), domain("rule.example", "shared", "rules", rules), domain("first.example", "p"), domain("second.example", "p"), domain("third.example", "p"))
	r := start(t, d, "", files)
	r.await(t, d)
	inside := func() string {
		found, err := r.snapshot.Lookup(t.Context(), settings.Question{Host: "rule.example", Client: netip.MustParseAddr("192.0.2.1")})
		if err != nil {
			return err.Error()
		}
		return string(found.Servers[0].Host)
	}
	d.change(profileRecord("p", append(own("new.example.com"), "autodiscover", "redirect:https://autodiscover.first.example/autodiscover/autodiscover.xml")...))
	r.await(t, d)
	r.expect(t, map[string]string{"second.example": "new.example.com", "third.example": "new.example.com"})
	if host := inside(); host != "new.example.com" {
		t.Errorf("the rule answers with %s", host)
	}
	d.change(removed(domain("first.example", "")), profileRecord("p", "imap", "broken.example.com"))
	r.await(t, d)
	r.expect(t, map[string]string{"second.example": "new.example.com", "rule.example": "imap.example.com"})
	if host := inside(); host != "new.example.com" {
		t.Errorf("the rule answers with %s", host)
	}
	if p := r.Problems(); len(p) != 2 || strings.Contains(p.Error(), "first.example") || strings.Contains(p.Error(), "any.invalid") {
		t.Errorf("problems %v", p)
	}
}

// A record is tried again when the files change.
func TestFilesThatFixRecords(t *testing.T) {
	d := newDatabase()
	d.change(domain("early.example", "later"), profileRecord("shared", own("stored.example.com")...))
	r := start(t, d, "", files)
	r.await(t, d)
	if p := r.Problems(); len(p) != 2 || !strings.Contains(p.Error(), "domains.toml:2, which is used; remove one of them") {
		t.Errorf("problems %v", p)
	}
	r.reload(t, files+"[profiles.later]\nimap = \"later.example.com\"\nsmtp = \"later.example.com\"\n")
	r.expect(t, map[string]string{"early.example": "later.example.com"})
	r.reload(t, "[profiles.later]\nimap = \"later.example.com\"\nsmtp = \"later.example.com\"\n[domains.\"file.example\"]\nprofile = \"later\"\n")
	d.change(domain("new.example", "shared"))
	r.await(t, d)
	r.expect(t, map[string]string{"early.example": "later.example.com", "new.example": "stored.example.com"})
	if p := r.Problems(); len(p) != 0 {
		t.Errorf("problems %v", p)
	}
	r.reload(t, files) // the profile is gone
	r.expect(t, map[string]string{"early.example": "later.example.com"})
	if p := r.Problems(); !strings.Contains(p.Error(), `there is no profile "later"`) {
		t.Errorf("problems %v", p)
	}
}

// What both the files and the database have is answered from the files, and reported with both places.
func TestOverlaps(t *testing.T) {
	d := newDatabase()
	d.change(domain("file.example", "", own("stored.example.com")...), domain("other.example", "shared", "aliases", []string{"third.example"}), domain("*.w.example", "shared"))
	r := start(t, d, "", files)
	r.await(t, d)
	r.expect(t, map[string]string{"file.example": "imap.example.com"})
	want := func(names ...string) {
		t.Helper()
		problems := r.Problems()
		if len(problems) != len(names) {
			t.Errorf("problems %v, want %v", problems, names)
		}
		for _, name := range names {
			if !strings.Contains(problems.Error(), fmt.Sprintf("store: domains.%q: ", name)) || !strings.Contains(problems.Error(), "domains.toml:") {
				t.Errorf("problems %v, want %v", problems, names)
			}
		}
	}
	want("file.example")
	r.reload(t, files+"[domains.\"third.example\"]\nimap = \"third.example.com\"\nsmtp = \"third.example.com\"\n[domains.\"*.w.example\"]\nprofile = \"shared\"\n")
	r.expect(t, map[string]string{"third.example": "third.example.com", "other.example": "imap.example.com"})
	want("file.example", "other.example", "*.w.example")
	d.change(domain("another.example", "shared", "aliases", []string{"file.example"}))
	r.await(t, d)
	d.change(removed(domain("file.example", "")), domain("another.example", "shared", "aliases", []string{"file.example"}))
	r.await(t, d)
	want("another.example", "other.example", "*.w.example")
	d.change(removed(domain("another.example", "")))
	r.await(t, d)
	d.change(removed(domain("file.example", "")), domain("other.example", "shared"), removed(domain("*.w.example", "")))
	r.await(t, d)
	want()
}

// Settings are made once, and stay the same when something else changes, so that documents made of them can be kept.
func TestSettingsAreKept(t *testing.T) {
	d := newDatabase()
	d.change(domain("a.example", "shared"), domain("b.example", "shared"), domain("own.example", "", own("own.example.com")...))
	r := start(t, d, "", files)
	r.await(t, d)
	look := func(name settings.Domain) *settings.Settings {
		found, err := r.snapshot.Lookup(t.Context(), settings.Question{Host: name})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.snapshot.Explain(found.Settings)) == 0 {
			t.Errorf("the settings of %s are not explained", name)
		}
		return found.Settings
	}
	shared := look("a.example")
	if look("b.example") != shared {
		t.Error("two domains with the same profile have settings of their own")
	}
	d.change(domain("c.example", "", own("c.example.com")...), profileRecord("unused", own("x.example.com")...))
	r.await(t, d)
	if look("b.example") != shared {
		t.Error("the settings of a profile were made again")
	}
	mine := look("own.example")
	d.change(domain("e.example", "shared"))
	r.await(t, d)
	if look("own.example") != mine {
		t.Error("the settings of a domain were made again")
	}
	d.change(domain("own.example", "", own("new.example.com")...))
	r.await(t, d)
	if s := look("own.example"); s == mine || s.Servers[0].Host != "new.example.com" {
		t.Errorf("after a change the domain has %v", s.Servers[0])
	}
}

// Records that differ in nothing but a few texts are made of one template, and mean what they say. So do those that have none.
func TestTemplates(t *testing.T) {
	d := newDatabase()
	texts := func(host string) []any {
		return []any{"imap", "imaps://" + host + ":1993", "smtp", host, "name", "Firm of " + host, "docs", "https://" + host + "/", "login", "%EMAILLOCALPART%"}
	}
	d.change(
		domain("a.example", "", texts("a.example.com")...), domain("b.example", "", append(texts("b.example.com"), "aliases", []string{"c.example"})...),
		domain("d.example", "", append(texts("d.example.com"), "aliases", "e.example")...), domain("*.w.example", "", texts("w.example.com")...),
		domain("escapes.example", "", append(texts("x.example.com"), "short_name", `a "b"`)...),
		domain("rules.example", "", append(texts("x.example.com"), "rules", []any{map[string]any{"from": []any{"192.0.2.0/24"}, "name": "x"}})...),
		domain("long.example", "", append(texts("x.example.com"), "auth", []any{"password"}, "login", strings.Repeat("x", 5000)+"%EMAILLOCALPART%")...),
		domain("disabled.example", "", append(texts("x.example.com"), "enabled", false)...),
		domain("alias.example", "shared", "aliases", []string{"f.example"}),
	)
	r := start(t, d, "", files)
	r.await(t, d)
	look := func(name settings.Domain) settings.Found {
		t.Helper()
		found, err := r.snapshot.Lookup(t.Context(), settings.Question{Host: name})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return found
	}
	template := look("a.example").Template
	if template == nil {
		t.Fatal("a.example is not made of a template")
	}
	for name, primary := range map[settings.Domain]settings.Domain{"b.example": "b.example", "c.example": "b.example", "d.example": "d.example", "e.example": "d.example", "x.w.example": "x.w.example"} {
		found := look(name)
		if found.Template == nil || found.Primary != primary || found.Servers[0].Port != 1993 {
			t.Errorf("%s: %+v", name, found)
		}
	}
	if look("c.example").Template != look("d.example").Template || look("x.w.example").Template != template {
		t.Error("records with the same outline have different templates")
	}
	for name, f := range r.view.Load().all() {
		got, want := r.resolved.of(f), f.resolved()
		if !reflect.DeepEqual(got.Settings(), want.Settings()) || got.Enabled() != want.Enabled() || got.Shape() != want.Shape() || !slices.Equal(got.Aliases(), want.Aliases()) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if want.Enabled() && !slices.Equal(r.Explain(got.Settings()), want.Explain(want.Settings())) {
			t.Errorf("%s is explained as %v, want %v", name, r.Explain(got.Settings()), want.Explain(want.Settings()))
		}
	}
	r.reload(t, files+"[defaults]\nwebmail = \"https://webmail.example.com/\"\n")
	if found := look("a.example"); found.Webmail == "" || found.Template == template || found.Template.Webmail != found.Webmail {
		t.Errorf("after a change of [defaults]: %+v", found)
	}
	if n := r.resolved.templates.Len(); n != 1 {
		t.Errorf("%d templates are kept after one name was looked up; those of the configuration before are not used again", n)
	}
}

// Before the records are known, a name that is not in the files is not answered with "not found".
func TestUnknownBeforeTheFirstCopy(t *testing.T) {
	d := newDatabase()
	d.set(errDown, false)
	d.change(domain("a.example", "shared"))
	r := start(t, d, t.TempDir(), files)
	r.awaitState(t, func() bool { return r.Status().Err != nil })
	r.expect(t, map[string]string{"file.example": "imap.example.com", "a.example": unavailable, "unknown.example": unavailable})
	if s := r.Status(); s.State != Copying || !errors.Is(s.Err, errDown) {
		t.Errorf("status %+v", s)
	}
	d.set(nil, false)
	r.await(t, d)
	r.expect(t, map[string]string{"a.example": "imap.example.com", "unknown.example": notFound})
}

// A name that is not configured costs no memory, and neither does one that only has a profile.
func TestLookupAllocatesNothing(t *testing.T) {
	d := newDatabase()
	d.change(domain("a.example", "shared"), domain("*.wild.example", "shared"))
	r := start(t, d, "", files)
	r.await(t, d)
	for _, name := range []settings.Domain{"unknown.example", "a.b.c.d.unknown.example", "a.example", "x.wild.example"} {
		q := settings.Question{Host: name}
		if n := testing.AllocsPerRun(1000, func() { r.snapshot.Lookup(t.Context(), q) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Who may edit a record is not part of what a replica keeps.
func TestAdminsAreNotKept(t *testing.T) {
	d := newDatabase()
	for i := range 100 {
		d.change(domain(namesOf(i), "shared", "admins", []string{fmt.Sprint("admin", i)}))
	}
	r := start(t, d, "", files)
	r.await(t, d)
	f, ok := r.view.Load().find(namesOf(7))
	if !ok || !f.class.plain || f.text != nil {
		t.Errorf("%+v", f)
	}
	r.expect(t, map[string]string{namesOf(7): "imap.example.com"})
}

var _ domains.Records = (*Replica)(nil)
