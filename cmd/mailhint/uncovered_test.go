//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/keypairs/keypairtest"
)

// check and serve warn about names that no certificate covers, without listing all of a thousand, and only about those.
func TestUncovered(t *testing.T) {
	dir := t.TempDir()
	keypairtest.Write(t, dir, "pair", keypairtest.New(t, keypairtest.Options{Names: []string{"*.example.com"}}))
	var many strings.Builder
	many.WriteString("[server]\ntls = \"files\"\ncert = \"pair.pem\"\nkey = \"pair.key\"\nhttp = [\"127.0.0.1:0\"]\nhttps = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n" +
		"[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n")
	good := many.String()
	for i := range 500 {
		fmt.Fprintf(&many, "[domains.\"d%03d.example\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n", i)
	}
	const want = "no certificate covers autoconfig.d000.example, autoconfig.d001.example, autoconfig.d002.example and 997 more, so clients"
	file := filepath.Join(dir, "domains.toml")
	for text, want := range map[string]string{good: "", many.String(): want} {
		write(t, file, text)
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"check", file}, &out, &errs); code != exitGood || want == "" && errs.Len() > 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("check: exit code %d, %q, want 0, %q", code, &errs, want)
		}
		out.Reset()
		var result domains.Report
		if run(t.Context(), []string{"check", "--json", file}, &out, &errs); json.Unmarshal(out.Bytes(), &result) != nil || (want == "") != (len(result.Warnings) == 0) ||
			want != "" && !strings.HasPrefix(result.Warnings[0].Text, want) {
			t.Errorf("check --json: %.500s, want the warning %q", &out, want)
		}
		p := startProgram(t, strings.NewReplacer("pair.", filepath.Join(dir, "pair.")).Replace(text))
		if log := p.log.String(); want == "" && strings.Contains(log, "no certificate covers") || strings.Count(log, want) != 1 && want != "" {
			t.Errorf("serve logged %.1000s, want %q once", log, want)
		}
	}
}
