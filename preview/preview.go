// Package preview shows what each kind of client gets for an address: from the configuration, from a running server, and where the two
// differ. How a client goes on after a bad answer and what it makes of a good one is for package doctor to say.
//
// Clients lists the kinds. Client.Answer is what the configuration says, Client.Fetch asks a server as the client would, and Client.Compare
// puts the two side by side. Answers and comparisons can be written as JSON.
package preview

import (
	"errors"
	"fmt"
	"net/http"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/dnsrecords"
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/settings"
)

// Client is a kind of client: one for each format in which answers are given.
type Client struct {
	// Name is a short name for command lines and URLs.
	Name string
	// NeedsAddress is true if there are answers for persons only, and none for a domain alone.
	NeedsAddress bool

	answer func(settings.Found, settings.Address) (Answer, error)
	// request is what the client sends to a web server; nil if it asks DNS.
	request func(settings.Question) settings.Request
	// content takes what is compared out of the body of an answer; nil for the whole.
	content func([]byte) []byte
}

// Clients returns all kinds.
func Clients() []Client {
	return []Client{
		{Name: "thunderbird", answer: autoconfigAnswer, request: autoconfigRequest},
		{Name: "outlook", answer: outlookAnswer, request: outlookRequest},
		{Name: "outlook-json", answer: outlookJSONAnswer, request: outlookJSONRequest},
		{Name: "apple", NeedsAddress: true, answer: appleAnswer, request: appleRequest, content: mobileconfig.Unsigned},
		{Name: "pacc", answer: paccAnswer, request: paccRequest},
		{Name: "srv", answer: srvAnswer},
	}
}

// Named returns the kind with a name, or false if there is none.
func Named(name string) (Client, bool) {
	for _, c := range Clients() {
		if c.Name == name {
			return c, true
		}
	}
	return Client{}, false
}

// Names returns the names of all kinds.
func Names() []string {
	var names []string
	for _, c := range Clients() {
		names = append(names, c.Name)
	}
	return names
}

// ErrNeedsAddress means that a domain alone was given for a client that NeedsAddress.
var ErrNeedsAddress = errors.New("a profile is for one person; give an address instead of a domain")

// Answer returns what the client gets according to the configuration. The address is zero if only the domain is known. The error wraps
// settings.ErrNotExpressible if the client's format cannot express the settings, and is ErrNeedsAddress if it needs an address.
func (c Client) Answer(found settings.Found, a settings.Address) (Answer, error) {
	if c.NeedsAddress && a.IsZero() {
		return Answer{}, ErrNeedsAddress
	}
	answer, err := c.answer(found, a)
	if err != nil {
		return Answer{}, fmt.Errorf("no %s answer for %s: %w", c.Name, found.Domain, err)
	}
	return answer, nil
}

// Answer is what a client gets. For a client that asks DNS, the body holds records in the form of a zone file.
type Answer struct {
	// Status is the status code of HTTP.
	Status int `json:"status"`
	// Location is where a redirect points.
	Location string `json:"location,omitempty"`
	Body     Body   `json:"body,omitempty"`
}

// Body is the body of an answer. In JSON it is a string.
type Body []byte

// MarshalText returns the body as it is.
func (b Body) MarshalText() ([]byte, error) { return b, nil }

// Text returns the body of a good answer, or a line that says what came instead: "302 https://…" or "status 404 Not Found".
func (a Answer) Text() []byte {
	switch {
	case a.Status == http.StatusFound && a.Location != "":
		return fmt.Appendf(nil, "302 %s\n", a.Location)
	case a.Status != http.StatusOK:
		return fmt.Appendf(nil, "status %d %s\n", a.Status, http.StatusText(a.Status))
	}
	return a.Body
}

// document is a good answer, unless there is an error.
func document(body []byte, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: http.StatusOK, Body: body}, nil
}

func autoconfigAnswer(found settings.Found, a settings.Address) (Answer, error) {
	return document(autoconfig.Answer(found, a, false))
}

func autoconfigRequest(q settings.Question) settings.Request {
	return autoconfig.Request(q.Host, q.Address)
}

func outlookAnswer(found settings.Found, a settings.Address) (Answer, error) {
	if found.AutodiscoverRedirect != "" {
		return Answer{Status: http.StatusFound, Location: found.AutodiscoverRedirect}, nil
	}
	body, err := autodiscover.Answer(found, a)
	if errors.Is(err, settings.ErrNotExpressible) {
		err = fmt.Errorf("%w; Outlook gets Autodiscover error 501", err)
	}
	return document(body, err)
}

func outlookRequest(q settings.Question) settings.Request {
	return autodiscover.Request(q.Host, q.Address)
}

func outlookJSONAnswer(found settings.Found, _ settings.Address) (Answer, error) {
	return document(autodiscover.AnswerJSON(found, "AutodiscoverV1"))
}

func outlookJSONRequest(q settings.Question) settings.Request {
	return autodiscover.JSONRequest(q.Host, q.Address)
}

func appleAnswer(found settings.Found, a settings.Address) (Answer, error) {
	return document(mobileconfig.Answer(found, a))
}

func appleRequest(q settings.Question) settings.Request { return mobileconfig.Request(q.Address) }

func paccAnswer(found settings.Found, _ settings.Address) (Answer, error) {
	return document(pacc.Answer(found))
}

func paccRequest(q settings.Question) settings.Request { return pacc.Request(q.Host) }

func srvAnswer(found settings.Found, _ settings.Address) (Answer, error) {
	const ttl = 3600 // seconds
	return document(dnsrecords.Print("zone", found.Domain, dnsrecords.Services(found, ttl)))
}
