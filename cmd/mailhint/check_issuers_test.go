package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mailhint/domains"
	"mailhint/probe"
)

// metadataServers answer with the metadata of authorization servers, by URL.
type metadataServers struct {
	mu    sync.Mutex
	pages map[string]string
	asked []string
}

func (m *metadataServers) LookURL(_ context.Context, q probe.Request) probe.Web {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, q.URL)
	if strings.Contains(q.URL, "private.example") {
		return probe.Web{State: probe.Forbidden, Err: errors.New("private")}
	}
	if page, ok := m.pages[q.URL]; ok {
		return probe.Web{Status: 200, Body: []byte(page)}
	}
	return probe.Web{Status: 404}
}

const withIssuers = `[profiles.good]
imap = "imap.hoster.example"
smtp = "smtp.hoster.example"
auth = ["oauth2", "password"]
oauth2 = { issuer = "https://good.example", scope = ["mail"], auth_url = "https://good.example/auth", token_url = "https://good.example/token" }
domains = ["a.example", "b.example"]

[domains."moved.example"]
imap = "imap.hoster.example"
smtp = "smtp.hoster.example"
auth = ["oauth2"]
oauth2 = { issuer = "https://good.example", scope = ["mail", "other"], auth_url = "https://good.example/old", token_url = "https://good.example/token" }

[domains."gone.example"]
imap = "imap.hoster.example"
smtp = "smtp.hoster.example"
auth = ["password", "oauth2"]
oauth2 = { issuer = "https://gone.example", scope = ["mail"], auth_url = "https://gone.example/auth", token_url = "https://gone.example/token" }

[domains."known.example"]
imap = "imaps://imap.gmail.com"
smtp = "submissions://smtp.gmail.com"
auth = ["oauth2"]
oauth2 = { issuer = "accounts.google.com", scope = ["https://mail.google.com/"], auth_url = "https://accounts.google.com/a", token_url = "https://accounts.google.com/t" }
`

// check --online asks each issuer once that mail programs do not know by themselves, and says at which line what is wrong.
func TestCheckIssuers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "domains.toml")
	check := func(text string, m *metadataServers) domains.Report {
		t.Helper()
		write(t, file, text)
		report, snapshot := domains.Check(file)
		if snapshot == nil {
			t.Fatal(report.Problems)
		}
		checkIssuers(t.Context(), m, snapshot, &report)
		return report
	}
	m := &metadataServers{pages: map[string]string{"https://good.example/.well-known/oauth-authorization-server": `{"issuer": "https://good.example",
		"authorization_endpoint": "https://good.example/auth", "token_endpoint": "https://good.example/token", "registration_endpoint": "https://good.example/r",
		"scopes_supported": ["mail"], "code_challenge_methods_supported": ["S256"]}`}}
	report := check(withIssuers, m)
	if len(m.asked) != 3 { // good.example once, gone.example at two places
		t.Errorf("asked %q", m.asked)
	}
	if report.OK || report.Unread || len(report.Problems) != 1 || report.Problems[0].Line != 12 || !strings.Contains(report.Problems[0].Text, "auth_url is https://good.example/old, but") {
		t.Errorf("problems: %v", report.Problems)
	}
	if w := report.Warnings; len(w) != 2 || w[0].Line != 12 || !strings.Contains(w[0].Text, "does not list other") || w[1].Line != 18 || !strings.Contains(w[1].Text, "no metadata") {
		t.Errorf("warnings: %v", report.Warnings)
	}
	if report := check(strings.ReplaceAll(withIssuers, "gone.example", "private.example"), m); !report.Unread || report.OK {
		t.Errorf("an issuer that must not be asked: %+v", report)
	}
}
