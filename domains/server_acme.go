package domains

import (
	"net/url"
	"slices"
	"strings"

	"mailhint/settings"
)

// ACME is how certificates are ordered, with TLS "acme" (RFC 8555).
type ACME struct {
	// Email is where the CA may write; empty for nowhere. CAs do not need it, but some report trouble with a certificate.
	Email string
	// CAs are the URLs of the CAs' directories: the first is used, and the next if the one before it fails. Never empty.
	CAs []string
	// Root is a PEM file with the root certificates that the CAs' own https certificates are checked against, with an absolute
	// path; empty for the system's. A company's own CA needs it.
	Root string
	// Orders is how many certificates may be ordered in an hour from each account.
	Orders int
}

// knownCAs are those with a name. They give certificates to everyone: a CA that needs an account made by hand first (external
// account binding: ZeroSSL, Google) cannot be used.
var knownCAs = map[string]string{
	"letsencrypt":         "https://acme-v02.api.letsencrypt.org/directory",
	"letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}

// The kinds of values of the keys that begin with acme_.
var (
	mailAddress   = kind[string]{name: "e-mail address", form: Form{Pattern: whole(`.*[^@]@(` + domainForm + `)`)}, read: readMailAddress, plain: plainText[string]}
	rootFile      = kind[string]{name: "PEM file", form: fileForm, read: readRootFile, plain: plainText[string]}
	ordersPerHour = kind[int]{name: "number", types: "integer", form: Form{Min: 1}, read: readOrders, plain: plainNumber}
	caList        = kind[[]string]{name: "list of CAs", types: "array string", form: caForm, read: readCAs, plain: plainList[string]}
)

// checkACME refuses keys that begin with acme_ where nothing uses them.
func (t *table) checkACME(v *serverValues) {
	if v.TLS == "acme" {
		return
	}
	v.ACME = ACME{}
	for _, k := range serverKeys {
		if strings.HasPrefix(k.Name, "acme_") && t.has(k.Name) {
			t.fail(k.Name, "is used only with tls = \"acme\"; write that, or remove it")
		}
	}
}

// caForm has the names of the CAs that have one, and URLs.
var caForm = Form{Pattern: whole(strings.Join(sortedKeys(knownCAs), "|"), anyCase("https")+`://[^#@]+`), MinItems: 1, Distinct: true}

func readMailAddress(t *table, key string) (string, bool) {
	text, ok := t.text(key)
	if !ok {
		return "", false
	}
	if a, err := settings.ParseAddress(text); err != nil || !a.Plausible() {
		t.fail(key, "%q is not a valid e-mail address; write it like \"hostmaster@example.com\", or remove it", text)
	}
	return text, true
}

func readRootFile(t *table, key string) (string, bool) {
	name, ok := readFileName(t, key)
	if ok && strings.TrimSpace(name) == "" {
		t.fail(key, "is empty; write the PEM file with the CA's own root certificate, or remove it")
	}
	return name, ok
}

// readOrders reads acme_orders. Its default is below the limit of Let's Encrypt: 300 orders in 3 hours, refilled one by one.
func readOrders(t *table, key string) (int, bool) {
	n, ok := t.number(key)
	if ok && n < 1 {
		t.fail(key, "must be at least 1; write %s = 100, or remove it", key)
	}
	return n, ok
}

// readCAs reads names or directory URLs of CAs, in the order in which they are used.
func readCAs(t *table, key string) ([]string, bool) {
	list, ok := t.texts(key)
	if ok && len(list) == 0 {
		t.fail(key, "is empty; remove it to use Let's Encrypt")
	}
	var cas []string
	for i, text := range list {
		ca, known := knownCAs[text]
		if !known {
			if ca = text; !isDirectoryURL(ca) {
				names := sortedKeys(knownCAs)
				t.failElement(key, i, "%q is not a known CA; write the https URL of an ACME directory, or one of %s%s", text, quoted(names), didYouMean(text, names))
				continue
			}
		}
		if slices.Contains(cas, ca) {
			t.failElement(key, i, "%q appears twice; remove one", text)
			continue
		}
		cas = append(cas, ca)
	}
	return cas, ok
}

// isDirectoryURL reports whether a text is the URL of an ACME directory. RFC 8555 section 6.1 wants https.
func isDirectoryURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}
