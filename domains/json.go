package domains

import (
	"bytes"
	"encoding/json"
	"slices"

	"mailhint/settings"
)

// JSON returns entries as a document for programs: {"version": 1, "entries": [{"kind", "domain", "settings", …}]}. The members of
// settings are named like the keys of domains.toml, except that the servers of all protocols are in one list.
func JSON(entries []Entry) ([]byte, error) {
	document := documentJSON{Version: 1, Entries: []object{}}
	for _, e := range entries {
		document.Entries = append(document.Entries, newEntryJSON(e))
	}
	var text bytes.Buffer
	encoder := newEncoder(&text)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(document)
	return text.Bytes(), err
}

// newEncoder returns an encoder that leaves <, > and & as they are: this JSON is not for HTML.
func newEncoder(text *bytes.Buffer) *json.Encoder {
	encoder := json.NewEncoder(text)
	encoder.SetEscapeHTML(false)
	return encoder
}

type documentJSON struct {
	Version int      `json:"version"`
	Entries []object `json:"entries"`
}

// choiceJSON is a Choice. AllowPlaintext are the only networks that get servers without encryption.
type choiceJSON struct {
	Settings       object `json:"settings"`
	AllowPlaintext any    `json:"allow_plaintext,omitempty"`
}

// ruleJSON is a rule, of which the first that matches wins: for users (addresses and patterns; null for all) in networks (null for
// all).
type ruleJSON struct {
	Users []string          `json:"users"`
	From  settings.Networks `json:"from"`
	choiceJSON
}

// serverJSON is a server. Protocol is its key in domains.toml; security is implicit-tls, starttls or none.
type serverJSON struct {
	Protocol string           `json:"protocol"`
	Host     settings.Pattern `json:"host"`
	Port     uint16           `json:"port"`
	Security string           `json:"security"`
	Login    any              `json:"login"` // as domains.toml spells it
	Auth     []settings.Auth  `json:"auth"`
}

func newServerJSON(protocol string, s settings.Server) serverJSON {
	return serverJSON{protocol, s.Host, s.Port, securityJSON[s.Security], plainLogin(s.Login), s.Auth}
}

var (
	kindJSON     = map[Kind]string{Single: "domain", List: "list", Wildcard: "wildcard", Fallback: "fallback"}
	securityJSON = map[settings.Security]string{settings.ImplicitTLS: "implicit-tls", settings.STARTTLS: "starttls", settings.Plaintext: "none"}
)

// newEntryJSON returns an entry. Its kind says which of the names it has: "domain" with aliases, "list" with domains, "wildcard" (its
// domain is what follows "*."), or "fallback" for every other name, which has mx if it depends on where a name's mail goes.
func newEntryJSON(e Entry) object {
	o := object{{"kind", kindJSON[e.Kind]}}
	switch e.Kind {
	case List:
		o = append(o, plainTable(profileKeys, &profileValues{domains: texts(e.Names)})...)
	case Single, Wildcard:
		o.add("domain", e.Names[0])
	}
	o = append(o, plainTable(domainKeys, e.domainValues())...)
	o.add("enabled", o.cut("enabled")) // after all names
	o = append(o, plainTable(fallbackKeys, &fallbackValues{mx: e.MX})...)
	if e.Disabled {
		return o
	}
	c := newChoiceJSON(e.Choice)
	o.add("settings", c.Settings)
	if c.AllowPlaintext != nil {
		o.add("allow_plaintext", c.AllowPlaintext)
	}
	var rules []ruleJSON
	for _, r := range e.Rules {
		rule := ruleJSON{From: r.From, choiceJSON: newChoiceJSON(r.Choice)}
		if r.HasUsers {
			rule.Users = append([]string{}, r.Users...)
		}
		rules = append(rules, rule)
	}
	if rules != nil {
		o.add("rules", rules)
	}
	return o
}

func newChoiceJSON(c Choice) choiceJSON {
	v := valuesOf(c)
	x := choiceJSON{Settings: plainTable(settingKeys, &v)}
	// Who may know the settings is not part of them.
	x.AllowPlaintext = x.Settings.cut("allow_plaintext")
	return x
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	encoder := newEncoder(&text)
	text.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			text.WriteByte(',')
		}
		if err := encoder.Encode(m.name); err != nil {
			return nil, err
		}
		text.WriteByte(':')
		if err := encoder.Encode(m.value); err != nil {
			return nil, err
		}
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}

// extend adds elements to a list, which may still be missing.
func (o *object) extend(name string, elements ...any) {
	i := slices.IndexFunc(*o, func(m member) bool { return m.name == name })
	if i < 0 {
		i = len(*o)
		o.add(name, []any{})
	}
	(*o)[i].value = append((*o)[i].value.([]any), elements...)
}

// cut removes a member and returns its value; nil if it is not there.
func (o *object) cut(name string) any {
	i := slices.IndexFunc(*o, func(m member) bool { return m.name == name })
	if i < 0 {
		return nil
	}
	value := (*o)[i].value
	*o = slices.Delete(*o, i, i+1)
	return value
}
