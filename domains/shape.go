package domains

import (
	"strconv"
	"strings"

	"mailhint/settings"
)

// shape collects what Resolved.Shape returns: of each key of a table whether it is set, and of those that resolve looks at, as much as it
// looks at.
type shape struct{ strings.Builder }

func newShape(own *layer, v domainValues) *shape {
	s := new(shape)
	if !v.enabled {
		s.WriteString("disabled ")
	}
	s.keys(own)
	return s
}

// add adds a rule, which may have a profile of its own.
func (s *shape) add(own *layer, profile string) {
	s.WriteString("rule ")
	if profile != "" {
		s.WriteString(strconv.Quote(profile) + " ")
	}
	s.keys(own)
}

func (s *shape) keys(own *layer) {
	at := own.at
	for i := range settingKeys { // it is in the order of these rows
		k := &settingKeys[i]
		if len(at) == 0 || at[0].key != k.Name {
			continue
		}
		at = at[1:]
		s.WriteString(k.Name)
		if k.isService && own.isEmpty(k) || k.Name == "allow_plaintext" && len(own.allowPlaintext) == 0 {
			s.WriteString("=none")
		}
		s.WriteByte(' ')
	}
	s.lookup(own.Login)
	for _, servers := range own.servers {
		for _, server := range servers {
			s.lookup(server.Login)
			if server.Security == settings.Plaintext {
				s.WriteString(server.key + "=plain ")
			}
		}
	}
}

// lookup adds the look-up that a login name refers to.
func (s *shape) lookup(l settings.Login) {
	if name := l.Lookup(); name != "" {
		s.WriteString("lookup=" + strconv.Quote(name) + " ")
	}
}

// isEmpty reports whether a key is set to nothing, which drops what is inherited.
func (l *layer) isEmpty(k *key[values]) bool {
	v := k.plain(&l.values)
	list, isList := v.([]any)
	return v == nil || isList && len(list) == 0
}

func (s *shape) text() string { return strings.TrimSuffix(s.String(), " ") }
