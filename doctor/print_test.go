package doctor

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"mailhint/settings"
)

// TestManyReports: the list of fixes of a run over very many domains takes little memory and time, and says each thing once.
func TestManyReports(t *testing.T) {
	p := &TextPrinter{Out: io.Discard}
	start := time.Now()
	for i := range 50_000 {
		owner := fmt.Sprintf("autoconfig.d%d.example", i)
		r := Report{Domain: settings.Domain(owner), Findings: []Finding{
			{Code: NameMissing, Severity: Problem, Subject: owner, Fix: "Publish it:",
				Paste: owner + ". 3600 IN CNAME setup.example."},
			{Code: PortClosed, Severity: Problem, Subject: "mail.example:993", Fix: "Start it:",
				Paste: "systemctl start dovecot"},
			{Code: WrongSRV, Severity: Problem, Subject: owner, Fix: "Fix " + owner},
		}}
		if err := p.Print(r); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(start)
	size := 0
	for _, m := range p.fixes {
		for _, about := range m.about {
			size += len(about)
		}
		size += len(m.paste)
	}
	if size > 1<<20 || took > 30*time.Second {
		t.Errorf("it keeps %d octets and took %s", size, took)
	}
	var out bytes.Buffer
	p.Out = &out
	if err := p.End(); err != nil {
		t.Fatal(err)
	}
	wants := []string{"(M01 mail.example:993):", "autoconfig.d0.example. 3600 IN CNAME", "and at least 997 more", "There is more to fix"}
	for _, want := range wants {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %.2000s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "systemctl start dovecot"); n != 1 {
		t.Errorf("the same text to paste is printed %d times", n)
	}
}

// TestRepeatedPaste: text that many domains have in common counts once towards the limit.
func TestRepeatedPaste(t *testing.T) {
	p := &TextPrinter{Out: io.Discard}
	finding := Finding{Code: PortClosed, Fix: "Start it:", Paste: "systemctl start dovecot"}
	for range 10_000 {
		if err := p.Print(Report{Findings: []Finding{finding}}); err != nil {
			t.Fatal(err)
		}
	}
	if p.cut {
		t.Error("the list was cut")
	}
}

// TestNagiosLine: the line names the worst findings, and stays one line whatever they say.
func TestNagiosLine(t *testing.T) {
	var out bytes.Buffer
	p := &NagiosPrinter{Out: &out}
	for i := range 9 {
		severity := Warning
		if i > 5 {
			severity = Problem
		}
		finding := Finding{Code: NameMissing, Severity: severity, Subject: fmt.Sprintf("n%d|\n\x1b[2J", i)}
		if err := p.Print(Report{Findings: []Finding{finding}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.End(); err != nil || p.summary.Nagios() != NagiosCritical {
		t.Errorf("%s, %v", p.summary.Nagios(), err)
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
