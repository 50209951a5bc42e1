package certs

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// A name without a certificate is a problem if it could have one: its DNS points here, and no order waits for the next hour.
func TestProblems(t *testing.T) {
	t.Parallel()
	report := Report{
		Certificates: []Certificate{
			{Name: "autoconfig.elsewhere.test", State: Missing, DNSError: "the name points to 192.0.2.1"},
			{Name: "autoconfig.here.test", State: Missing},
			{Name: "autoconfig.failed.test", State: Missing, Failure: &Failure{Error: "refused"}},
			{Name: "autoconfig.unknown.test", State: Missing, notLookedUp: true},
			{Name: "autoconfig.old.test", State: Expired},
			{Name: "autoconfig.renewed.test", State: Due},
			{Name: "autoconfig.good.test", State: Valid},
			{Name: "autoconfig.gone.test", State: Unused},
			{Name: "setup.test", State: Missing, DNSError: "the name points to 192.0.2.1"},
		},
		Accounts: []Account{{CA: "first", NextFree: time.Minute}, {CA: "second"}},
	}
	names := func() (list []string) {
		for _, c := range report.Problems("setup.test") {
			list = append(list, c.Name)
		}
		return list
	}
	if got, want := names(), []string{"autoconfig.here.test", "autoconfig.failed.test", "autoconfig.old.test", "setup.test"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	report.Accounts[1].NextFree = time.Hour
	if got, want := names(), []string{"autoconfig.failed.test", "autoconfig.old.test"}; !slices.Equal(got, want) {
		t.Errorf("while all orders of the hour are used: got %q, want %q", got, want)
	}
	var out bytes.Buffer
	if err := report.Print(&out, time.Now()); err != nil {
		t.Fatal(err)
	}
	const line = "autoconfig.here.test has not been ordered yet, although its DNS points to this server; check that the server runs\n"
	if text := out.String(); !strings.Contains(text, line) || strings.Count(text, "has not been ordered") != 1 {
		t.Errorf("printed:\n%s", text)
	}
}

// A report looks up the DNS of the first 30 names without a certificate, and claims nothing about the others.
func TestReportLooksUpSomeNames(t *testing.T) {
	t.Parallel()
	config := (&testCA{directory: oldDirectory}).config(t.TempDir())
	config.PointsHere, config.Allowed = nil, func(string) bool { return true }
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var wanted []string
	for i := range 40 {
		wanted = append(wanted, "autoconfig.d"+string(rune('a'+i/26))+string(rune('a'+i%26))+".test")
	}
	report, err := c.Report(t.Context(), slices.Values(wanted))
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Problems(""); len(report.Certificates) != 40 || len(got) != 30 {
		t.Errorf("%d names, %d problems, want 40 and 30", len(report.Certificates), len(got))
	}
}
