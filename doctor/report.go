package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailhint/settings"
)

// Code names a kind of finding. It never changes its meaning.
type Code string

// The codes: DNS, HTTPS, mail servers, login, and single programs.
const (
	NameMissing    Code = "D01"
	NameElsewhere  Code = "D02"
	WildcardHides  Code = "D04"
	WrongSRV       Code = "D05"
	Disagree       Code = "D06"
	CAAForbids     Code = "D07"
	WebCertificate Code = "H01"
	OtherAnswer    Code = "H02"
	AsksPassword   Code = "H03"
	ChangedAnswer  Code = "H04"
	PortClosed     Code = "M01"
	OtherTLSMode   Code = "M02"
	NoSTARTTLS     Code = "M03"
	Certificate    Code = "M04"
	LoginMethods   Code = "M05"
	DeadIPv6       Code = "M06"
	LoginForm      Code = "L01"
	Thunderbird    Code = "C01"
	Outlook        Code = "C02"
	Apple          Code = "C03"
	ISPDBDiffers   Code = "C04"
)

// Info is what there is to say about a code.
type Info struct {
	Code  Code
	Title string
}

// Codes lists all codes in their order.
var Codes = []Info{
	{NameMissing, "a name is missing"},
	{NameElsewhere, "a name leads to another server"},
	{WildcardHides, "a wildcard record stands in for a missing name"},
	{WrongSRV, "an SRV record is wrong"},
	{Disagree, "two ways of asking give different answers"},
	{CAAForbids, "a CAA record forbids the certificate"},
	{WebCertificate, "the certificate of the web server is not good"},
	{OtherAnswer, "something else answers"},
	{AsksPassword, "somebody asks for a password"},
	{ChangedAnswer, "the answer changed on the way"},
	{PortClosed, "a mail server's port is closed"},
	{OtherTLSMode, "a port speaks the other TLS mode"},
	{NoSTARTTLS, "STARTTLS is not offered"},
	{Certificate, "the certificate of the mail server is not good"},
	{LoginMethods, "the login methods are others"},
	{DeadIPv6, "IPv6 is dead"},
	{LoginForm, "a login that programs get wrong"},
	{Thunderbird, "Thunderbird ends up with something else"},
	{Outlook, "Outlook ends up with something else"},
	{Apple, "Apple Mail cannot be set up"},
	{ISPDBDiffers, "Mozilla's database says something else"},
}

// Title says in a few words what the code means.
func (c Code) Title() string {
	i := slices.IndexFunc(Codes, func(i Info) bool { return i.Code == c })
	if i < 0 {
		return ""
	}
	return Codes[i].Title
}

// Page is the file with the explanation.
func (c Code) Page() string { return "docs/codes/" + string(c) + ".md" }

// Severity is how bad a finding is.
type Severity string

// The severities.
const (
	Problem Severity = "problem" // programs fail, or will
	Warning Severity = "warning" // it works, for most programs or for now
)

// Finding is one thing that is wrong.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Subject is what it is about: a name, a host with a port, a URL.
	Subject string `json:"subject"`
	// Text says what is wrong, in words to act on.
	Text string `json:"text"`
	// Fix says what to do.
	Fix string `json:"fix"`
	// Paste is text to paste where Fix says; it may have several lines, or be empty.
	Paste string `json:"paste"`
	Page  string `json:"page"`
}

// Client is what a mail program would end up with.
type Client struct {
	Name string `json:"name"`
	// Incoming and Outgoing are servers, as "imap.example.com:993 implicit TLS"; empty for none.
	Incoming string `json:"incoming"`
	Outgoing string `json:"outgoing"`
	Login    string `json:"login"`
	// From is where it has them from.
	From string `json:"from"`
	// Works is nil if it could not be found out.
	Works *bool `json:"works"`
	// Why says why it does not work, why it is this and not the best, or what is not known.
	Why string `json:"why"`
}

// fails reports whether it is known that a program does not work.
func (c Client) fails() bool { return c.Works != nil && !*c.Works }

// Report is what was found about a domain.
type Report struct {
	Domain settings.Domain `json:"domain"`
	// Findings in the order of the codes.
	Findings []Finding `json:"findings"`
	// Unchecked says what could not be found out, and why.
	Unchecked []string `json:"unchecked"`
	Clients   []Client `json:"clients"`
	// Took is how long it took, in seconds.
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

// merge makes one finding of those that say the same about several places, and sorts them by code.
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

// blocks puts texts to paste below each other, each once.
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

// union joins two lists, each thing once.
func union(a, b, separator string) string {
	all := strings.Split(a, separator)
	for thing := range strings.SplitSeq(b, separator) {
		if !slices.Contains(all, thing) {
			all = append(all, thing)
		}
	}
	return strings.Join(all, separator)
}

// ParseCodes checks codes, or first letters of codes, and returns them in upper case.
func ParseCodes(list []string) ([]string, error) {
	var all []string
	for _, text := range list {
		start := strings.ToUpper(text)
		switch {
		case text == "":
			return nil, errors.New("a code is empty; write for example D,H01")
		case !slices.ContainsFunc(Codes, func(i Info) bool { return strings.HasPrefix(string(i.Code), start) }):
			return nil, fmt.Errorf("no code begins with %q; write for example D,H01", text)
		}
		all = append(all, start)
	}
	return all, nil
}
