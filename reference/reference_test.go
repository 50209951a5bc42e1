package reference

import (
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
)

// Every key of every table is explained once, with all that its row says.
func TestEveryKeyIsExplained(t *testing.T) {
	var out strings.Builder
	if err := Print(&out, Sections()); err != nil {
		t.Fatal(err)
	}
	for _, table := range domains.Tables() {
		for _, k := range table.Keys {
			block := "\n  " + k.Name + "\n      meaning:  " + k.Description + "\n      type:     " + k.Type + "\n"
			if k.Default != "" {
				block += "      default:  " + k.Default + "\n"
			}
			block += "      example:  " + k.Name + " = " + k.Example + "\n"
			if !strings.Contains(out.String(), block) {
				t.Errorf("[%s] %s is not explained as\n%s", table.Name, k.Name, block)
			}
		}
	}
	if n := strings.Count(out.String(), "\n  pop3\n"); n != 1 {
		t.Errorf("pop3 is explained %d times", n)
	}
	if n, want := strings.Count(out.String(), "and all keys of [defaults]"), 3; n != want {
		t.Errorf("%d tables inherit the keys of [defaults], want %d", n, want)
	}
}

// No format is shown by the name that the code has for it.
func TestFormatsHaveClients(t *testing.T) {
	for _, table := range domains.Tables() {
		for _, k := range table.Keys {
			for _, f := range k.Formats {
				if formats[f] == "" {
					t.Errorf("%s: the clients of format %q have no name", k.Name, f)
				}
			}
		}
	}
}

// found lists what Find finds: "[server] tls", or only the header if the whole table was found.
func found(sections []Section) []string {
	var list []string
	for _, s := range sections {
		whole := slices.ContainsFunc(Sections(), func(all Section) bool { return all.Header == s.Header && len(all.Keys) == len(s.Keys) })
		if whole {
			list = append(list, s.Header)
			continue
		}
		for _, k := range s.Keys {
			list = append(list, s.Header+" "+k.Name)
		}
	}
	return list
}

func TestFind(t *testing.T) {
	for word, want := range map[string]string{
		"tls":                                 "[server] tls",
		"TLS":                                 "[server] tls",
		"server.tls":                          "[server] tls",
		"server":                              "[server], [dns] server, zones = [{ … }] server",
		"[server]":                            "[server]",
		"login":                               "[defaults] login, imap = { … } login, login = { … }",
		"defaults.login":                      "[defaults] login, login = { … }",
		"login.hint":                          "login = { … } hint",
		"imap.login":                          "imap = { … } login",
		"imap":                                "[defaults] imap, imap = { … }",
		"domains":                             `[profiles.NAME] domains, [domains."example.com"], [oidc.roles.VALUE] domains`,
		"profiles.domains":                    "[profiles.NAME] domains",
		`[domains."example.com"]`:             `[domains."example.com"]`,
		`domains."example.com".imap`:          "[defaults] imap, imap = { … }",
		`domains."example.com".aliases`:       `[domains."example.com"] aliases`,
		`[[domains."example.com".rules]]`:     `[[domains."example.com".rules]]`,
		`domains."example.com".rules.from`:    `[[domains."example.com".rules]] from`,
		`domains."example.com".rules.name`:    "[defaults] name",
		"profiles.shared.name":                "[defaults] name",
		"oauth2":                              "[defaults] oauth2, oauth2 = { … }",
		"oauth2.issuer":                       "oauth2 = { … } issuer",
		"dns.zones":                           "[dns] zones, zones = [{ … }]",
		"zones.name":                          "zones = [{ … }] name",
		"version":                             "Top of the file version",
		`domains."example.com".oauth2.issuer`: "oauth2 = { … } issuer",
	} {
		sections, err := Find(word)
		if got := strings.Join(found(sections), ", "); err != nil || got != want {
			t.Errorf("%s: found %s, want %s (%v)", word, got, want, err)
		}
	}
	for _, word := range Names() {
		if _, err := Find(word); err != nil {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestFindUnknown(t *testing.T) {
	for word, want := range map[string]string{
		"impa":         `unknown key "impa"; did you mean imap?`,
		"server.tsl":   `unknown key "server.tsl"; did you mean tls?`,
		"server.imap":  `there is no key "server.imap"; imap is a key of [defaults]`,
		"x":            `unknown key "x"; mailhint help config lists all keys`,
		"":             `unknown key ""; mailhint help config lists all keys`,
		`"`:            `unknown key "\""; mailhint help config lists all keys`,
		".":            `unknown key "."; mailhint help config lists all keys`,
		"no.such.word": `unknown key "no.such.word"; mailhint help config lists all keys`,
	} {
		if _, err := Find(word); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", word, err, want)
		}
	}
}
