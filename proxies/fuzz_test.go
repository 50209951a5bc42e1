package proxies

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"mailhint/settings"
)

// FuzzSnippet puts arbitrary names, addresses and paths into the snippets. Whatever is accepted stays inside its word: each line has as many
// words, quotes and braces as with the usual values, so that none can end a line or a string, or open a block.
func FuzzSnippet(f *testing.F) {
	f.Add("example.com", "setup.hoster.example", "127.0.0.1:8080", "127.0.0.1:8443", "[::1]:8081", "/etc/ssl/cert.pem", "/etc/ssl/key.pem", true)
	f.Add("bücher.example", "a.example", "localhost:1", "mailhint.internal:2", "127.0.0.1:3", "/etc/my certificates/a;b#c.pem", "k'", false)
	f.Add("a\nb.example", "x\"; }", "127.0.0.1:80;", "evil host:1", "::1:1", "c\\", "$HOME/%{x}", false)
	f.Add("a.example", "*.example", "[::1%lo;]:80", "[fe80::1%eth0]:1", "127.0.0.1:+1", "a`b", "ключ.pem", true)
	f.Fuzz(func(t *testing.T, domain, server, http, https, admin, cert, key string, proxyProtocol bool) {
		d, err := settings.ParseDomain(domain)
		if err != nil {
			return
		}
		name, err := settings.ParseDomain(server)
		if err != nil {
			return
		}
		options := func(d, name settings.Domain) Options {
			return Options{Domains: []settings.Domain{d}, Hosts: settings.ServiceHosts(d), Server: string(name),
				Services: []Services{{[]settings.Domain{d}, []string{"/.well-known/caldav"}}}, ProxyProtocol: proxyProtocol,
				HTTP: "127.0.0.1:8080", HTTPS: "127.0.0.1:8443", Admin: "127.0.0.1:8081", Cert: "/c", Key: "/k"}
		}
		for _, kind := range Kinds {
			o := options(d, name)
			o.HTTP, o.HTTPS, o.Admin, o.Cert, o.Key = http, https, admin, cert, key
			text, err := Snippet(kind, o)
			if err != nil {
				return
			}
			usual, err := Snippet(kind, options("a.example", "b.example"))
			if err != nil {
				t.Fatal(err)
			}
			got, want := strings.Split(string(text), "\n"), strings.Split(string(usual), "\n")
			if len(got) != len(want) {
				t.Fatalf("%s: %d lines, want %d:\n%s", kind, len(got), len(want), text)
			}
			for i, line := range got {
				if !strings.HasPrefix(want[i], "#") && shape(line) != shape(want[i]) || strings.HasPrefix(want[i], "#") != strings.HasPrefix(line, "#") {
					t.Errorf("%s, line %d:\n got %s\nlike %s", kind, i+1, line, want[i])
				}
			}
			if kind == "traefik" {
				var file traefikFile
				if err := yaml.Unmarshal(text, &file); err != nil {
					t.Fatalf("%v:\n%s", err, text)
				}
				if c := file.TLS.Certificates; len(c) != 1 || c[0].CertFile != cert || c[0].KeyFile != key {
					t.Errorf("got the certificates %q, want %q and %q", c, cert, key)
				}
			}
		}
	})
}

// shape is what a web server sees of a line: words, strings in quotes, and the characters that have a meaning of their own.
func shape(line string) string {
	var b strings.Builder
	quoted, inWord := false, false
	for _, r := range line {
		switch {
		case r == '"':
			quoted = !quoted
			b.WriteRune(r)
			inWord = false
		case quoted:
		case strings.ContainsRune("{}`;#()", r):
			b.WriteRune(r)
			inWord = false
		case r == ' ' || r == '\t':
			inWord = false
		case !inWord:
			b.WriteRune('w')
			inWord = true
		}
	}
	if quoted {
		b.WriteString(" open")
	}
	return b.String()
}
