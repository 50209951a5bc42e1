package mobileconfig

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"mailhint/settings"
	"mailhint/texts"
)

// Payload is the beginning of the profile and of each of its parts (CommonPayloadKeys).
//
// The profile's identifier decides what it replaces on the device, and a part with the same identifier and UUID as before is updated in
// place. Both are therefore derived from the address alone, so that a second download does not create a second account.
//
// It is exported because the library ignores embedded types that are not.
type Payload struct {
	PayloadType        string
	PayloadVersion     int
	PayloadIdentifier  string
	PayloadUUID        string
	PayloadDisplayName string
}

// profile is the whole file (TopLevel).
type profile struct {
	Payload
	PayloadDescription  string // shown before the person installs it, like the names: a name is what the domain's owner calls it
	PayloadOrganization string
	PayloadContent      []any
}

// mail is com.apple.mail.managed. IncomingPassword and OutgoingPassword exist but are never sent; EmailAccountName is the person's name,
// which mailhint does not know.
//
// OS X of 2013 is said to build an address from the user name and the host name instead of reading EmailAddress (netfuture.ch, "Dealing
// with Apple mobileconfig configuration profiles quirks"). Domains where people log in with the whole address are not affected.
type mail struct {
	Payload
	EmailAccountDescription string
	EmailAccountType        string
	EmailAddress            string

	IncomingMailServerAuthentication string
	IncomingMailServerHostName       string
	IncomingMailServerPortNumber     uint16
	// IncomingMailServerUseSSL is true for STARTTLS as well, which has no key of its own. automx2 does the same for 143 and 587, mox
	// sends false there; this has not been tried with a device. False could make it log in without encryption, true cannot.
	IncomingMailServerUseSSL bool
	// IncomingMailServerUsername is left out rather than empty: only then does the device ask for it. Mailu sends empty ones.
	IncomingMailServerUsername string `plist:",omitempty"`

	OutgoingMailServerAuthentication string
	OutgoingMailServerHostName       string
	// OutgoingMailServerPortNumber is needed: without it the device tries 25 first, where clients are refused (mox issue 328).
	OutgoingMailServerPortNumber uint16
	OutgoingMailServerUseSSL     bool
	OutgoingMailServerUsername   string `plist:",omitempty"`

	// OutgoingPasswordSameAsIncomingPassword makes the device ask for the password once instead of twice.
	OutgoingPasswordSameAsIncomingPassword bool
}

// calendar is com.apple.caldav.account.
//
// It has no CalDAVPrincipalURL, because that is the person's own URL, which mailhint does not know. macOS 10.12 fails if it is another URL
// (mail-in-a-box pull request 1402), and Apple's clients request /.well-known/caldav from the host anyway (nextcloud/server pull request
// 10068 in 2018, RustiCal issue 98 in 2025). That must therefore redirect to the calendars, as RFC 6764 section 5 requires.
type calendar struct {
	Payload
	CalDAVAccountDescription string
	CalDAVHostName           string
	CalDAVPort               int
	CalDAVUseSSL             bool
	CalDAVUsername           string `plist:",omitempty"`
}

// contacts is com.apple.carddav.account. What is said about calendar applies here; macOS does not even know CardDAVPrincipalURL.
type contacts struct {
	Payload
	CardDAVAccountDescription string
	CardDAVHostName           string
	CardDAVPort               int
	CardDAVUseSSL             bool
	CardDAVUsername           string `plist:",omitempty"`
}

func newProfile(found settings.Found, a settings.Address, t *texts.Printer) (*profile, error) {
	if !a.Plausible() {
		return nil, ErrAddress
	}
	if a.Domain != found.Domain {
		return nil, ErrOtherDomain
	}
	incoming, err := chooseIncoming(found.Settings)
	if err != nil {
		return nil, err
	}
	outgoing, err := choose(found.Outgoing())
	if err != nil {
		return nil, err
	}
	n := newNames(found, a)
	p := &profile{
		Payload:             n.payload("", "Configuration", n.name),
		PayloadOrganization: expand(found.ShortName, found),
		PayloadContent:      []any{newMail(n, incoming, outgoing, t)},
	}
	if p.PayloadOrganization == "" {
		p.PayloadOrganization = n.name
	}
	account, hasCalendar := newAccount(found.CalDAV, n)
	if hasCalendar {
		p.PayloadContent = append(p.PayloadContent, calendar{
			n.payload("caldav", "com.apple.caldav.account", t.Text("profile.calendars", "address", n.address)),
			n.name, account.host, account.port, true, account.login,
		})
	}
	account, hasContacts := newAccount(found.CardDAV, n)
	if hasContacts {
		p.PayloadContent = append(p.PayloadContent, contacts{
			n.payload("carddav", "com.apple.carddav.account", t.Text("profile.contacts", "address", n.address)),
			n.name, account.host, account.port, true, account.login,
		})
	}
	p.PayloadDescription = t.Join(
		t.Text(descriptions[contents{hasCalendar, hasContacts}], "address", n.address),
		t.Text("profile.servers", "domain", string(found.Domain), "incoming", expand(incoming.Host, found), "outgoing", expand(outgoing.Host, found)),
		password(found, t))
	return p, nil
}

// contents is what a profile sets up besides mail.
type contents struct{ calendars, contacts bool }

// descriptions are the keys of what people read before they install a profile.
var descriptions = map[contents]string{
	{false, false}: "profile.description",
	{true, false}:  "profile.description_calendars",
	{false, true}:  "profile.description_contacts",
	{true, true}:   "profile.description_all",
}

// password is what the description says about the password that the device asks for next.
func password(found settings.Found, t *texts.Printer) string {
	hint := t.Join(expand(found.PasswordHint, found), expand(found.PasswordURL, found))
	if hint == "" {
		return ""
	}
	return t.Text("profile.password", "hint", hint)
}

func newMail(n names, incoming, outgoing settings.Server, t *texts.Printer) mail {
	kind := "EmailTypeIMAP"
	if incoming.Protocol == settings.POP3 {
		kind = "EmailTypePOP"
	}
	return mail{
		Payload:                 n.payload("mail", "com.apple.mail.managed", t.Text("profile.mail", "address", n.address)),
		EmailAccountDescription: n.name,
		EmailAccountType:        kind,
		EmailAddress:            n.address,

		IncomingMailServerAuthentication: emailAuth(incoming),
		IncomingMailServerHostName:       expand(incoming.Host, n.found),
		IncomingMailServerPortNumber:     incoming.Port,
		IncomingMailServerUseSSL:         incoming.Security != settings.Plaintext,
		IncomingMailServerUsername:       n.login(incoming.Login),

		OutgoingMailServerAuthentication: emailAuth(outgoing),
		OutgoingMailServerHostName:       expand(outgoing.Host, n.found),
		OutgoingMailServerPortNumber:     outgoing.Port,
		OutgoingMailServerUseSSL:         outgoing.Security != settings.Plaintext,
		OutgoingMailServerUsername:       n.login(outgoing.Login),

		OutgoingPasswordSameAsIncomingPassword: n.login(incoming.Login) == n.login(outgoing.Login),
	}
}

// account is a service with an https URL, in the parts that profiles have.
type account struct {
	host  string
	port  int
	login string
}

// newAccount reports false if the service is not offered, or does not accept a password.
func newAccount(service settings.Pattern, n names) (account, bool) {
	passwords := []settings.Auth{settings.Password, settings.PasswordEncrypted} // HTTP Basic or Digest, whichever the server requests
	if service == "" || !slices.ContainsFunc(n.found.Auth, func(a settings.Auth) bool { return slices.Contains(passwords, a) }) {
		return account{}, false
	}
	u, err := url.Parse(expand(service, n.found))
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return account{}, false // domains.toml does not allow such a URL
	}
	c := account{host: u.Hostname(), port: 443, login: n.login(n.found.Login)}
	if port, err := strconv.Atoi(u.Port()); err == nil {
		c.port = port
	}
	return c, true
}

// names are what the parts of a person's profile have in common.
type names struct {
	found      settings.Found
	person     settings.Address
	address    string
	name       string    // the provider's
	identifier string    // the profile's
	space      uuid.UUID // of the UUIDs
}

func newNames(found settings.Found, a settings.Address) names {
	n := names{
		found: found, person: a, address: a.String(),
		name:  expand(found.Name, found),
		space: uuid.NewSHA1(uuid.NameSpaceDNS, []byte(a.Domain)),
	}
	if n.name == "" {
		n.name = string(found.Domain)
	}
	labels := strings.Split(string(a.Domain), ".")
	slices.Reverse(labels)
	n.identifier = strings.Join(labels, ".") + ".mailsetup." + n.token()
	return n
}

// token returns the last part of the profile's identifier, which is different for each address of a domain: the local part if it is
// suitable, else the profile's UUID, which is longer than any suitable local part. With dots allowed, an address of mailsetup.example.com
// could get the identifier of one of example.com.
func (n names) token() string {
	local := strings.ToLower(n.person.Local)
	id := n.uuid("profile")
	if len(local) >= len(id) || strings.ContainsFunc(local, notInToken) {
		return id
	}
	return local
}

func notInToken(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-", r)
}

// uuid returns the version-5 UUID (RFC 9562 section 5.5) of a part of the profile, in capitals as Apple writes it.
func (n names) uuid(kind string) string {
	return strings.ToUpper(uuid.NewSHA1(n.space, []byte(kind+":"+strings.ToLower(n.address))).String())
}

// payload returns the beginning of a part of the profile, or of the profile itself if kind is empty.
func (n names) payload(kind, payloadType, name string) Payload {
	p := Payload{PayloadType: payloadType, PayloadVersion: 1, PayloadIdentifier: n.identifier, PayloadDisplayName: name}
	if kind == "" {
		p.PayloadUUID = n.uuid("profile")
		return p
	}
	p.PayloadIdentifier += "." + kind
	p.PayloadUUID = n.uuid(kind)
	return p
}

func (n names) login(l settings.Login) string {
	return n.found.LoginName(l, n.person)
}

func expand(p settings.Pattern, found settings.Found) string {
	return p.Expand(string(found.Domain), string(found.Primary))
}
