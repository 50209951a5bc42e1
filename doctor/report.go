package doctor

import (
	"slices"
	"strings"

	"mailhint/settings"
)

// Finding is one thing that is wrong.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Subject is the name, host with port, or client concerned.
	Subject string `json:"subject"`
	// Text says what is wrong.
	Text string `json:"text"`
	// Fix says what to do.
	Fix string `json:"fix"`
	// Paste is text to paste where Fix says; it may have several lines, or be empty.
	Paste string `json:"paste"`
	Page  string `json:"page"`
}

// Client is what a mail client would get.
type Client struct {
	Name string `json:"name"`
	// Incoming and Outgoing are servers, as "imap.example.com:993 implicit TLS"; empty for none.
	Incoming string `json:"incoming"`
	Outgoing string `json:"outgoing"`
	Login    string `json:"login"`
	// From is where it gets them from.
	From string `json:"from"`
	// Works is nil if unknown.
	Works *bool `json:"works"`
	// Why says why it does not work, or what is unknown.
	Why string `json:"why"`
}

// fails reports whether the client is known not to work.
func (c Client) fails() bool { return c.Works != nil && !*c.Works }

// Report is what was found about a domain.
type Report struct {
	Domain settings.Domain `json:"domain"`
	// Findings are in the order of the codes.
	Findings []Finding `json:"findings"`
	// Unchecked says what could not be checked, and why.
	Unchecked []string `json:"unchecked"`
	Clients   []Client `json:"clients"`
	// Took is the duration of the examination in seconds.
	Took float64 `json:"took"`
	// Incomplete is true if something in Unchecked may hide a problem, and Reason is the first of it.
	Incomplete bool   `json:"-"`
	Reason     string `json:"-"`
}

// count is the number of findings with a severity.
func (r Report) count(s Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// merge makes one finding of those that say the same about several subjects, and sorts them by code.
func merge(all []Finding) []Finding {
	merged := []Finding{}
	for _, f := range all {
		i := slices.IndexFunc(merged, func(m Finding) bool {
			return m.Code == f.Code && m.Severity == f.Severity && m.Text == f.Text && m.Fix == f.Fix
		})
		if i < 0 {
			merged = append(merged, f)
			continue
		}
		merged[i].Subject = union(merged[i].Subject, f.Subject, ", ")
		merged[i].Paste = blocks(merged[i].Paste, f.Paste)
	}
	slices.SortStableFunc(merged, func(a, b Finding) int { return strings.Compare(string(a.Code), string(b.Code)) })
	return merged
}

// blocks joins texts to paste, each once.
func blocks(texts ...string) string {
	all := ""
	for _, text := range texts {
		switch {
		case all == "":
			all = text
		case text != "" && !strings.Contains("\n"+all+"\n", "\n"+text+"\n"):
			all += "\n" + text
		}
	}
	return all
}

// union joins two lists, each item once.
func union(a, b, separator string) string {
	all := strings.Split(a, separator)
	for item := range strings.SplitSeq(b, separator) {
		if !slices.Contains(all, item) {
			all = append(all, item)
		}
	}
	return strings.Join(all, separator)
}
