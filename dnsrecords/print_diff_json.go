package dnsrecords

import (
	"bytes"
	"encoding/json"

	"mailhint/untrusted"
)

// domainDifferences are DomainDifferences in JSON.
type domainDifferences struct {
	Domain    string   `json:"domain"`
	Publish   []record `json:"publish"`
	Remove    []record `json:"remove"`
	Wildcards []record `json:"wildcards"` // what wildcard records answer in place of records to publish; they can stay
	Error     string   `json:"error,omitempty"`
}

// PrintDifferencesJSON returns the differences of domains as a JSON object. Contents of published records are untrusted.
func PrintDifferencesJSON(all []DomainDifferences) ([]byte, error) {
	var document struct {
		Domains []domainDifferences `json:"domains"`
	}
	document.Domains = []domainDifferences{}
	for _, d := range all {
		out := domainDifferences{Domain: string(d.Domain), Publish: []record{}, Remove: []record{}, Wildcards: []record{}}
		if d.Err != nil {
			out.Error = untrusted.Printable(d.Err.Error())
		}
		for _, difference := range d.Differences {
			into := &out.Publish
			switch {
			case difference.Wildcard:
				into = &out.Wildcards
			case difference.Extra:
				into = &out.Remove
			}
			r := recordOf(difference.Record)
			if difference.Extra {
				r.TTL = nil
			}
			*into = append(*into, r)
		}
		document.Domains = append(document.Domains, out)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(document)
	return b.Bytes(), err
}
