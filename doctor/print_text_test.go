package doctor

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestClientsTogether: clients that get the same servers are listed together, and no line is wider than the terminal.
func TestClientsTogether(t *testing.T) {
	client := func(name, incoming, from, why string, works *bool) Client {
		return Client{Name: name, Incoming: incoming, From: from, Why: why, Works: works}
	}
	r := Report{Domain: "a.example", Incomplete: true, Reason: "x",
		Unchecked: []string{"DNS does not answer: " + strings.Repeat("why ", 30)},
		Findings: []Finding{{Code: PortClosed, Severity: Problem, Subject: "mail.a.example:993",
			Fix: "Start the service " + strings.Repeat("again ", 20), Text: "nothing listens on port 993 of the address that this mail server has in DNS"}},
		Clients: []Client{
			client("Thunderbird", "mail.a.example:993 implicit TLS", "https://autoconfig.a.example", "", new(true)),
			client("Outlook (classic)", "mail.a.example:993 implicit TLS", "https://autodiscover.a.example", "", new(true)),
			client("Evolution", "mail.a.example:143 STARTTLS", "SRV records", "", new(true)),
			client("KMail", "", "", "nothing found", new(false)),
			client("FairEmail", "", "", "DNS does not answer", nil),
		},
	}
	for _, width := range []int{0, 80} {
		var out bytes.Buffer
		p := &TextPrinter{Out: &out, Alone: true, Width: width}
		if err := p.Print(r); err != nil {
			t.Fatal(err)
		}
		if err := p.End(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if len(strings.TrimRight(line, "\n")) > 80 && width > 0 {
				t.Errorf("too wide: %q", line)
			}
		}
		joined := regexp.MustCompile(`\n? +`).ReplaceAllString(out.String(), " ")
		for _, want := range []string{
			"M01 problem mail.a.example:993: nothing", "on port 993 of the address that this mail server has in DNS",
			"1. Start the service again again", "(M01 mail.a.example:993).",
			"not checked: DNS does not answer: why why",
			"Works: Thunderbird, Outlook (classic) incoming mail.a.example:993 implicit TLS from https://autoconfig.a.example, https://autodiscover.a.example",
			"Works: Evolution incoming mail.a.example:143 STARTTLS", "Does not work: KMail why nothing found",
			"Unknown: FairEmail why DNS does not answer",
		} {
			if !strings.Contains(joined, want) {
				t.Errorf("width %d: no %q in\n%s", width, want, out.String())
			}
		}
	}
}

// TestLongWord: a word that is wider than the terminal stays whole.
func TestLongWord(t *testing.T) {
	word := strings.Repeat("x", 300)
	for _, line := range []string{word, "  D01 " + word + " " + word + " end", "a " + word, strings.Repeat("a ", 300)} {
		b := textBuilder{width: 80}
		b.fold("      ", line)
		if got, want := strings.Join(strings.Fields(b.String()), " "), strings.Join(strings.Fields(line), " "); got != want {
			t.Errorf("got %q, want the words of %q", got, want)
		}
	}
}

// TestManyGood: among very many domains, the good ones and those not fully checked are counted.
func TestManyGood(t *testing.T) {
	var out bytes.Buffer
	p := &TextPrinter{Out: &out, OnlyBad: true}
	for i := range 100 {
		r := Report{Domain: "a.example"}
		if i == 50 {
			r.Incomplete, r.Unchecked = true, []string{"unknown"}
		}
		if err := p.Print(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.End(); err != nil {
		t.Fatal(err)
	}
	const want = "a.example: 0 problems, 0 warnings\n  not checked: unknown\n" +
		"\n100 domains (99 good), 0 problems, 0 warnings, 1 domain not fully checked\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// TestNagiosTime: the time is that of the run, not of the slowest domain. UNKNOWN comes with a reason.
func TestNagiosTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := &NagiosPrinter{Out: &out, Start: time.Now()}
		for range 3 {
			time.Sleep(2 * time.Second)
			r := Report{Domain: "a.example", Took: 2, Incomplete: true, Unchecked: []string{"aside", "b"}, Reason: "b",
				Findings: []Finding{{Code: Outlook, Severity: Warning, Subject: "Outlook"}}}
			if err := p.Print(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.End(); err != nil || p.summary.Nagios() != NagiosUnknown {
			t.Errorf("%s, %v", p.summary.Nagios(), err)
		}
		const want = "MAILHINT UNKNOWN - 3 domains, 0 problems, 3 warnings: a.example: b; C02 Outlook | " +
			"domains=3 problems=0;;0 warnings=3;0 unchecked=3 time=6.000s\n"
		if out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}
