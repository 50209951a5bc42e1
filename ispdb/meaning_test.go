package ispdb

import (
	"encoding/xml"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mailhint/settings"
)

// document is a provider file as encoding/xml reads it: what clients look at, independent of package ispdb.
type document struct {
	Domains  []string       `xml:"emailProvider>domain"`
	Incoming []fileServer   `xml:"emailProvider>incomingServer"`
	Outgoing []fileServer   `xml:"emailProvider>outgoingServer"`
	Docs     []fileDocument `xml:"emailProvider>documentation"`
}

type fileServer struct {
	Type     string   `xml:"type,attr"`
	Hosts    []string `xml:"hostname"`
	Port     string   `xml:"port"`
	Socket   string   `xml:"socketType"`
	Auth     []string `xml:"authentication"`
	Username string   `xml:"username"`
	URL      string   `xml:"url"`
}

type fileDocument struct {
	URL string `xml:"url,attr"`
}

// meaning is what a file means in each aspect that must be preserved.
type meaning map[string][]string

// aspects are the aspects of a file, each with the kinds of remarks that can explain a difference. When a server is left out, so are its
// login and methods.
var aspects = map[string][]kind{
	"domains":       {kindDomain},
	"servers":       {kindServer, kindService, kindSpelling},
	"order":         {kindOrder, kindServer, kindService, kindSpelling},
	"login":         {kindLogin, kindServer, kindService, kindSpelling},
	"auth":          {kindAuth, kindLogin, kindServer, kindService, kindSpelling},
	"documentation": {kindDocs},
}

func meaningOf(tb testing.TB, text []byte) meaning {
	tb.Helper()
	text = []byte(strings.Replace(string(text), `encoding="US-ASCII"`, "", 1)) // encoding/xml only reads UTF-8
	var d document
	if err := xml.Unmarshal(text, &d); err != nil {
		tb.Fatalf("%v in\n%s", err, text)
	}
	m := make(meaning)
	for _, name := range d.Domains {
		if parsed, err := settings.ParseDomain(strings.TrimSpace(name)); err == nil {
			name = string(parsed)
		}
		if !slices.Contains(m["domains"], name) {
			m["domains"] = append(m["domains"], name)
		}
	}
	slices.Sort(m["domains"]) // their order has no meaning
	for _, s := range append(d.Incoming, d.Outgoing...) {
		host := s.URL
		if len(s.Hosts) > 0 {
			host = strings.TrimSpace(s.Hosts[0])
			if !strings.Contains(host, "%") {
				host = strings.ToLower(host)
			}
		}
		id := strings.Join([]string{s.Type, host, strings.TrimSpace(s.Port), strings.TrimSpace(s.Socket)}, " ")
		m["servers"] = append(m["servers"], id)
		m["order"] = append(m["order"], id)
		m["auth"] = append(m["auth"], fmt.Sprint(id, " ", methods(s.Auth)))
		m["login"] = append(m["login"], id+" "+username(s))
	}
	for _, aspect := range []string{"servers", "auth", "login"} {
		slices.Sort(m[aspect]) // the order is a separate aspect
	}
	for _, doc := range d.Docs {
		m["documentation"] = append(m["documentation"], strings.TrimSuffix(doc.URL, "#"))
	}
	return m
}

// methods returns login methods with one word for each meaning (Thunderbird's readFromXML.sys.mjs).
func methods(words []string) []string {
	same := map[string]string{"plain": "password-cleartext", "secure": "password-encrypted", "client-IP-address": "none", "smtp-after-pop": "none"}
	var list []string
	for _, w := range words {
		w = strings.TrimSpace(w)
		if s, ok := same[w]; ok {
			w = s
		}
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}

func username(s fileServer) string {
	name := strings.TrimSpace(s.Username)
	switch {
	case slices.Equal(methods(s.Auth), []string{"none"}): // there is no login
		return ""
	case name == "%EMAILLOCALPART%@%EMAILDOMAIN%":
		return "%EMAILADDRESS%"
	}
	return name
}

// difference is an aspect in which the meanings of two files differ.
type difference struct {
	aspect        string
	before, after []string
}

func (d difference) String() string { return d.aspect }

func (d difference) explained(said map[kind]bool) bool {
	return slices.ContainsFunc(aspects[d.aspect], func(k kind) bool { return said[k] })
}

func compareMeaning(tb testing.TB, before, after []byte) []difference {
	tb.Helper()
	b, a := meaningOf(tb, before), meaningOf(tb, after)
	var differences []difference
	for _, aspect := range []string{"domains", "servers", "order", "login", "auth", "documentation"} {
		if !reflect.DeepEqual(b[aspect], a[aspect]) {
			differences = append(differences, difference{aspect, b[aspect], a[aspect]})
		}
	}
	return differences
}
