// Package outlook reads an Autodiscover answer ([MS-OXDSCLI]): the XML file that many web servers have at /autodiscover/autodiscover.xml, or the
// answer that Outlook's test of the e-mail configuration shows. It says how to reach the servers, but not for which domains: those are given, or
// follow from the address in it.
package outlook

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"mailhint/choices"
	"mailhint/domains"
	"mailhint/imports"
	"mailhint/settings"
)

// Read reads a file, for the given domains or, if there are none, that of the address in it. The error is that of imports.ReadFile.
func Read(c *imports.Collection, name string, names []settings.Domain) error {
	text, err := imports.ReadFile(name)
	if err != nil {
		return err
	}
	Parse(c, name, text, names)
	return nil
}

// Parse reads the text of a file.
func Parse(c *imports.Collection, name string, text []byte, names []settings.Domain) {
	file := domains.Position{File: name}
	m := c.NewMail()
	person, places, redirect := look(name, text)
	if names == nil && !person.IsZero() {
		names = []settings.Domain{person.Domain}
	}
	if len(names) == 0 {
		c.Fail(file, "it does not say which domain it is for; name the domain after the file")
		return
	}
	d, err := choices.ReadAutodiscover(text)
	if url, sync := choices.ReadActiveSync(text); sync == nil {
		c.Fail(file, "it only names the ActiveSync server %s, which you can set with activesync", url)
		return
	}
	switch provider := (choices.ProviderError{}); {
	case redirect != "":
		c.Fail(file, "it redirects to %s; import what is there, or redirect with autodiscover = \"redirect:…\"", redirect)
		return
	case errors.As(err, &provider):
		c.Fail(file, "it reports an error instead of settings: %v", err)
		return
	case err != nil:
		c.Fail(file, "it is not an Autodiscover answer with the settings of an account")
		return
	}
	m.Document(append(places, file), d, person)
	if e, ok := m.Entry(file, names); ok {
		c.Add(e)
	}
}

// look finds the address of the person that an answer is for, the places of the servers, and where it redirects to.
func look(name string, text []byte) (person settings.Address, places []domains.Position, redirect string) {
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	element := ""
	for {
		token, err := decoder.Token()
		if err != nil {
			return person, places, redirect
		}
		switch token := token.(type) {
		case xml.StartElement:
			element = token.Name.Local
			if element == "Protocol" {
				line, _ := decoder.InputPos()
				places = append(places, domains.Position{File: name, Line: line})
			}
		case xml.EndElement:
			element = ""
		case xml.CharData:
			content := strings.TrimSpace(string(token))
			switch element {
			case "AutoDiscoverSMTPAddress", "EMailAddress", "LoginName":
				if a, err := settings.ParseAddress(content); err == nil && (person.IsZero() || element != "LoginName") {
					person = a
				}
			case "RedirectUrl", "RedirectURL", "RedirectAddr":
				redirect = content
			}
		}
	}
}
