package domains

import (
	"fmt"
	"slices"
	"strings"

	"mailhint/tomledit"
)

// synonyms are what people write instead of the keys of keys.go, because other programs use these names: the words, the tables in which
// they have this meaning, and what to write. The first row that matches is used.
var synonyms = []struct {
	words  string
	tables []string
	hint   string
}{
	{"port ports listen bind address listen_address http_port https_port", []string{"server"}, `write http = [":80"], or https = [":443"] for TLS`},
	{"hostname host server_name display_name", []string{"server"}, `write name = "setup.example.com"`},
	{"ssl security encryption", []string{"server"}, `write tls = "acme", "files" or "off"`},
	{"email mail contact", []string{"server"}, `write acme_email = "hostmaster@example.com"`},
	{"acme letsencrypt", []string{"server"}, `write tls = "acme"`},
	{"proxy proxies trusted_proxy", []string{"server"}, `write trusted_proxies = ["127.0.0.1"]`},
	{"certificate ssl_certificate tls_cert cert_file", []string{"server"}, `write cert = "fullchain.pem"`},
	{"private_key ssl_certificate_key tls_key key_file", []string{"server"}, `write key = "privkey.pem"`},

	{"key keyfile tsig tsig_key secret", []string{"dns", "dns.zones"}, `write key_file = "mailhint.key"`},
	{"client_secret secret", []string{"oidc"}, `write client_secret_file = "oidc.secret"`},
	{"password passwordfile password-file", []string{"store"}, `write password_file = "store.password"`},
	{"dsn uri host database", []string{"store"}, `write url = "postgres://mailhint@db.example.com/mailhint?sslmode=verify-full"`},
	{"zone", []string{"dns"}, `write zones = ["example.com"]`},
	{"nameserver name_server host address", []string{"dns", "dns.zones"}, `write server = "ns1.example.com"`},

	{"users user userfile", []string{"domains.*.rules"}, `write users_file = "users.txt"`},
	{"network networks", []string{"domains.*.rules"}, `write from = ["192.0.2.0/24"]`},
	{"alias", []string{"domains.*"}, `write aliases = ["example.net"]`},

	{"username user user_name login_name", mailTables, `write login = "%EMAILADDRESS%", or "%EMAILLOCALPART%" for the part before the @`},
	{"host server servers mailserver mail_server", mailTables, `write imap = "imap.example.com" and smtp = "smtp.example.com"`},
	{"hostname", mailTables, `write imap = "imap.example.com" and smtp = "smtp.example.com", or name = "…" for the name that users see`},
	{"port ports imap_port smtp_port pop3_port", mailTables, `write the port in a URL, as in imap = "imaps://imap.example.com:1993"`},
	{"ssl tls security starttls encryption socket_type sockettype", mailTables, `write imap = "imaps://imap.example.com" for implicit TLS, or imap = "imap://imap.example.com" for STARTTLS`},
	{"imap_host imap_server imap_hostname incoming incoming_server", mailTables, `write imap = "imap.example.com"`},
	{"smtp_host smtp_server smtp_hostname outgoing outgoing_server submission", mailTables, `write smtp = "smtp.example.com"`},
	{"pop pop_host pop3_host", mailTables, `write pop3 = "pop3.example.com"`},
	{"managesieve", mailTables, `write sieve = "sieve.example.com"`},
	{"display_name displayname provider provider_name", mailTables, `write name = "…"`},
	{"authentication auth_method auth_methods", mailTables, `write auth = ["password"]`},
	{"oauth", mailTables, `write oauth2 = { … }`},

	{"host hostname server", []string{serverTable}, `write url = "%HOST%"`},
	{"port ports", []string{serverTable}, `write it in the URL, as in url = "%URLPORT%"`},
	{"ssl tls security starttls encryption socket_type", []string{serverTable}, `write it in the URL, as in url = "%URL%"`},
	{"username user user_name", []string{serverTable}, `write login = "%EMAILADDRESS%"`},
	{"authentication auth_method auth_methods", []string{serverTable}, `write auth = ["password"]`},

	{"port ports listen bind", nil, `write http = [":80"] in [server]`},
	{"proxy proxies trusted_proxy", nil, `write trusted_proxies = ["127.0.0.1"] in [server]`},
	{"acme letsencrypt", nil, `write tls = "acme" in [server]`},
	{"oauth oauth2", []string{""}, `write oauth2 = { … } in [domains."example.com"], in a profile or in [defaults]`},
	{"profile", []string{""}, `write [profiles.shared] for a profile, or put the key in [domains."example.com"]`},
	{"default", []string{""}, `write [defaults]`},
	{"username user host server_name ssl security hostname display_name", []string{""}, `put the settings in a table [domains."example.com"]`},

	{"domain", []string{"profiles.*"}, `write domains = ["example.com"]`},
	{"domain", nil, `write a table [domains."example.com"]`},
}

// serverTable is the Table.Name of the tables of servers.
const serverTable = "*.imap, pop3, smtp or sieve"

// mailTables are the names of the tables with settings of mail.
var mailTables = []string{"defaults", "profiles.*", "domains.*", "domains.*.rules"}

// homes are where keys belong, as people write it, in the order in which they are tried.
var homes = []struct {
	table string
	text  string
	keys  []Key
}{
	{"domains.*", `in [domains."example.com"], in a profile or in [defaults]`, describe(settingKeys)},
	{"domains.*", `in [domains."example.com"]`, describe(domainKeys)},
	{"profiles.*", `in a profile, such as [profiles.shared]`, describe(profileKeys)},
	{"domains.*.rules", `in a rule, [[domains."example.com".rules]]`, describe(ruleKeys)},
	{"server", "in [server]", describe(serverKeys)},
	{"fallback", "in [fallback]", describe(fallbackKeys)},
	{"dns", "in [dns]", describe(dnsKeys)},
	{"store", "in [store]", describe(storeKeys)},
	{"oidc", "in [oidc]", describe(oidcKeys)},
	{"*.oauth2", "in a table oauth2", describe(oauth2Keys)},
	{"lookups.*", "in a look-up, such as [lookups.people]", describe(lookupKeys)},
}

// unknownKey returns the hint for a key that a table does not have.
func unknownKey(t *table, name string, known []string) string {
	table := tableName(t.path)
	word := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	for _, s := range synonyms {
		if (s.tables == nil || slices.Contains(s.tables, table)) && slices.Contains(strings.Fields(s.words), word) {
			return "; " + t.exampleServers().Replace(s.hint)
		}
	}
	if table == "" {
		if d := domainOfTable(name, t.values[name]); d != "" {
			return fmt.Sprintf("; write [domains.%q]", d)
		}
	} else if slices.ContainsFunc(topKeys, func(k key[topValues]) bool { return k.Name == name }) {
		return "; put it at the top of the file, before the first table"
	}
	for _, h := range homes {
		if slices.ContainsFunc(h.keys, func(k Key) bool { return k.Name == name }) {
			return "; it belongs " + h.text
		}
	}
	return orList(didYouMean(name, known), known)
}

// exampleServers fills in the host and the URL of a hint for the table of a server.
func (t *table) exampleServers() *strings.Replacer {
	host, url, port := "imap.example.com", "imaps://imap.example.com", ":1993"
	switch {
	case slices.Contains(t.path, "smtp"):
		host, url, port = "smtp.example.com", "submissions://smtp.example.com", ":1465"
	case slices.Contains(t.path, "pop3"):
		host, url, port = "pop3.example.com", "pop3s://pop3.example.com", ":1995"
	case slices.Contains(t.path, "sieve"):
		host, url, port = "sieve.example.com", "sieve://sieve.example.com", ":2000"
	}
	return strings.NewReplacer("%HOST%", host, "%URL%", url, "%URLPORT%", url+port)
}

// tableName returns the Table.Name of a path.
func tableName(path []string) string {
	var parts []string
	for _, part := range path {
		if _, isElement := tomledit.ElementNumber(part); !isElement {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	switch last := parts[len(parts)-1]; {
	case len(parts) == 1:
		return last
	case last == "oauth2":
		return "*.oauth2"
	case last == "login":
		return "*.login"
	case last == "rules" && len(parts) == 3:
		return "domains.*.rules"
	case last == "zones" && parts[0] == "dns":
		return "dns.zones"
	case len(parts) == 2 && parts[0] != "defaults":
		return parts[0] + ".*"
	}
	return serverTable
}

// domainOfTable returns the domain that was written as a table of its own: ["example.com"], or [example.com], which TOML reads as a
// table in a table. It returns "" for anything else.
func domainOfTable(name string, v any) string {
	for depth := 1; ; depth++ {
		values, ok := v.(map[string]any)
		if !ok || depth > maxDepth {
			return ""
		}
		if len(values) == 1 {
			inner := sortedKeys(values)[0]
			if isTable(values[inner]) && !mayBeTable(inner) {
				name, v = name+"."+inner, values[inner]
				continue
			}
		}
		if _, err := parseDomain(name); err != nil {
			return ""
		}
		return name
	}
}
