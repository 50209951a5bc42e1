package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/smallstep/pkcs7"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/dnsrecords"
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/settings"
)

// reader is a kind of program that show can stand in for.
type reader struct {
	name string
	// answer is what the program gets according to the configuration.
	answer func(settings.Found, settings.Address) ([]byte, error)
	// ask is how the program asks a server for it; nil if it does not ask one.
	ask func(settings.Question) request
	// content takes the answer out of what a server sent, if that is more.
	content func([]byte) []byte
}

// request is what differs between the requests of programs.
type request struct {
	method string // GET if empty
	prefix string // of the host name
	path   string
	query  url.Values
	body   string
}

var readers = []reader{
	{name: "thunderbird", answer: autoconfigAnswer, ask: askAutoconfig},
	{name: "outlook", answer: outlookAnswer, ask: askOutlook},
	{name: "outlook-json", answer: outlookJSONAnswer, ask: askOutlookJSON},
	{name: "apple", answer: appleAnswer, ask: askApple, content: unsigned},
	{name: "pacc", answer: paccAnswer, ask: askPACC},
	{name: "srv", answer: srvAnswer},
	{name: "human", answer: humanAnswer},
}

func readerNames() string {
	names := make([]string, len(readers))
	for i, r := range readers {
		names[i] = r.name
	}
	return strings.Join(names, ", ")
}

func readerOf(name string) (reader, error) {
	for _, r := range readers {
		if r.name == name {
			return r, nil
		}
	}
	return reader{}, fmt.Errorf("unknown program %q; --for takes %s", name, readerNames())
}

func autoconfigAnswer(found settings.Found, a settings.Address) ([]byte, error) {
	return autoconfig.Answer(found, a, false)
}

func askAutoconfig(q settings.Question) request {
	r := request{prefix: "autoconfig.", path: "/mail/config-v1.1.xml"}
	if !q.Address.IsZero() {
		r.query = url.Values{"emailaddress": {q.Address.String()}}
	}
	return r
}

func outlookAnswer(found settings.Found, a settings.Address) ([]byte, error) {
	if found.AutodiscoverRedirect != "" {
		return redirected(found.AutodiscoverRedirect), nil
	}
	answer, err := autodiscover.Answer(found, a)
	if errors.Is(err, autodiscover.ErrNothing) {
		err = fmt.Errorf("%s: %w; Outlook gets error 501. It knows password and NTLM logins only", found.Domain, err)
	}
	return answer, err
}

func askOutlook(q settings.Question) request {
	r := request{prefix: "autodiscover.", path: autodiscover.Path}
	if !q.Address.IsZero() {
		r.method, r.body = http.MethodPost, string(autodiscover.Request(q.Host, q.Address).Body)
	}
	return r
}

func outlookJSONAnswer(found settings.Found, _ settings.Address) ([]byte, error) {
	return autodiscover.AnswerJSON(found, "AutodiscoverV1")
}

func askOutlookJSON(q settings.Question) request {
	a := q.Address
	if a.IsZero() {
		a = settings.Address{Local: "somebody", Domain: q.Host}
	}
	return request{prefix: "autodiscover.", path: autodiscover.JSONPath, query: url.Values{"Email": {a.String()}, "Protocol": {"AutodiscoverV1"}}}
}

func appleAnswer(found settings.Found, a settings.Address) ([]byte, error) {
	if a.IsZero() {
		return nil, exitError{exitUsage, errors.New("a profile is for a person; give an address instead of a domain")}
	}
	return mobileconfig.Answer(found, a)
}

func askApple(q settings.Question) request {
	return request{prefix: "autoconfig.", path: mobileconfig.Path, query: url.Values{"emailaddress": {q.Address.String()}}}
}

// unsigned takes a profile out of its signature, which is another one each time. Whether the signature is good is for the device
// to say.
func unsigned(answer []byte) []byte {
	if signed, err := pkcs7.Parse(answer); err == nil {
		return signed.Content
	}
	return answer
}

func paccAnswer(found settings.Found, _ settings.Address) ([]byte, error) { return pacc.Answer(found) }

func askPACC(settings.Question) request {
	return request{prefix: "ua-auto-config.", path: pacc.Path}
}

func srvAnswer(found settings.Found, _ settings.Address) ([]byte, error) {
	const anHour = 3600
	return dnsrecords.Print("zone", found.Domain, dnsrecords.Services(found, anHour))
}

// redirected is how show prints a redirect, of a server or of the configuration.
func redirected(target string) []byte { return fmt.Appendf(nil, "302 %s\n", target) }
