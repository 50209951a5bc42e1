package domains

import (
	"slices"
	"time"

	"mailhint/settings"
)

// This file has one row for each key of domains.toml: its name, the kind of its value, and the field that holds it; then an example and
// what the key means; then, if need be, its default, its marks, and the formats whose answers depend on it.

// The formats that clients ask for, as Key.Formats names them.
const (
	autoconfig   = "autoconfig"   // Thunderbird and others
	autodiscover = "autodiscover" // Outlook and others
	mobileconfig = "mobileconfig" // Apple Mail
	pacc         = "pacc"         // the IETF's JSON document
	wellknown    = "wellknown"    // redirects to calendars, contacts and JMAP
	dnsrecords   = "dnsrecords"   // SRV records
)

// settingKeys describe the mail service of a domain. They are the same in [defaults], profiles, domains and rules, and are
// inherited in this order.
var settingKeys = []key[values]{
	row("name", shownText(60), func(v *values) *settings.Pattern { return &v.Name },
		`"Hoster Mail"`, "provider's name as mail programs show it, at most 60 characters").editable().in(autoconfig, mobileconfig, pacc),
	row("short_name", shownText(20), func(v *values) *settings.Pattern { return &v.ShortName },
		`"Hoster"`, "a shorter name, at most 20 characters").editable().in(autoconfig, mobileconfig, pacc),
	serversRow("imap", settings.IMAP,
		`"imap.hoster.example"`, "IMAP servers").service().editable().in(autoconfig, autodiscover, mobileconfig, pacc, dnsrecords),
	serversRow("pop3", settings.POP3,
		`"pop3s://pop.hoster.example"`, "POP3 servers").service().editable().in(autoconfig, autodiscover, mobileconfig, pacc, dnsrecords),
	serversRow("smtp", settings.Submission,
		`"smtp.hoster.example"`, "submission servers, for outgoing mail").service().editable().in(autoconfig, autodiscover, mobileconfig, pacc, dnsrecords),
	serversRow("sieve", settings.ManageSieve,
		`"sieve://imap.hoster.example"`, "ManageSieve servers, for mail filters").service().editable().in(autoconfig, dnsrecords),
	row("login", loginForm, func(v *values) *settings.Login { return &v.Login },
		`"%EMAILLOCALPART%"`, "form of the login name, or a table for a name that is looked up").byDefault(`"%EMAILADDRESS%"`).editable().in(autoconfig, autodiscover, mobileconfig, pacc),
	row("auth", loginMethods, func(v *values) *[]settings.Auth { return &v.Auth },
		`["oauth2", "password"]`, "login methods, best first").byDefault(`["password"]`).editable().in(autoconfig, autodiscover, mobileconfig, pacc),
	row("webmail", link("https", "http"), func(v *values) *settings.Pattern { return &v.Webmail },
		`"https://webmail.hoster.example/"`, "web mail").editable(),
	row("caldav", link("https"), func(v *values) *settings.Pattern { return &v.CalDAV },
		`"https://dav.hoster.example/calendars/"`, "calendars").service().editable().in(autoconfig, mobileconfig, pacc, wellknown, dnsrecords),
	row("carddav", link("https"), func(v *values) *settings.Pattern { return &v.CardDAV },
		`"https://dav.hoster.example/contacts/"`, "contacts").service().editable().in(autoconfig, mobileconfig, pacc, wellknown, dnsrecords),
	row("webdav", link("https"), func(v *values) *settings.Pattern { return &v.WebDAV },
		`"https://dav.hoster.example/files/"`, "files").service().editable().in(autoconfig, pacc),
	row("jmap", link("https"), func(v *values) *settings.Pattern { return &v.JMAP },
		`"https://jmap.hoster.example/session"`, "JMAP session resource").service().editable().in(autoconfig, pacc, wellknown, dnsrecords),
	row("activesync", link("https"), func(v *values) *settings.Pattern { return &v.ActiveSync },
		`"https://eas.uni.example/Microsoft-Server-ActiveSync"`, "a real Exchange ActiveSync server: phones then do not use IMAP").service().editable().in(autoconfig, autodiscover),
	row("ews", link("https"), func(v *values) *settings.Pattern { return &v.EWS },
		`"https://eas.uni.example/EWS/Exchange.asmx"`, "a real Exchange Web Services endpoint").service().editable().in(autoconfig, autodiscover),
	row("autodiscover", redirection, func(v *values) *string { return &v.AutodiscoverRedirect },
		`"redirect:https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml"`, "where Autodiscover requests are sent instead of being answered").service().in(autodiscover),
	row("docs", link("https", "http"), func(v *values) *settings.Pattern { return &v.Docs },
		`"https://hoster.example/help/mail"`, "help page").editable().in(autoconfig, pacc),
	row("support", link("mailto", "https", "tel"), func(v *values) *settings.Pattern { return &v.Support },
		`"mailto:help@hoster.example"`, "support contact: e-mail address, page or telephone number").editable().in(pacc),
	row("password_hint", shownText(200), func(v *values) *settings.Pattern { return &v.PasswordHint },
		`"Create an app password in your account."`, "which password to use, in a sentence for people, at most 200 characters").editable().in(mobileconfig),
	row("password_url", link("https"), func(v *values) *settings.Pattern { return &v.PasswordURL },
		`"https://account.hoster.example/passwords"`, "page where people create or change their password").editable().in(mobileconfig),
	row("logo", imageFile, func(v *values) *string { return &v.logo },
		`"logo.png"`, "PNG or JPEG file for the help page, at most 256 KB and 2048 pixels wide or high"),
	row("accent", textColour(settings.LightPaper), func(v *values) **settings.Colour { return &v.Accent },
		`"#0b6e4f"`, "colour of links and buttons on the help page; must be readable as text on white").editable(),
	row("accent_dark", textColour(settings.DarkPaper), func(v *values) **settings.Colour { return &v.AccentDark },
		`"#58c49d"`, "the same where the device is set to dark; default: a lighter accent").editable(),
	row("pacc", unlessFalse, func(v *values) *bool { return &v.NoPACC },
		`false`, "whether a PACC document is published, where that format can express the settings").byDefault(`true`).in(pacc),
	row("oauth2", oauth2Table, func(v *values) **settings.OAuth2 { return &v.OAuth2 },
		`{ issuer = "login.example.com", scope = ["mail"], auth_url = "https://login.example.com/auth", token_url = "https://login.example.com/token" }`,
		"the authorization server, for the login method oauth2").in(autoconfig, pacc),
	row("allow_plaintext", networkList, func(v *values) *settings.Networks { return &v.allowPlaintext },
		`["10.20.0.0/16"]`, "the only networks whose clients get servers without encryption"),
	row("editable", stringList, func(v *values) *[]string { return &v.editable },
		`["name", "short_name", "docs", "webmail", "support"]`, "keys that admins of single domains may change"),
}

// mailServerKeys are those of a server written as a table, { url = "…", login = "…" }.
var mailServerKeys = []key[mailServerValues]{
	row("url", plainString, func(s *mailServerValues) *string { return &s.url },
		`"submissions://smtp.uni.example"`, "host name or URL, as for a server without a table").required(),
	row("login", loginForm, func(s *mailServerValues) *settings.Login { return &s.login },
		`"%EMAILLOCALPART%"`, "form of the login name at this server, or a table"),
	row("auth", loginMethods, func(s *mailServerValues) *[]settings.Auth { return &s.auth },
		`["none"]`, "login methods at this server, best first"),
}

// oauth2Keys are those of the table oauth2.
var oauth2Keys = []key[settings.OAuth2]{
	row("issuer", issuerName, func(o *settings.OAuth2) *string { return &o.Issuer },
		`"login.microsoftonline.com"`, "host name or https URL that identifies the authorization server").required(),
	row("scope", scopeList, func(o *settings.OAuth2) *[]string { return &o.Scope },
		`["https://outlook.office365.com/IMAP.AccessAsUser.All", "offline_access"]`, "scopes that clients request, one set for all services").required(),
	row("auth_url", endpointURL, func(o *settings.OAuth2) *string { return &o.AuthURL },
		`"https://login.microsoftonline.com/common/oauth2/v2.0/authorize"`, "authorization endpoint").required(),
	row("token_url", endpointURL, func(o *settings.OAuth2) *string { return &o.TokenURL },
		`"https://login.microsoftonline.com/common/oauth2/v2.0/token"`, "token endpoint").required(),
	row("client_id", plainString, func(o *settings.OAuth2) *string { return &o.ClientID },
		`"…"`, "public client ID, for clients without one of their own"),
	row("redirect_url", returnURL, func(o *settings.OAuth2) *string { return &o.RedirectURL },
		`"http://localhost"`, "where the sign-in page sends people back to, as registered for client_id; for the help page").byDefault(`"http://127.0.0.1"`),
}

// domainKeys are those that a domain has besides settingKeys.
var domainKeys = []key[domainValues]{
	row("profile", plainString, func(d *domainValues) *string { return &d.profile },
		`"shared"`, "profile that the domain inherits from"),
	row("enabled", truth, func(d *domainValues) *bool { return &d.enabled },
		`false`, "false: the domain is treated as unknown").byDefault(`true`).editable(),
	row("aliases", domainNames, func(d *domainValues) *[]string { return &d.aliases },
		`["firm.test", "firma.example"]`, "other names of the domain, with the same answers").editable(),
	row("admins", adminNames, func(d *domainValues) *[]string { return &d.admins },
		`["firm-it"]`, "accounts with the role domain-admin that may edit this entry"),
}

// ruleKeys are those that a rule of a domain has besides settingKeys.
var ruleKeys = []key[ruleValues]{
	row("users_file", plainString, func(r *ruleValues) *string { return &r.usersFile },
		`"moved-to-m365.txt"`, "file of addresses and patterns, one per line, that the rule applies to"),
	row("from", networkList, func(r *ruleValues) *settings.Networks { return &r.from },
		`["192.0.2.0/24", "2001:db8:1::/48"]`, "networks whose clients the rule applies to").notEmpty(),
	row("profile", plainString, func(r *ruleValues) *string { return &r.profile },
		`"m365"`, "profile that replaces the domain's settings"),
}

// profileKeys are those that a profile has besides settingKeys.
var profileKeys = []key[profileValues]{
	row("domains", domainNames, func(p *profileValues) *[]string { return &p.domains },
		`["bakery.example", "florist.example"]`, "domains that have these settings and no others").long(),
	row("domains_file", plainString, func(p *profileValues) *string { return &p.domainsFile },
		`"shared-domains.txt"`, "file of such domains, one per line; read again when it changes"),
}

// fallbackKeys are those of [fallback].
var fallbackKeys = []key[fallbackValues]{
	row("profile", plainString, func(f *fallbackValues) *string { return &f.profile },
		`"shared"`, "profile with the settings").required(),
	row("mx", exchangerNames, func(f *fallbackValues) *[]settings.Domain { return &f.mx },
		`["mx1.hoster.example", "mx2.hoster.example"]`, "answer only for names whose preferred MX is one of these"),
}

// lookupKeys are those of [lookups.…].
var lookupKeys = []key[lookupValues]{
	row("type", oneOf("file", "ldap", "sql"), func(l *lookupValues) *string { return &l.Type },
		`"ldap"`, `where login names are found: "file", "ldap" or "sql"`).required(),
	row("unknown", formOnly, func(l *lookupValues) *settings.Login { return &l.Unknown },
		`"%EMAILLOCALPART%"`, "login name for addresses that are not found, and while nothing can be found").byDefault(`"%EMAILADDRESS%"`),
	row("file", dataFile, func(l *lookupValues) *string { return &l.File },
		`"logins.txt"`, `with type = "file": file with an address and its login name on each line, or CSV; read again when it changes`),
	row("url", lookupURLs, func(l *lookupValues) *[]string { return &l.URLs },
		`["ldaps://ldap1.uni.example", "ldaps://ldap2.uni.example"]`, "LDAP servers, in the order in which they are asked, or the database"),
	row("ca", dataFile, func(l *lookupValues) *string { return &l.CA },
		`"company-root.pem"`, "root certificate of a private CA, for the servers at url"),
	row("base", notEmptyOne, func(l *lookupValues) *string { return &l.Base },
		`"ou=people,dc=uni,dc=example"`, `with type = "ldap": where to search`),
	row("filter", personText, func(l *lookupValues) *string { return &l.Filter },
		`"(|(mail=%EMAILADDRESS%)(mailAlternateAddress=%EMAILADDRESS%))"`, "what to search for").byDefault(`"(mail=%EMAILADDRESS%)"`),
	row("attribute", notEmptyOne, func(l *lookupValues) *string { return &l.Attribute },
		`"uid"`, "attribute that is the login name"),
	row("bind_dn", notEmptyOne, func(l *lookupValues) *string { return &l.BindDN },
		`"cn=mailhint,ou=services,dc=uni,dc=example"`, "name to bind with; without it, the bind is anonymous, or with cert"),
	row("bind_password_file", dataFile, func(l *lookupValues) *string { return &l.bindPasswordFile },
		`"ldap.pass"`, "file with the password, which no other user may read: secrets are never written here"),
	row("cert", dataFile, func(l *lookupValues) *string { return &l.Cert },
		`"ldap-client.pem"`, "client certificate for the directory; without bind_dn, the bind is with it (SASL EXTERNAL)"),
	row("key", dataFile, func(l *lookupValues) *string { return &l.Key },
		`"ldap-client.key"`, "its private key, which no other user may read"),
	row("query", personText, func(l *lookupValues) *string { return &l.Query },
		`"SELECT login FROM people WHERE address = %EMAILADDRESS%"`, `with type = "sql": statement that returns the login name; placeholders are parameters, without quotes`),
	row("password_file", dataFile, func(l *lookupValues) *string { return &l.passwordFile },
		`"sql.pass"`, "file with the password of the database, which no other user may read"),
}

// loginTableKeys are those of a login name that is looked up, { lookup = "…", hint = "…" }.
var loginTableKeys = []key[loginTableValues]{
	row("lookup", notEmptyOne, func(l *loginTableValues) *string { return &l.lookup },
		`"people"`, "the look-up, [lookups.people]").required(),
	row("hint", loginHint, func(l *loginTableValues) *string { return &l.hint },
		`"your UniID, for example ab123"`, "what the login name is, in a few words for people, at most 100 characters"),
}

// serverKeys are those of [server].
var serverKeys = []key[serverValues]{
	row("name", hostName, func(p *serverValues) *string { return &p.Name },
		`"setup.hoster.example"`, "the server's own host name"),
	row("http", listenAddresses, func(p *serverValues) *[]string { return &p.HTTP },
		`[":80"]`, `addresses for http; default ":80"; when tls is "off" $MAILHINT_HTTP, or "localhost:8080"`),
	row("https", listenAddresses, func(p *serverValues) *[]string { return &p.HTTPS },
		`[":443"]`, `addresses for https; default ":443" unless tls is "off"`),
	row("tls", oneOf("off", "files", "acme"), func(p *serverValues) *string { return &p.TLS },
		`"acme"`, `"acme" (orders certificates), "files" or "off" (plain http: for a trial, or behind a proxy that does TLS)`).byDefault(`"off"`),
	row("cert", pemFiles, func(p *serverValues) *[]string { return &p.certs },
		`"fullchain.pem"`, `certificate with tls = "files", or a list of several; read again when it changes. With "acme": for names that need no order`),
	row("key", pemFiles, func(p *serverValues) *[]string { return &p.keys },
		`"privkey.pem"`, "its private key, or a list in the same order"),
	row("sign_cert", pemFile, func(p *serverValues) *string { return &p.signCert },
		`"sign-chain.pem"`, "certificate that signs Apple profiles; default: the server's own, if it has one"),
	row("sign_key", pemFile, func(p *serverValues) *string { return &p.signKey },
		`"sign-key.pem"`, "its private key"),
	row("acme_email", mailAddress, func(p *serverValues) *string { return &p.ACME.Email },
		`"hostmaster@hoster.example"`, `where the CA may write, with tls = "acme"; recommended`),
	row("acme_ca", caList, func(p *serverValues) *[]string { return &p.ACME.CAs },
		`["letsencrypt"]`, `"letsencrypt", "letsencrypt-staging" (for trials), or the URL of an ACME directory; if one fails, the next is used`).byDefault(`["letsencrypt"]`),
	row("acme_orders", ordersPerHour, func(p *serverValues) *int { return &p.ACME.Orders },
		`100`, "maximum number of certificates ordered per hour").byDefault(`100`),
	row("acme_root", rootFile, func(p *serverValues) *string { return &p.ACME.Root },
		`"company-root.pem"`, "root certificate of a private CA"),
	row("trusted_proxies", networkList, func(p *serverValues) *settings.Networks { return &p.TrustedProxies },
		`["127.0.0.1", "10.0.0.5"]`, "proxies whose X-Forwarded-* or PROXY headers are trusted; all others are ignored"),
	row("proxy_protocol", truth, func(p *serverValues) *bool { return &p.ProxyProtocol },
		`true`, "the trusted proxies begin each connection with a PROXY header").byDefault(`false`),
	row("limit_repeats", unlessFalse, func(p *serverValues) *bool { return &p.AllowRepeats },
		`false`, "whether a client that keeps repeating the same request gets status 429").byDefault(`true`),
	row("help_page", unlessFalse, func(p *serverValues) *bool { return &p.NoHelpPage },
		`false`, "whether people get a page with their settings at /").byDefault(`true`),
	row("admin", adminAddress, func(p *serverValues) *string { return &p.Admin },
		`"127.0.0.1:8081"`, `address for the admin page, the API, health checks and metrics, never served under customers' names; "" to turn it off`).byDefault(`"127.0.0.1:8081"`),
	row("admin_name", hostName, func(p *serverValues) *string { return &p.AdminName },
		`"admin.hoster.example"`, "host name at which the public listeners have the admin page and the API, by https only; by default only the admin listener has them"),
	row("state_dir", stateDirectory, func(p *serverValues) *string { return &p.StateDir },
		`"/var/lib/mailhint"`, "certificates, the CA's account, and the history of changes; default $STATE_DIRECTORY, or ./state"),
	row("probe", probeInterval, func(p *serverValues) *time.Duration { return &p.Probe },
		`"6h"`, `how often the mail servers are checked, at least "1m"; "0" for never`).byDefault(`"0"`),
	row("probe_private", networkList, func(p *serverValues) *settings.Networks { return &p.ProbePrivate },
		`["10.0.0.0/8"]`, "private networks whose mail servers may be checked too"),
}

// dnsKeys are those of [dns].
var dnsKeys = []key[dnsValues]{
	row("server", nameServer, func(d *dnsValues) *string { return &d.server },
		`"ns1.hoster.example"`, "the name server that takes dynamic updates, with a port unless it is 53"),
	row("key_file", keyFileName, func(d *dnsValues) *string { return &d.keyFile },
		`"mailhint.key"`, "file with the TSIG key, in the format of BIND, which no other user may read"),
	row("zones", zoneList, func(d *dnsValues) *[]zoneValues { return &d.zones },
		`["hoster.example", { name = "firm.example", key_file = "firm.key" }]`, "the zones that may be changed; a table has values of its own").required(),
	row("wildcard", truth, func(d *dnsValues) *bool { return &d.wildcard },
		`true`, `with tls = "acme": one certificate for *.ZONE instead of one for each name directly below the zone`).byDefault(`false`),
}

// zoneKeys are those of a zone written as a table, { name = "…", key_file = "…" }.
var zoneKeys = []key[zoneValues]{
	row("name", zoneName, func(z *zoneValues) *string { return &z.name },
		`"firm.example"`, "the zone").required(),
	row("server", nameServer, func(z *zoneValues) *string { return &z.server },
		`"192.0.2.53"`, "the name server of this zone"),
	row("key_file", keyFileName, func(z *zoneValues) *string { return &z.keyFile },
		`"firm.key"`, "the key of this zone"),
	row("wildcard", optionally, func(z *zoneValues) **bool { return &z.wildcard },
		`true`, "the same for this zone"),
}

// storeKeys are those of [store].
var storeKeys = []key[Store]{
	row("type", oneOf("postgres"), func(s *Store) *string { return &s.Type },
		`"postgres"`, `"postgres": a PostgreSQL database with domains and profiles beside those of the files, for many replicas`).required(),
	row("url", databaseURL, func(s *Store) *string { return &s.URL },
		`"postgres://mailhint@db.hoster.example/mailhint?sslmode=verify-full"`, "how to connect to it, as PostgreSQL's own programs take it, without the password").required(),
	row("password_file", secretFileName, func(s *Store) *string { return &s.PasswordFile },
		`"store.password"`, "file with the password of its user, which no other user may read"),
}

// oidcKeys are those of [oidc].
var oidcKeys = []key[OIDC]{
	row("issuer", issuerURL, func(o *OIDC) *string { return &o.Issuer },
		`"https://login.hoster.example/realms/staff"`, "the identity provider, through which people sign in to the admin page").required(),
	row("client_id", notEmptyOne, func(o *OIDC) *string { return &o.ClientID },
		`"mailhint"`, "the name under which the provider knows mailhint").required(),
	row("client_secret_file", secretFileName, func(o *OIDC) *string { return &o.SecretFile },
		`"oidc.secret"`, "file with the secret that the provider has given mailhint, which no other user may read"),
	row("url", issuerURL, func(o *OIDC) *string { return &o.URL },
		`"https://admin.hoster.example"`, "the admin page as browsers see it; the provider must know this with /sign-in/provider/callback as redirect URI").required(),
	row("title", notEmptyOne, func(o *OIDC) *string { return &o.Title },
		`"Hoster"`, "what the button on the sign-in page calls the provider: \"Sign in with …\"").byDefault(`"the identity provider"`),
	row("scopes", scopeNames, func(o *OIDC) *[]string { return &o.Scopes },
		`["profile", "email", "groups"]`, "scopes requested besides openid").byDefault(`["profile", "email"]`),
	row("claim", notEmptyOne, func(o *OIDC) *string { return &o.Claim },
		`"roles"`, "claim that decides on the role: see [oidc.roles]").byDefault(`"groups"`),
	row("domains_claim", notEmptyOne, func(o *OIDC) *string { return &o.DomainsClaim },
		`"mail_domains"`, "claim that lists the domains of domain admins whose role names none"),
	row("session", sessionTime, func(o *OIDC) *time.Duration { return &o.Session },
		`"1h"`, "after how long the provider is asked again; from 5m to 12h").byDefault(`"30m"`),
}

// oidcRoleKeys are those of [oidc.roles.…].
var oidcRoleKeys = []key[OIDCRole]{
	row("role", oneOf("operator", "domain-admin", "provisioner", "viewer"), func(r *OIDCRole) *string { return &r.Role },
		`"domain-admin"`, `"operator", "domain-admin", "provisioner" or "viewer"`).required(),
	row("domains", recordNames, func(r *OIDCRole) *[]string { return &r.Domains },
		`["firm.example"]`, "the domains that the role is limited to"),
	row("profiles", nameList, func(r *OIDCRole) *[]string { return &r.Profiles },
		`["shared"]`, "the profiles on which a provisioner adds and removes domains"),
}

// topKeys are those outside of any table.
var topKeys = []key[topValues]{
	row("version", formatVersion, func(v *topValues) *int { return &v.version },
		`1`, "version of this format").byDefault(`1`),
	row("include", stringList, func(v *topValues) *[]string { return &v.include },
		`["domains.d/*.toml"]`, "more files of this format; only the main file may have [server] and include"),
}

// Table describes the keys that a table of domains.toml may have.
type Table struct {
	// Name is the table's path, with a * for a part that the admin chooses: "server", "domains.*.rules". It is empty for the keys
	// outside of any table.
	Name string
	Keys []Key
}

// Tables returns all the tables of domains.toml and their keys.
func Tables() []Table {
	common := describe(settingKeys)
	for i := range common {
		if common[i].Name == "editable" {
			common[i].Form.Words = sortedKeys(editableKeys)
		}
	}
	return []Table{
		{"", describe(topKeys)},
		{"server", describe(serverKeys)},
		{"defaults", common},
		{"profiles.*", slices.Concat(describe(profileKeys), common)},
		{"domains.*", slices.Concat(describe(domainKeys), common)},
		{"domains.*.rules", slices.Concat(describe(ruleKeys), common)},
		{"*.oauth2", describe(oauth2Keys)},
		{"*.imap, pop3, smtp or sieve", describe(mailServerKeys)},
		{"*.login", describe(loginTableKeys)},
		{"lookups.*", describe(lookupKeys)},
		{"fallback", describe(fallbackKeys)},
		{"store", describe(storeKeys)},
		{"oidc", describe(oidcKeys)},
		{"oidc.roles.*", describe(oidcRoleKeys)},
		{"dns", describe(dnsKeys)},
		{"dns.zones", describe(zoneKeys)},
	}
}

func describe[S any](keys []key[S]) []Key {
	list := make([]Key, len(keys))
	for i, k := range keys {
		list[i] = k.Key
	}
	return list
}
