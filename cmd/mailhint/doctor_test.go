package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/doctor"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// fakeDNS knows addresses only. It hangs as long as slow is true, and takes a second each time.
type fakeDNS struct {
	mu     sync.Mutex
	hosts  map[string]netip.Addr
	slow   bool
	asking int // at the moment
	most   int // at a time
}

func (f *fakeDNS) set(name string, there bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if delete(f.hosts, name); there {
		f.hosts[name] = netip.MustParseAddr("192.0.2.1")
	}
}

func (f *fakeDNS) Host(ctx context.Context, name string) ([]netip.Addr, string, error) {
	f.mu.Lock()
	slow, a := f.slow, f.hosts[name]
	f.mu.Unlock()
	if slow {
		<-ctx.Done()
		return nil, name, fmt.Errorf("%s: %w", name, resolver.ErrFailed)
	}
	if !a.IsValid() {
		return nil, name, fmt.Errorf("%s: %w", name, resolver.ErrNone)
	}
	return []netip.Addr{a}, name, nil
}

func (f *fakeDNS) CNAME(context.Context, string) (string, error)          { return "", resolver.ErrNone }
func (f *fakeDNS) SRV(context.Context, string) ([]resolver.SRV, error)    { return nil, resolver.ErrNone }
func (f *fakeDNS) TXT(context.Context, string) ([]string, error)          { return nil, resolver.ErrNone }
func (f *fakeDNS) CAA(context.Context, string) ([]resolver.CAA, error)    { return nil, resolver.ErrNone }
func (f *fakeDNS) MX(context.Context, string) ([]resolver.MX, error)      { return nil, resolver.ErrNone }
func (f *fakeDNS) LookURL(context.Context, probe.Request) (w probe.Web)   { return w }
func (f *fakeDNS) Look(context.Context, string, ...probe.Port) probe.Host { return probe.Host{} }

// counted counts the domains that are examined at a time.
type counted struct{ *fakeDNS }

func (c counted) Host(ctx context.Context, name string) ([]netip.Addr, string, error) {
	if strings.HasPrefix(name, "autoconfig.") {
		c.mu.Lock()
		c.asking++
		c.most = max(c.most, c.asking)
		c.mu.Unlock()
		time.Sleep(time.Second)
		c.mu.Lock()
		c.asking--
		c.mu.Unlock()
	}
	return c.fakeDNS.Host(ctx, name)
}

// TestParallel: as many domains as asked for are examined at a time, and the reports come in order.
func TestParallel(t *testing.T) {
	for _, parallel := range []int{1, 2, 7} {
		synctest.Test(t, func(t *testing.T) {
			dns := &fakeDNS{}
			d := &doctor.Doctor{Resolver: counted{dns}, Prober: dns, Only: []string{"D01"}}
			var targets iter.Seq[doctor.Domain] = func(yield func(doctor.Domain) bool) {
				for i := range 30 {
					name := settings.Domain(fmt.Sprintf("d%d.example", i))
					if !yield(doctor.Domain{Found: settings.Found{Settings: &settings.Settings{}, Domain: name, Primary: name}}) {
						return
					}
				}
			}
			n := 0
			err := examine(t.Context(), d, parallel, targets, func(r doctor.Report) error {
				if want := settings.Domain(fmt.Sprintf("d%d.example", n)); r.Domain != want {
					t.Errorf("got %s, want %s", r.Domain, want)
				}
				n++
				return nil
			})
			if err != nil || n != 30 || dns.most != parallel {
				t.Errorf("--parallel %d: %d reports, %d at a time, %v", parallel, n, dns.most, err)
			}
		})
	}
}

// TestManyReports: a run over very many domains takes little memory and time for the list of what to do, and says each thing once.
func TestManyReports(t *testing.T) {
	p := &textReports{out: io.Discard}
	start := time.Now()
	for i := range 50_000 {
		owner := fmt.Sprintf("autoconfig.d%d.example", i)
		r := doctor.Report{Domain: settings.Domain(owner), Findings: []doctor.Finding{
			{Code: doctor.NameMissing, Severity: doctor.Problem, Subject: owner, Do: "Publish it:",
				Paste: owner + ". 3600 IN CNAME setup.example."},
			{Code: doctor.PortClosed, Severity: doctor.Problem, Subject: "mail.example:993", Do: "Start it:",
				Paste: "systemctl start dovecot"},
			{Code: doctor.WrongSRV, Severity: doctor.Problem, Subject: owner, Do: "Mend " + owner},
		}}
		if err := p.print(r); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(start)
	size := 0
	for _, m := range p.remedies {
		for _, about := range m.about {
			size += len(about)
		}
		size += len(m.paste)
	}
	if size > 1<<20 || took > 30*time.Second {
		t.Errorf("it keeps %d octets and took %s", size, took)
	}
	var out bytes.Buffer
	p.out = &out
	if err := p.end(); err == nil {
		t.Error("it found nothing")
	}
	wants := []string{"(M01 mail.example:993):", "autoconfig.d0.example. 3600 IN CNAME", "and 997 more at least", "There is more to do"}
	for _, want := range wants {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %.2000s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "systemctl start dovecot"); n != 1 {
		t.Errorf("the same is to be pasted %d times", n)
	}
}

// TestRepeatedPaste: what many domains have in common uses up the room once.
func TestRepeatedPaste(t *testing.T) {
	p := &textReports{out: io.Discard}
	finding := doctor.Finding{Code: doctor.PortClosed, Do: "Start it:", Paste: "systemctl start dovecot"}
	for range 10_000 {
		if err := p.print(doctor.Report{Findings: []doctor.Finding{finding}}); err != nil {
			t.Fatal(err)
		}
	}
	if p.cut {
		t.Error("it thinks that there is more to do")
	}
}

// TestNagiosLine: the worst first, and the first of them; one line, whatever it says.
func TestNagiosLine(t *testing.T) {
	var out bytes.Buffer
	p := &nagiosReports{out: &out}
	for i := range 9 {
		severity := doctor.Warning
		if i > 5 {
			severity = doctor.Problem
		}
		finding := doctor.Finding{Code: doctor.NameMissing, Severity: severity, Subject: fmt.Sprintf("n%d|\n\x1b[2J", i)}
		if err := p.print(doctor.Report{Findings: []doctor.Finding{finding}}); err != nil {
			t.Fatal(err)
		}
	}
	exit := exitError{}
	if err := p.end(); !errors.As(err, &exit) || exit.code != 2 {
		t.Errorf("got %v", err)
	}
	line := out.String()
	const want = `^MAILHINT CRITICAL - 9 domains, 3 problems, 6 warnings: D01 n6.*D01 n7.*D01 n8.*D01 n0.*D01 n1[^|]* \| domains=9 .*\n$`
	if !regexp.MustCompile(want).MatchString(line) {
		t.Errorf("got %q", line)
	}
	if strings.Count(line, "|") != 1 || strings.Count(line, "\n") != 1 || strings.Contains(line, "\x1b") {
		t.Errorf("got %q", line)
	}
}
