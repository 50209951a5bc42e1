package doctor

import "net/url"

// caaNames are the names that CAA records use for CAs, by the host of their ACME directory.
var caaNames = map[string]string{
	"acme-v02.api.letsencrypt.org":         "letsencrypt.org",
	"acme-staging-v02.api.letsencrypt.org": "letsencrypt.org",
	"acme.zerossl.com":                     "sectigo.com",
	"dv.acme-v02.api.pki.goog":             "pki.goog",
	"api.buypass.com":                      "buypass.com",
	"acme.ssl.com":                         "ssl.com",
}

// issuersOf returns the names that CAA records use for the CAs with these ACME directories. It returns none if one of them is not
// known, because any record may allow it.
func issuersOf(directories []string) []string {
	var names []string
	for _, directory := range directories {
		u, err := url.Parse(directory)
		if err != nil || caaNames[u.Hostname()] == "" {
			return nil
		}
		names = append(names, caaNames[u.Hostname()])
	}
	return names
}
