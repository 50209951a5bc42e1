package sql

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"mailhint/logins"
	"mailhint/settings"
)

// statement is a query with parameters.
type statement struct {
	text   string
	values []func(logins.Question) string // of the parameters
}

var into = regexp.MustCompile(`(?i)\binto\b`)

// placeholders are replaced by parameters.
var placeholders = map[string]func(logins.Question) string{
	settings.EmailAddress:   func(q logins.Question) string { return q.Address.String() },
	settings.EmailLocalPart: func(q logins.Question) string { return q.Address.Local },
	settings.EmailDomain:    func(q logins.Question) string { return string(q.Address.Domain) },
	settings.PrimaryDomain:  func(q logins.Question) string { return string(q.Primary) },
}

func (s statement) args(q logins.Question) []any {
	var args []any
	for _, value := range s.values {
		args = append(args, value(q))
	}
	return args
}

// newStatement makes a statement of a query, in which placeholders stand where a value may. They may not be in quotes, where they would be part of a
// text and not a parameter.
func newStatement(query string, d dialect) (statement, error) {
	first := strings.ToUpper(strings.TrimSpace(query))
	if !strings.HasPrefix(first, "SELECT") && !strings.HasPrefix(first, "WITH") {
		return statement{}, errors.New("query must begin with SELECT or WITH")
	}
	query = strings.TrimRight(strings.TrimSpace(query), "; \n\t")
	var s statement
	var text, bare strings.Builder // bare is without what is quoted
	for rest := query; rest != ""; {
		name, quoted := placeholderAt(rest), quotedAt(rest, d.dollars)
		switch {
		case name != "":
			s.values = append(s.values, placeholders[name])
			text.WriteString(d.parameter(len(s.values)))
			rest = rest[len(name):]
		case quoted != "":
			for name := range placeholders {
				if strings.Contains(quoted, name) {
					return statement{}, fmt.Errorf("query has %s in quotes or in a comment; write it without quotes: it is a parameter, as in address = %[1]s", name)
				}
			}
			text.WriteString(quoted)
			rest = rest[len(quoted):]
		case rest[0] == ';':
			return statement{}, errors.New("query has several statements; write one")
		case rest[0] == '?' && d.parameter(1) == "?", rest[0] == '$' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
			return statement{}, fmt.Errorf("query has a parameter of its own; write %s, or one of the other placeholders", settings.EmailAddress)
		default:
			text.WriteByte(rest[0])
			bare.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	if into.MatchString(bare.String()) { // a file can be written in a read-only transaction
		return statement{}, errors.New("query has INTO, and must not write anything; select the login name")
	}
	s.text = text.String()
	return s, nil
}

func placeholderAt(text string) string {
	for name := range placeholders {
		if strings.HasPrefix(text, name) {
			return name
		}
	}
	return ""
}

// quotedAt returns the quoted text or comment at the beginning of a text, to its end; "" if there is none. It is cautious rather than exact: where
// databases differ about an end, the text is longer.
func quotedAt(text string, dollars bool) string {
	to := func(end string) string {
		if i := strings.Index(text[1:], end); i >= 0 {
			return text[:1+i+len(end)]
		}
		return text
	}
	switch {
	case text[0] == '\'' || text[0] == '"' || text[0] == '`':
		return to(text[:1])
	case strings.HasPrefix(text, "--"), text[0] == '#' && !dollars:
		return to("\n")
	case strings.HasPrefix(text, "/*"):
		return to("*/")
	case dollars && strings.HasPrefix(text, "$$"):
		return to("$$")
	}
	return ""
}
