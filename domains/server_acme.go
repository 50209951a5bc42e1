package domains

import (
	"net/url"
	"strings"

	"mailhint/settings"
)

// ACME is how certificates are ordered, with TLS "acme" (RFC 8555).
type ACME struct {
	// Email is where the CA may write; empty for nowhere. CAs need none, but some tell about trouble with a certificate.
	Email string
	// CAs are the URLs of the CAs' directories: the first is asked, the next when the one before it fails. Never empty.
	CAs []string
	// Root is a PEM file of authorities that the CAs' own https certificates come from, with an absolute path; empty for the
	// system's. A company's own CA needs it.
	Root string
	// Orders is how many certificates may be ordered in an hour from each account.
	Orders int
}

// knownCAs are those with a name. They give certificates to everybody: a CA that wants an account made by hand first (external
// account binding: ZeroSSL, Google) cannot be used.
var knownCAs = map[string]string{
	"letsencrypt":         "https://acme-v02.api.letsencrypt.org/directory",
	"letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}

const (
	defaultCA = "letsencrypt"
	// defaultOrders is below the limit of Let's Encrypt: 300 orders in 3 hours, refilled one by one.
	defaultOrders = 100
)

// acme reads the keys that begin with acme_.
func (t *table) acme(mode string) ACME {
	a := ACME{CAs: t.acmeCAs(), Orders: defaultOrders}
	if email, ok := t.text("acme_email"); ok {
		if a.Email = email; !isEmail(email) {
			t.fail("acme_email", "%q is no address; write it like \"hostmaster@example.com\", or remove it", email)
		}
	}
	if root, ok := t.text("acme_root"); ok {
		if a.Root = t.absolute(root); strings.TrimSpace(root) == "" {
			t.fail("acme_root", "it is empty; write the PEM file with the CA's own root certificate, or remove it")
		}
	}
	if orders, ok := t.number("acme_orders"); ok {
		if a.Orders = orders; orders < 1 {
			t.fail("acme_orders", "with %d no certificate would ever be ordered; write acme_orders = %d, or remove it", orders, defaultOrders)
		}
	}
	if mode == "acme" {
		return a
	}
	for _, key := range []string{"acme_email", "acme_ca", "acme_root", "acme_orders"} {
		if _, there := t.values[key]; there {
			t.fail(key, "it is only used with tls = \"acme\"; write that, or remove it")
		}
	}
	return ACME{}
}

// acmeCAs reads acme_ca: names or directory URLs, in the order in which they are asked.
func (t *table) acmeCAs() []string {
	list, ok := t.texts("acme_ca")
	if !ok {
		return []string{knownCAs[defaultCA]}
	}
	if len(list) == 0 {
		t.fail("acme_ca", "it is empty, so nobody would be asked for certificates; remove it for Let's Encrypt")
	}
	var cas []string
	seen := make(map[string]bool)
	for i, text := range list {
		ca, known := knownCAs[text]
		if !known {
			if ca = text; !isDirectoryURL(ca) {
				names := sortedKeys(knownCAs)
				t.failElement("acme_ca", i, "%q is no CA; write the https URL of an ACME directory, or one of %s%s", text, quoted(names), didYouMean(text, names))
				continue
			}
		}
		if seen[ca] {
			t.failElement("acme_ca", i, "%q stands there twice; write each CA once", text)
			continue
		}
		seen[ca] = true
		cas = append(cas, ca)
	}
	return cas
}

// isDirectoryURL reports whether a text is the URL of an ACME directory. RFC 8555 section 6.1 wants https.
func isDirectoryURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}

func isEmail(text string) bool {
	a, err := settings.ParseAddress(text)
	return err == nil && a.Plausible()
}
