package dnsupdate

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/dnsupdate/knottest"
	"mailhint/domains"
	"mailhint/resolver"
	"mailhint/settings"
)

// hostsOf has the addresses of name servers.
type hostsOf map[string]string

func (h hostsOf) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	if h[name] == "" {
		return nil, name, resolver.ErrNone
	}
	return []netip.Addr{netip.MustParseAddr(h[name])}, name, nil
}

func challengesAt(address, keyFile string, zones ...string) *Challenges {
	var d domains.DNS
	for _, z := range zones {
		d.Zones = append(d.Zones, domains.Zone{Name: settings.Domain(z), Server: address, KeyFile: keyFile})
	}
	return &Challenges{Zones: func() domains.DNS { return d }, Hosts: hostsOf{}}
}

// Texts of several orders are at one name at the same time, each is removed alone, and nothing else is touched.
func TestChallenges(t *testing.T) {
	t.Parallel()
	key := knottest.NewKey("mailhint")
	records := "_acme-challenge.example.com. 60 TXT \"somebody else's\"\nautoconfig.example.com. 60 A 192.0.2.1\n" +
		"_acme-challenge.alias.example.com. 60 CNAME elsewhere.example.\n"
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Records: records, Keys: []knottest.Key{key}})
	before, err := k.Transfer("example.com")
	if err != nil {
		t.Fatal(err)
	}
	c := challengesAt(k.Address, key.Write(t), "example.com")
	if !c.Covers("a.example.com") || c.Covers("example.org") || c.Covers("notexample.com") {
		t.Error("Covers is wrong")
	}
	if err := c.Check(t.Context(), "example.com"); err != nil {
		t.Error(err)
	}
	var orders sync.WaitGroup
	texts := []string{"one", "two", "three", `"quoted" \ text`}
	for _, text := range texts {
		orders.Go(func() {
			if err := c.Publish(t.Context(), "example.com", text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
	orders.Wait()
	during, err := k.Transfer("example.com")
	if err != nil || len(during) != len(before)+len(texts) {
		t.Errorf("%v, the zone has\n%s", err, strings.Join(during, "\n"))
	}
	for _, text := range texts {
		orders.Go(func() {
			if err := c.Withdraw(t.Context(), "example.com", text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
	orders.Wait()
	if after, err := k.Transfer("example.com"); err != nil || !slices.Equal(after, before) {
		t.Errorf("%v, the zone has\n%s", err, strings.Join(after, "\n"))
	}
	for _, err := range []error{c.Check(t.Context(), "alias.example.com"), c.Publish(t.Context(), "alias.example.com", "text")} {
		if err == nil || !strings.Contains(err.Error(), "_acme-challenge.alias.example.com is an alias (CNAME)") {
			t.Errorf("an alias: got %v", err)
		}
	}
	for name, err := range map[string]error{
		"publish": c.Publish(t.Context(), "example.org", "text"), "withdraw": c.Withdraw(t.Context(), "example.org", "text"), "check": c.Check(t.Context(), "example.org"),
	} {
		if !errors.Is(err, ErrNoZone) {
			t.Errorf("%s outside of the zones: got %v, want ErrNoZone", name, err)
		}
	}
}

// What keeps a record from being published is found out before an order is placed.
func TestChallengesCheck(t *testing.T) {
	t.Parallel()
	key, other := knottest.NewKey("mailhint"), knottest.NewKey("other")
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Keys: []knottest.Key{key}}, knottest.Zone{Name: "example.org", Keys: []knottest.Key{other}})
	gone := knottest.Start(t, knottest.Zone{Name: "example.com"})
	gone.Stop()
	for name, test := range map[string]struct {
		c    *Challenges
		name string
		want error
	}{
		"a key for another zone":    {challengesAt(k.Address, other.Write(t), "example.com"), "example.com", ErrRefused},
		"a zone that is not there":  {challengesAt(k.Address, key.Write(t), "example.net"), "example.net", ErrRefused},
		"a zone below the real one": {challengesAt(k.Address, key.Write(t), "sub.example.com"), "sub.example.com", ErrRefused},
		"a dead server":             {challengesAt(gone.Address, key.Write(t), "example.com"), "example.com", ErrUnreached},
	} {
		if err := test.c.Check(t.Context(), test.name); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}

// A secondary name server that does not have the record yet is waited for; one that does not answer is not.
func TestWait(t *testing.T) {
	t.Parallel()
	key := knottest.NewKey("mailhint")
	primary := knottest.Start(t, knottest.Zone{Name: "example.com", Keys: []knottest.Key{key}, Records: "example.com. NS ns2.example.com.\nexample.com. NS gone.example.com.\nns2.example.com. A 127.0.0.1\n"})
	secondary := knottest.Start(t, knottest.Zone{Name: "example.com", Keys: []knottest.Key{key}})
	_, port, err := net.SplitHostPort(secondary.Address)
	if err != nil {
		t.Fatal(err)
	}
	file := key.Write(t)
	c := challengesAt(primary.Address, file, "example.com")
	c.Hosts, c.port = hostsOf{"ns2.example.com": "127.0.0.1", "gone.example.com": "127.77.77.77"}, port
	if err := c.Publish(t.Context(), "a.example.com", "text"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Wait(short, "a.example.com", "text"); err != nil || short.Err() == nil {
		t.Errorf("got %v before the secondary name server has the record", err)
	}
	done := make(chan error)
	go func() { done <- c.Wait(t.Context(), "a.example.com", "text") }()
	if err := challengesAt(secondary.Address, file, "example.com").Publish(t.Context(), "a.example.com", "text"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("still waiting when all name servers that answer have the record")
	}
}
