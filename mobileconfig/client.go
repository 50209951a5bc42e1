package mobileconfig

import (
	"net/url"
	"strings"

	"github.com/smallstep/pkcs7"

	"mailhint/settings"
)

// The paths at which people ask for a profile. Each also takes a POST of a form. The QR codes are images of the link to the profile.
const (
	Path      = "/mobileconfig"
	PNGPath   = Path + "/qr.png"
	SVGPath   = Path + "/qr.svg"
	EmailPath = "/email.mobileconfig" // as links to wdes/mail-autodiscover-autoconfig have it
	ApplePath = "/apple.mobileconfig" // as links to Mailu have it
)

// Host returns the name at which people get the profiles of a domain.
func Host(d settings.Domain) string { return settings.AutoconfigPrefix + string(d) }

// Request returns what a browser sends for an address.
func Request(a settings.Address) settings.Request {
	r := settings.NewRequest(Host(a.Domain), Path, nil)
	r.URL.RawQuery = addressQuery(a)
	return r
}

// Link returns the URL of a person's profile at one of our hosts.
func Link(host string, a settings.Address) string { return link(host, Path, a) }

func link(host, path string, a settings.Address) string {
	return "https://" + host + path + "?" + addressQuery(a)
}

// addressQuery percent-encodes the whole address. A space becomes %20, because a plus sign is read as one here; and nothing but ASCII goes
// into a QR code, since readers guess the character set (zbarimg 0.23 shows a CJK character for ü).
func addressQuery(a settings.Address) string {
	return "emailaddress=" + strings.ReplaceAll(url.QueryEscape(a.String()), "+", "%20")
}

// Unsigned returns the profile inside a signed one, and everything else as it is. Signatures differ each time, so that only what is inside can
// be compared. Whether a signature is good is for the device to say.
func Unsigned(answer []byte) []byte {
	if signed, err := pkcs7.Parse(answer); err == nil {
		return signed.Content
	}
	return answer
}
