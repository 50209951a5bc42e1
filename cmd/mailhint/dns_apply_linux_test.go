package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/dnsrecords"
	"mailhint/dnsupdate/knottest"
)

// At a terminal the plan is shown first, and then asked about. Only yes is yes.
func TestApplyAsks(t *testing.T) {
	key := knottest.NewKey("mailhint")
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Keys: []knottest.Key{key}})
	config := filepath.Join(t.TempDir(), "domains.toml")
	write(t, config, fmt.Sprintf("[server]\nname = \"setup.example.com\"\n[dns]\nserver = %q\nkey_file = %q\nzones = \"example.com\"\n"+
		"[domains.\"example.com\"]\nimap = \"imaps://imap.example.com\"\nsmtp = \"submissions://smtp.example.com\"\npacc = false\n", k.Address, key.Write(t)))
	for _, test := range []struct {
		answer string
		code   int
		want   string // the last line
	}{
		{"\n", exitProblem, "nothing was changed"},
		{"no\n", exitProblem, "nothing was changed"},
		{"yesterday\n", exitProblem, "nothing was changed"},
		{" Y \n", exitGood, "published 9 records of 1 domain"},
		{"", exitGood, "nothing was changed, 9 records published before"}, // there is nothing to ask
	} {
		master, terminal := openTerminal(t)
		if _, err := master.WriteString(test.answer); err != nil {
			t.Fatal(err)
		}
		stdin := os.Stdin
		os.Stdin = terminal
		var out bytes.Buffer
		code := run(t.Context(), []string{"dns", "example.com", "--apply", "--config", config, "--resolver", "127.0.0.1:1"}, &out, terminal)
		os.Stdin = stdin
		var shown []byte
		for test.answer != "" && !bytes.Contains(shown, []byte("[y/N] ")) { // the terminal passes it on in pieces, with the answer before it
			piece := make([]byte, 4096)
			n, err := master.Read(piece)
			if err != nil {
				t.Fatal(err)
			}
			shown = append(shown, piece[:n]...)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if code != test.code || lines[len(lines)-1] != test.want {
			t.Errorf("%q: exit code %d, want %d; got\n%s%s", test.answer, code, test.code, &out, shown)
		}
		if asked := strings.Contains(string(shown), "Make 9 changes? [y/N] "); asked != (test.answer != "") {
			t.Errorf("%q: the terminal shows %q", test.answer, shown)
		}
		zone, err := k.Transfer("example.com")
		if err != nil || len(zone) > 0 != (test.code == exitGood) {
			t.Errorf("%q: %v, the zone has %d records", test.answer, err, len(zone))
		}
	}
}

// After the first configuration has been written, init asks whether to publish its records, if it knows how.
func TestInitOffersToPublish(t *testing.T) {
	key := knottest.NewKey("mailhint")
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Keys: []knottest.Key{key}})
	config := filepath.Join(t.TempDir(), "domains.toml")
	write(t, config, fmt.Sprintf("[server]\nname = \"setup.example.com\"\n[dns]\nserver = %q\nkey_file = %q\nzones = \"example.com\"\n"+
		"[domains.\"example.com\"]\nimap = \"imaps://imap.example.com\"\nsmtp = \"submissions://smtp.example.com\"\npacc = false\n", k.Address, key.Write(t)))
	for _, test := range []struct {
		nameServer, answer string
		records            int
	}{{"", "y\n", 0}, {k.Address, "n\n", 0}, {k.Address, "y\n", 9}} {
		master, terminal := openTerminal(t)
		if _, err := master.WriteString(test.answer); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		cmd := newInit()
		cmd.SetContext(t.Context())
		cmd.SetIn(terminal)
		cmd.SetOut(&out)
		cmd.SetErr(terminal)
		cmd.Flags().Set("resolver", "127.0.0.1:1")
		err := initFlags{file: config, nameServer: test.nameServer}.offerToPublish(cmd, "example.com", dnsrecords.Options{Server: "setup.example.com", TTL: 60})
		zone, transferErr := k.Transfer("example.com")
		if transferErr != nil || len(zone) != test.records || (err == nil) != (test.nameServer == "" || test.records > 0) {
			t.Errorf("%+v: %v, %v, %d records\n%s", test, err, transferErr, len(zone), &out)
		}
	}
}
