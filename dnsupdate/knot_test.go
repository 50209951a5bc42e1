package dnsupdate_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailhint/dnsrecords"
	"mailhint/dnsupdate"
	"mailhint/dnsupdate/knottest"
	"mailhint/domains"
	"mailhint/resolver"
	"mailhint/settings"
)

// wanted are the records of a domain with one service, as dnsrecords makes them.
func wanted(domain settings.Domain, zone settings.Domain) dnsrecords.Wanted {
	name := func(label string) string { return label + "." + string(domain) }
	return dnsrecords.Wanted{Domain: domain, Zone: zone, Records: []dnsrecords.Record{
		{Name: name("autoconfig"), TTL: 300, Data: dnsrecords.Alias("setup.hoster.example")},
		{Name: name("autodiscover"), TTL: 300, Data: dnsrecords.Alias("setup.hoster.example")},
		{Name: name("_autodiscover._tcp"), TTL: 300, Data: dnsrecords.Service{Port: 443, Target: "setup.hoster.example"}},
		{Name: name("_imaps._tcp"), TTL: 300, Data: dnsrecords.Service{Weight: 1, Port: 993, Target: "imap.hoster.example"}},
		{Name: name("_imap._tcp"), TTL: 300, Data: dnsrecords.Service{Priority: 10, Weight: 1, Port: 143, Target: "imap.hoster.example"}},
		{Name: name("_pop3s._tcp"), TTL: 300, Data: dnsrecords.Service{}},
		{Name: name("_caldavs._tcp"), TTL: 300, Data: dnsrecords.Text(`path=/a "b" \c;`)},
		{Name: name("_ua-auto-config"), TTL: 300, Data: dnsrecords.Text("v=UAAC1; a=sha256; d=AAAA")},
	}}
}

// lines are records as knottest.Transfer returns them.
func lines(records ...dnsrecords.Record) (all []string) {
	for _, r := range records {
		all = append(all, strings.Join([]string{r.Name + ".", "300", "IN", r.Data.Type(), r.Data.String()}, " "))
	}
	slices.Sort(all)
	return all
}

func zones(list ...domains.Zone) domains.DNS { return domains.DNS{Zones: list} }

func nothing() {}

func transfer(t *testing.T, k *knottest.Server, zone string) []string {
	t.Helper()
	lines, err := k.Transfer(zone)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// run makes a plan and applies it.
func run(t *testing.T, u *dnsupdate.Updater, replace bool, want ...dnsrecords.Wanted) []dnsupdate.Plan {
	t.Helper()
	plans := u.Plan(t.Context(), want, replace, nothing)
	u.Apply(t.Context(), plans, nothing)
	return plans
}

// Publishing into an empty zone adds the records and nothing else, and a second run finds nothing to do. What the zone had stays.
func TestPublish(t *testing.T) {
	t.Parallel()
	key := knottest.NewKey("mailhint")
	before := "www.example.com. A 192.0.2.80\n_sip._tcp.example.com. SRV 1 1 5061 sip.example.com.\n" +
		"_ua-auto-config.example.com. 900 TXT \"v=UAAC1; a=sha256; d=OLD\"\nautoconfig.other.example.com. A 192.0.2.1\n"
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Records: before, Keys: []knottest.Key{key}})
	old := transfer(t, k, "example.com")
	u := &dnsupdate.Updater{Zones: zones(domains.Zone{Name: "example.com", Server: k.Address, KeyFile: key.Write(t)})}
	want := wanted("example.com", "example.com")
	plans := run(t, u, false, want)
	if p := plans[0]; len(plans) != 1 || p.Err != nil || !p.Done || len(p.Add) != len(want.Records) || len(p.Remove)+len(p.Left)+p.Published != 0 || p.Key != "mailhint" {
		t.Fatalf("got %+v", plans)
	}
	expected := slices.Concat(old, lines(want.Records...))
	digest := slices.IndexFunc(expected, func(line string) bool { return strings.HasSuffix(line, `d=AAAA"`) })
	expected[digest] = strings.Replace(expected[digest], " 300 ", " 900 ", 1) // records of one set have one time to live
	slices.Sort(expected)
	if got := transfer(t, k, "example.com"); !slices.Equal(got, expected) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(expected, "\n"))
	}
	for _, replace := range []bool{false, true} {
		again := run(t, u, replace, want)[0]
		if again.Err != nil || again.Changes() != 0 || again.Done || again.Published != len(want.Records) || len(again.Left) != 0 {
			t.Errorf("the second run: got %+v", again)
		}
	}
}

// Records of another content are left and reported, together with what is not published because of them, and the rest is published. With
// replace they make way.
func TestObstacles(t *testing.T) {
	t.Parallel()
	key := knottest.NewKey("mailhint")
	foreign := []string{
		"autodiscover.example.com. 60 IN CNAME autodiscover.outlook.com.",
		"autoconfig.example.com. 60 IN A 203.0.113.5",
		"autoconfig.example.com. 60 IN AAAA 2001:db8::5",
		"_imaps._tcp.example.com. 60 IN SRV 0 0 993 old.example.com.",
		`_caldavs._tcp.example.com. 60 IN TXT "path=/old"`,
		`_caldavs._tcp.example.com. 60 IN TXT "v=spf1 -all"`, // no client reads it
	}
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Records: strings.Join(foreign, "\n") + "\n", Keys: []knottest.Key{key}})
	u := &dnsupdate.Updater{Zones: zones(domains.Zone{Name: "example.com", Server: k.Address, KeyFile: key.Write(t)})}
	want := wanted("example.com", "example.com")
	p := run(t, u, false, want)[0]
	if p.Err != nil || !p.Done || len(p.Remove) != 0 || len(p.Left) != 5 {
		t.Fatalf("got %+v, want 5 records left", p)
	}
	for _, left := range p.Left {
		if !left.Replaceable || len(left.Kept) != 1 || left.Kept[0].Name != left.Name {
			t.Errorf("got %+v; want a record that can be replaced, and what it keeps from being published", left)
		}
	}
	rest := slices.DeleteFunc(slices.Clone(want.Records), func(r dnsrecords.Record) bool {
		return slices.ContainsFunc(p.Left, func(o dnsupdate.Obstacle) bool { return o.Name == r.Name })
	})
	expected := slices.Sorted(slices.Values(slices.Concat(foreign, lines(rest...))))
	if got := transfer(t, k, "example.com"); !slices.Equal(got, expected) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(expected, "\n"))
	}
	if again := run(t, u, false, want)[0]; again.Err != nil || again.Changes() != 0 || len(again.Left) != 5 {
		t.Errorf("the second run: got %+v", again)
	}

	p = run(t, u, true, want)[0]
	if p.Err != nil || !p.Done || len(p.Remove) != 5 || len(p.Left) != 0 {
		t.Errorf("with replace: got %+v", p)
	}
	got := transfer(t, k, "example.com")
	if missing := slices.DeleteFunc(lines(want.Records...), func(line string) bool {
		return slices.Contains(got, line) || slices.Contains(got, strings.Replace(line, " 300 ", " 60 ", 1))
	}); len(missing) > 0 || len(got) != len(want.Records)+1 {
		t.Errorf("with replace: got\n%s\nwithout\n%s", strings.Join(got, "\n"), strings.Join(missing, "\n"))
	}
	if again := run(t, u, true, want)[0]; again.Err != nil || again.Changes() != 0 {
		t.Errorf("after replace: got %+v", again)
	}
}

// Records of types that mailhint never prints are not removed even with replace, and a wildcard is not mistaken for records.
func TestNeverRemoved(t *testing.T) {
	t.Parallel()
	key := knottest.NewKey("mailhint")
	foreign := []string{
		"*.example.com. 60 IN A 203.0.113.80",
		"*.example.com. 60 IN MX 10 mail.example.com.",
		"autoconfig.example.com. 60 IN TXT \"do not remove\"",
		"_imaps._tcp.example.com. 60 IN CNAME elsewhere.example.com.",
	}
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Records: strings.Join(foreign, "\n") + "\n", Keys: []knottest.Key{key}})
	u := &dnsupdate.Updater{Zones: zones(domains.Zone{Name: "example.com", Server: k.Address, KeyFile: key.Write(t)})}
	want := wanted("example.com", "example.com")
	p := run(t, u, true, want)[0]
	if p.Err != nil || !p.Done || len(p.Remove) != 0 || len(p.Left) != 2 || p.Left[0].Replaceable || p.Left[1].Replaceable {
		t.Fatalf("got %+v", p)
	}
	got := transfer(t, k, "example.com")
	for _, line := range foreign {
		if !slices.Contains(got, line) {
			t.Errorf("%s was removed", line)
		}
	}
	if len(got) != len(foreign)+len(want.Records)-2 {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// An alias of this server by another name, and its addresses, are as good as the wanted alias.
func TestPointsHere(t *testing.T) {
	t.Parallel()
	key := knottest.NewKey("mailhint")
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Keys: []knottest.Key{key},
		Records: "autoconfig.example.com. A 192.0.2.1\nautodiscover.example.com. CNAME other.hoster.example.\n"})
	u := &dnsupdate.Updater{Zones: zones(domains.Zone{Name: "example.com", Server: k.Address, KeyFile: key.Write(t)}),
		PointsHere: func(_ context.Context, records []dnsrecords.Record) bool {
			return !slices.ContainsFunc(records, func(r dnsrecords.Record) bool {
				return r.Data != dnsrecords.Address(netip.MustParseAddr("192.0.2.1")) && r.Data != dnsrecords.Alias("other.hoster.example")
			})
		}}
	if p := run(t, u, true, wanted("example.com", "example.com"))[0]; p.Err != nil || p.Published != 2 || len(p.Remove) != 0 {
		t.Errorf("got %+v", p)
	}
}

// Each zone is changed with its own key only. A domain in no zone is not published, and the others are.
func TestKeyPerZone(t *testing.T) {
	t.Parallel()
	ours, theirs := knottest.NewKey("hoster"), knottest.NewKey("firm")
	k := knottest.Start(t, knottest.Zone{Name: "hoster.example", Keys: []knottest.Key{ours}}, knottest.Zone{Name: "firm.example", Keys: []knottest.Key{theirs}})
	hoster := domains.Zone{Name: "hoster.example", Server: k.Address, KeyFile: ours.Write(t)}
	firm := domains.Zone{Name: "firm.example", Server: k.Address, KeyFile: theirs.Write(t)}
	want := []dnsrecords.Wanted{wanted("a.hoster.example", "hoster.example"), wanted("other.example", "other.example"), wanted("firm.example", "firm.example")}
	plans := run(t, &dnsupdate.Updater{Zones: zones(hoster, firm)}, false, want...)
	if len(plans) != 3 || !plans[0].Done || plans[0].Key != "hoster" || !plans[2].Done || plans[2].Key != "firm" {
		t.Errorf("got %+v", plans)
	}
	if !errors.Is(plans[1].Err, dnsupdate.ErrNoZone) || plans[1].Done {
		t.Errorf("got %v, want ErrNoZone", plans[1].Err)
	}
	// The key of one zone at the other.
	hoster.KeyFile, firm.KeyFile = firm.KeyFile, hoster.KeyFile
	for _, p := range run(t, &dnsupdate.Updater{Zones: zones(hoster, firm)}, true, wanted("b.hoster.example", "hoster.example"), wanted("c.firm.example", "firm.example")) {
		if !errors.Is(p.Err, dnsupdate.ErrRefused) {
			t.Errorf("%s: got %v, want ErrRefused", p.Domain, p.Err)
		}
	}
	for _, zone := range []string{"hoster.example", "firm.example"} {
		if got := transfer(t, k, zone); len(got) != len(want[0].Records) {
			t.Errorf("%s has\n%s", zone, strings.Join(got, "\n"))
		}
	}
}

// What is wrong with the key, the zone or the server is distinguished, and the secret is in no message.
func TestRefused(t *testing.T) {
	t.Parallel()
	key, other := knottest.NewKey("mailhint"), knottest.NewKey("mailhint")
	unknown, reader := knottest.NewKey("unknown"), knottest.NewKey("reader")
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Keys: []knottest.Key{key}}, knottest.Zone{Name: "example.org", Keys: []knottest.Key{reader}})
	gone := knottest.Start(t, knottest.Zone{Name: "example.com"})
	gone.Stop()
	for _, test := range []struct {
		name, zone, server string
		key                knottest.Key
		want               error
		text               string
	}{
		{"another secret", "example.com", k.Address, other, dnsupdate.ErrRefused, "its key mailhint has another secret"},
		{"an unknown key", "example.com", k.Address, unknown, dnsupdate.ErrRefused, "it does not know the key unknown (hmac-sha256)"},
		{"a key for another zone", "example.com", k.Address, reader, dnsupdate.ErrRefused, ""},
		{"a zone that it does not have", "example.net", k.Address, key, dnsupdate.ErrRefused, ""},
		{"a zone above", "com", k.Address, key, dnsupdate.ErrRefused, ""},
		{"a dead server", "example.com", gone.Address, key, dnsupdate.ErrUnreached, "connection refused"},
		{"a dead server, for the exit code", "example.com", gone.Address, key, resolver.ErrFailed, ""},
	} {
		u := &dnsupdate.Updater{Zones: zones(domains.Zone{Name: settings.Domain(test.zone), Server: test.server, KeyFile: test.key.Write(t)})}
		domain := settings.Domain(test.zone)
		if test.zone == "com" {
			domain = "example.com"
		}
		p := run(t, u, true, wanted(domain, ""))[0]
		if !errors.Is(p.Err, test.want) || !strings.Contains(p.Err.Error(), test.text) || p.Done {
			t.Errorf("%s: got %v, want %v with %q", test.name, p.Err, test.want, test.text)
		}
		if strings.Contains(p.Err.Error(), test.key.Secret) {
			t.Errorf("%s: the secret is in %v", test.name, p.Err)
		}
	}
	if got := transfer(t, k, "example.com"); len(got) > 0 {
		t.Errorf("something was published:\n%s", strings.Join(got, "\n"))
	}
}

// A change between plan and update is a conflict, and changes nothing.
func TestConflict(t *testing.T) {
	t.Parallel()
	key := knottest.NewKey("mailhint")
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Keys: []knottest.Key{key}, Records: "autodiscover.example.com. 60 IN A 203.0.113.5\n"})
	u := &dnsupdate.Updater{Zones: zones(domains.Zone{Name: "example.com", Server: k.Address, KeyFile: key.Write(t)})}
	want := wanted("example.com", "example.com")
	for _, change := range []dnsrecords.Record{
		{Name: "autoconfig.example.com", TTL: 300, Data: dnsrecords.Text("somebody else's")},
		{Name: "autodiscover.example.com", TTL: 300, Data: dnsrecords.Address(netip.MustParseAddr("203.0.113.6"))},
		{Name: "_imaps._tcp.example.com", TTL: 300, Data: dnsrecords.Service{Port: 993, Target: "elsewhere.example.com"}},
		{Name: "_caldavs._tcp.example.com", TTL: 300, Data: dnsrecords.Text("v=spf1 -all")},
		{Name: "_pop3s._tcp.example.com", TTL: 300, Data: dnsrecords.Alias("elsewhere.example.com")},
	} {
		plans := u.Plan(t.Context(), []dnsrecords.Wanted{want}, true, nothing)
		if plans[0].Err != nil || plans[0].Changes() == 0 {
			t.Fatalf("got %+v", plans[0])
		}
		k.Update(t, "example.com", key, change.Name+". 300 IN "+change.Data.Type()+" "+change.Data.String())
		before := transfer(t, k, "example.com")
		u.Apply(t.Context(), plans, nothing)
		if !errors.Is(plans[0].Err, dnsupdate.ErrConflict) || plans[0].Done {
			t.Errorf("%s %s: got %v, want ErrConflict", change.Name, change.Data.Type(), plans[0].Err)
		}
		if got := transfer(t, k, "example.com"); !slices.Equal(got, before) {
			t.Errorf("%s %s: got\n%s\nwant\n%s", change.Name, change.Data.Type(), strings.Join(got, "\n"), strings.Join(before, "\n"))
		}
	}
}

// The plan names the key, and no other is used for it.
func TestKeyOfThePlan(t *testing.T) {
	t.Parallel()
	key := knottest.NewKey("mailhint")
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Keys: []knottest.Key{key}})
	file := filepath.Join(t.TempDir(), "mailhint.key")
	if err := os.WriteFile(file, []byte(key.File()), 0o600); err != nil {
		t.Fatal(err)
	}
	u := &dnsupdate.Updater{Zones: zones(domains.Zone{Name: "example.com", Server: k.Address, KeyFile: file})}
	plans := u.Plan(t.Context(), []dnsrecords.Wanted{wanted("example.com", "example.com")}, false, nothing)
	if err := os.WriteFile(file, []byte(knottest.NewKey("another").File()), 0o600); err != nil {
		t.Fatal(err)
	}
	if u.Apply(t.Context(), plans, nothing); !errors.Is(plans[0].Err, dnsupdate.ErrConflict) {
		t.Errorf("with another key than the plan's: got %v, want ErrConflict", plans[0].Err)
	}
}
