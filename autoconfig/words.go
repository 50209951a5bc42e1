package autoconfig

import "mailhint/settings"

// Word is a value of one of the format's enumerations and what it means.
type Word[T comparable] struct {
	Spelling string
	Means    T
	// Old marks words of earlier versions, which some clients and provider files still have and we never write.
	Old bool
}

// Words is an enumeration. Of several words with one meaning, the first is the one we write.
type Words[T comparable] []Word[T]

// Spell returns the word for a meaning, or "" if the format has none.
func (w Words[T]) Spell(meaning T) string {
	for _, word := range w {
		if word.Means == meaning {
			return word.Spelling
		}
	}
	return ""
}

// Meaning returns what a word means. Most clients distinguish case and white space, and so does Meaning.
func (w Words[T]) Meaning(spelling string) (meaning T, known bool) {
	for _, word := range w {
		if word.Spelling == spelling {
			return word.Means, true
		}
	}
	return meaning, false
}

// The types of incomingServers that are named by URL. Section 3 of the draft has activeSync too; its example, and this, is activesync.
const (
	JMAP       = "jmap"
	EWS        = "ews"
	ActiveSync = "activesync"
)

// The enumerations (draft-ietf-mailmaint-autoconfig-06 section 3).
var (
	// IncomingTypes, OutgoingTypes and SetupTypes are the values of the attribute type of incomingServer, outgoingServer and
	// setupServer.
	IncomingTypes = Words[settings.Protocol]{{Spelling: "imap", Means: settings.IMAP}, {Spelling: "pop3", Means: settings.POP3}}
	OutgoingTypes = Words[settings.Protocol]{{Spelling: "smtp", Means: settings.Submission}}
	SetupTypes    = Words[settings.Protocol]{{Spelling: "managesieve", Means: settings.ManageSieve}}

	// SocketTypes are the values of socketType. Thunderbird rejects any other spelling; Evolution and Geary take it for plain text.
	SocketTypes = Words[settings.Security]{
		{Spelling: "SSL", Means: settings.ImplicitTLS},
		{Spelling: "STARTTLS", Means: settings.STARTTLS},
		{Spelling: "plain", Means: settings.Plaintext},
	}

	// Methods are the values of authentication for servers with a host and a port.
	Methods = Words[settings.Auth]{
		{Spelling: "password-cleartext", Means: settings.Password},
		{Spelling: "password-encrypted", Means: settings.PasswordEncrypted},
		{Spelling: "OAuth2", Means: settings.OAuth2Token},
		{Spelling: "GSSAPI", Means: settings.GSSAPI},
		{Spelling: "NTLM", Means: settings.NTLM},
		{Spelling: "TLS-client-cert", Means: settings.ClientCert},
		{Spelling: "none", Means: settings.NoAuth},
		{Spelling: "plain", Means: settings.Password, Old: true},
		{Spelling: "secure", Means: settings.PasswordEncrypted, Old: true},
		{Spelling: "OAuth", Means: settings.OAuth2Token, Old: true},
		{Spelling: "client-IP-address", Means: settings.NoAuth, Old: true}, // Thunderbird: no login, like none
		{Spelling: "smtp-after-pop", Means: settings.NoAuth, Old: true},    // the same
	}

	// URLMethods are the values of authentication for services named by URL. The other login methods have no word there.
	URLMethods = Words[settings.Auth]{
		{Spelling: "Basic", Means: settings.Password},
		{Spelling: "Digest", Means: settings.PasswordEncrypted},
		{Spelling: "OAuth2", Means: settings.OAuth2Token},
		{Spelling: "http-basic", Means: settings.Password, Old: true},
		{Spelling: "http-digest", Means: settings.PasswordEncrypted, Old: true},
	}
)
