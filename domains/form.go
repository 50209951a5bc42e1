package domains

import (
	"regexp"
	"strconv"
	"strings"

	"mailhint/settings"
)

// Form says what values of a key look like, as far as a schema can say it: for editors, which check a file while it is being written. Some
// values that have this form are refused all the same, because only the program can tell what is wrong with them; a value that does not
// have it is never accepted. Regular expressions mean the same in Go and in JavaScript.
type Form struct {
	// Words are the only strings; nil for any.
	Words []string
	// Pattern matches every string; empty for any string.
	Pattern string
	// Except matches no string; empty for no exception.
	Except string
	// MaxLength is in characters; 0 for no limit.
	MaxLength int
	// MinItems is how many elements a list has at least.
	MinItems int
	// Distinct is true if no element of a list may appear twice.
	Distinct bool
	// Min is the smallest number, and Only the only one; 0 for any.
	Min, Only int
	// Required is true if a table without the key is not complete.
	Required bool
}

// Accepts reports whether a string has the form.
func (f Form) Accepts(s string) bool {
	ok := f.MaxLength == 0 || len([]rune(s)) <= f.MaxLength
	if f.Words != nil {
		known := false
		for _, w := range f.Words {
			known = known || w == s
		}
		ok = ok && known
	}
	return ok && (f.Pattern == "" || regexp.MustCompile(f.Pattern).MatchString(s)) &&
		(f.Except == "" || !regexp.MustCompile(f.Except).MatchString(s))
}

// Parts of the regular expressions. The characters of names are those that idna does not refuse outright: beyond ASCII any, because most of
// them are letters, and digits, letters and hyphens.
const (
	nameCharacter   = `[^\x00-\x2c./:-@\[-\x60{-\x7f]`
	nameNoDigit     = `[^\x00-\x2c./0-9:-@\[-\x60{-\x7f]`
	nameDot         = `[.。．｡]`
	domainForm      = nameCharacter + `+(` + nameDot + nameCharacter + `+)*` + nameDot + nameCharacter + `*` + nameNoDigit + nameCharacter + `*` + nameDot + `?`
	domainMarks     = `%(EMAIL|PRIMARY)DOMAIN%`
	hostWithMarks   = `(` + nameCharacter + `|` + nameDot + `)*` + domainMarks + `(` + nameCharacter + `|` + nameDot + `|` + domainMarks + `)*`
	hostForm        = `(` + domainForm + `|` + hostWithMarks + `)`
	portForm        = `0*[1-9][0-9]{0,4}`
	urlCharacter    = `[!"$&-~]`
	escaped         = `%[0-9A-Fa-f]{2}`
	urlEnd          = `([/?](` + urlCharacter + `|%)*)?`
	literalURLEnd   = `([/?](` + urlCharacter + `|` + escaped + `|%([^E-Pe-p]|$))*)?`
	addressDomain   = `[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f]@`
	personMarks     = `%EMAIL(ADDRESS|LOCALPART)%`
	octet           = `(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])`
	ipv4Form        = octet + `(\.` + octet + `){3}`
	ipv6Form        = `[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(%[^/]+)?`
	durationForm    = `\+?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)`
	tooFrequentForm = `^\+?[0-5]?[0-9](\.[0-9]*)?s$`
)

// whole makes a regular expression for whole strings, of alternatives.
func whole(alternatives ...string) string { return "^(" + strings.Join(alternatives, "|") + ")$" }

// The forms of several kinds of values.
var (
	domainNameForm = Form{Pattern: whole(domainForm), Distinct: true}
	networkForm    = Form{
		Pattern: whole(ipv4Form+`(/(3[0-2]|[12]?[0-9]))?`, ipv6Form+`(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?`),
		Except:  `^::[Ff]{4}:`, // IPv4 in IPv6 notation
	}
	loginFormForm   = Form{Pattern: whole(`(` + textCharacters("EMAILADDRESS", "EMAILLOCALPART", "EMAILDOMAIN", "PRIMARYDOMAIN") + `)+`), Except: notShown}
	listenForm      = Form{Pattern: whole(`([^:\[\]]*|\[[^\[\]]*\]):[0-9]{1,5}`)}
	fileForm        = Form{Pattern: `\S`}
	literalLinkForm = Form{Pattern: whole(anyCase("https") + `://(` + domainForm + `)(:` + portForm + `)?` + literalURLEnd)}
)

var (
	authForm     = Form{Words: plainList(settings.Auths).([]string), MinItems: 1, Distinct: true}
	redirectForm = Form{Pattern: whole("", redirectPrefix+strings.Trim(literalLinkForm.Pattern, "^$"))}
)

// notShown matches text that begins or ends with a space, control characters, and placeholders that are not closed.
const notShown = `^ | $|[\x00-\x1f\x7f]|(^|[^%A-Z])%(EMAIL(ADDRESS|LOCALPART|DOMAIN)|PRIMARYDOMAIN)([^%0-9A-Za-z_]|$)`

// shownTextForm is the form of a text that users see.
func shownTextForm(limit int) Form {
	return Form{Pattern: whole(`(` + textCharacters("EMAILDOMAIN", "PRIMARYDOMAIN") + `)*`), Except: notShown + `|  `, MaxLength: limit}
}

// textCharacters is what a text with placeholders consists of: a percent sign begins one of the placeholders, or none at all.
func textCharacters(placeholders ...string) string {
	return `[^%]|%(` + strings.Join(placeholders, "|") + `)%|%([^A-Za-z]|$)|%[A-Za-z][0-9A-Za-z_]?%|` + escaped + `|` +
		`%[0-9A-Za-z_]+([^%0-9A-Za-z_]|$)`
}

// anyCase matches a word in upper or lower case.
func anyCase(word string) string {
	var b strings.Builder
	for _, r := range word {
		if lower, upper := string(r), strings.ToUpper(string(r)); lower != upper {
			b.WriteString("[" + lower + upper + "]")
		} else {
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return b.String()
}

// linkForm is the form of a URL with domain placeholders, or of nothing.
func linkForm(schemes ...string) Form {
	alternatives := []string{""}
	for _, s := range schemes {
		switch scheme := anyCase(s) + ":"; s {
		case "mailto":
			alternatives = append(alternatives, scheme+`[^#]+@`+hostForm+`(\?[^#]*)?`)
		case "tel":
			alternatives = append(alternatives, scheme+`[^#]*[0-9][^#]*`)
		default:
			alternatives = append(alternatives, scheme+`//`+hostForm+`(:`+portForm+`)?`+urlEnd)
		}
	}
	return Form{Pattern: whole(alternatives...), Except: personMarks}
}

// serverForm is the form of a server of a protocol: a host, or a URL whose port fits the scheme.
func serverForm(p settings.Protocol) Form {
	alternatives, wrong := []string{hostForm}, []string{}
	for _, scheme := range settings.Schemes(p) {
		var other []string // ports that are known for something else
		for _, port := range settings.OtherPorts(p, scheme) {
			other = append(other, strconv.Itoa(int(port)))
		}
		name := anyCase(scheme)
		alternatives = append(alternatives, name+`://`+hostForm+`(:`+portForm+`)?`,
			name+anyCase("+anyport")+`://`+hostForm+`:0*(`+strings.Join(other, "|")+`)`)
		wrong = append(wrong, name+`://.*:0*(`+strings.Join(other, "|")+`)`)
	}
	return Form{Pattern: whole(alternatives...), Except: whole(wrong...)}
}

// NamePattern is a regular expression that matches every name of a domain in domains.toml, without the "*." of a wildcard.
func NamePattern() string { return domainNameForm.Pattern }
