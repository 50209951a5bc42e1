package dnsrecords

import "mailhint/settings"

// The labels below a domain at which clients look up SRV records.
const (
	labelAutodiscover = "_autodiscover._tcp" // Outlook and Thunderbird
	labelIMAPS        = "_imaps._tcp"        // mail: RFC 6186 section 3, RFC 8314 section 5.1
	labelIMAP         = "_imap._tcp"
	labelPOP3S        = "_pop3s._tcp"
	labelPOP3         = "_pop3._tcp"
	labelSubmissions  = "_submissions._tcp"
	labelSubmission   = "_submission._tcp"
	labelSieve        = "_sieve._tcp"   // RFC 5804
	labelCalDAV       = "_caldavs._tcp" // RFC 6764
	labelCardDAV      = "_carddavs._tcp"
	labelJMAP         = "_jmap._tcp" // RFC 8620
)

// labelPACC is where clients look up the digest of a PACC document.
const labelPACC = "_ua-auto-config"

// SRVNames returns the names at which clients look up SRV records for a domain.
func SRVNames(d settings.Domain) []string {
	return below(d, labelAutodiscover, labelIMAPS, labelIMAP, labelPOP3S, labelPOP3, labelSubmissions, labelSubmission, labelSieve,
		labelCalDAV, labelCardDAV, labelJMAP)
}

// TXTNames returns the names at which clients look up TXT records for a domain: the digest of its PACC document, and the paths of calendars and
// contacts.
func TXTNames(d settings.Domain) []string { return below(d, labelPACC, labelCalDAV, labelCardDAV) }

func below(d settings.Domain, labels ...string) []string {
	var names []string
	for _, label := range labels {
		names = append(names, label+"."+string(d))
	}
	return names
}
