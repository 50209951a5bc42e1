package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mailhint/choices"
	"mailhint/probe"
	"mailhint/resolver"
)

// noDNS is a world in which DNS is down.
type noDNS struct{ *world }

const downCause = "127.0.0.1:53: write: a cause that is printed in full: connection refused"

func down(name string) error {
	return &resolver.Error{Question: name + " A", Kind: resolver.ErrFailed, Causes: []error{errors.New(downCause)}}
}

func (n noDNS) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	return nil, name, down(name)
}
func (n noDNS) CNAME(_ context.Context, name string) (string, error) { return "", down(name) }
func (n noDNS) SRV(_ context.Context, name string) ([]resolver.SRV, error) {
	return nil, down(name)
}
func (n noDNS) TXT(_ context.Context, name string) ([]string, error)       { return nil, down(name) }
func (n noDNS) CAA(_ context.Context, name string) ([]resolver.CAA, error) { return nil, down(name) }

func (n noDNS) Look(_ context.Context, host string, _ ...probe.Port) probe.Host {
	return probe.Host{Name: host, Err: down(host)}
}

func (n noDNS) LookURL(_ context.Context, q probe.Request) probe.Web {
	return probe.Web{URL: q.URL, Err: down("a web server")}
}

// TestNoDNS: if DNS is down, the report says so once, with the cause, and knows nothing about clients.
func TestNoDNS(t *testing.T) {
	snapshot := load(t, usual)
	w := noDNS{newWorld(t, snapshot, "a.example")}
	d := w.doctor()
	d.Resolver, d.Prober = w, w
	r := d.Examine(context.Background(), find(t, snapshot, "a.example"))
	if len(r.Findings) > 0 || len(r.Unchecked) != 1 || !r.Incomplete || r.Reason != r.Unchecked[0] {
		t.Fatalf("got %+v", r)
	}
	if text := r.Unchecked[0]; !strings.HasPrefix(text, "DNS does not answer: "+downCause+" (asked for ") {
		t.Errorf("got %q", text)
	}
	for _, c := range r.Clients {
		if text, err := json.Marshal(c); err != nil || !strings.Contains(string(text), `"works":null`) || c.Why != "DNS does not answer" {
			t.Errorf("got %s, %v", text, err)
		}
	}
	if len(r.Clients) != len(choices.Clients) {
		t.Errorf("%d clients, want %d", len(r.Clients), len(choices.Clients))
	}
}

// TestPrivateClients: nothing is known about servers with private addresses, which are not looked at.
func TestPrivateClients(t *testing.T) {
	snapshot := load(t, usual)
	w := newWorld(t, snapshot, "a.example")
	for at := range w.servers {
		w.looks[at] = state(probe.Forbidden)
	}
	for _, c := range w.doctor().Examine(context.Background(), find(t, snapshot, "a.example")).Clients {
		if c.Works != nil || !strings.Contains(c.Why, "could not be checked") {
			t.Errorf("got %+v", c)
		}
	}
}

// TestKnownBeforeUnknown: one server that fails is enough to know that a client does not work.
func TestKnownBeforeUnknown(t *testing.T) {
	known := errors.New("it is closed")
	for _, pair := range [][2]error{{known, choices.Unknown("?")}, {choices.Unknown("?"), known}, {known, nil}, {nil, known}} {
		if got := worse(pair[0], pair[1]); got != known {
			t.Errorf("%v: got %v", pair, got)
		}
	}
}

// TestPasswordStopsOutlook: a web site of the domain that asks for a password keeps Outlook from looking further, and is reported once.
func TestPasswordStopsOutlook(t *testing.T) {
	snapshot := load(t, usual)
	for path, works := range map[string]bool{"": false, "autodiscover/": false, ".well-known/": true} {
		w := newWorld(t, snapshot, "a.example")
		w.hosts["a.example"] = addresses("203.0.113.80")
		w.pages["https://a.example/"+path] = body(401, htmlType, website)
		r := w.doctor().Examine(context.Background(), find(t, snapshot, "a.example"))
		if len(r.Findings) != 1 || r.Findings[0].Code != PasswordRequired {
			t.Errorf("%q: got %+v", path, r.Findings)
		}
		i := slices.IndexFunc(r.Clients, func(c Client) bool { return c.Name == "Outlook (classic)" })
		if c := r.Clients[i]; c.Works == nil || *c.Works != works {
			t.Errorf("%q: got %+v, want works %t", path, c, works)
		}
	}
}
