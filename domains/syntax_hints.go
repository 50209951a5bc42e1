package domains

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"mailhint/untrusted"
)

// syntaxProblem says what the decoder did not accept, and what most often has to be changed.
func syntaxProblem(file, text string, e toml.ParseError) Problem {
	p := Problem{Position: Position{file, e.Position.Line}}
	message := e.Message
	if message == "" {
		message = strings.TrimPrefix(e.Error(), "toml: ")
	}
	if strings.Contains(message, "already been defined") {
		if path, first := firstOf(text, p.Line); first > 0 {
			p.Key, p.Text = spell(path), fmt.Sprintf("is already defined at %s; remove one of them", Position{file, first})
			return p
		}
	}
	p.Text = "is not valid TOML: " + syntaxHint(message, lineOf(text, p.Line))
	return p
}

func lineOf(text string, n int) string {
	for line := range strings.Lines(text) {
		if n--; n == 0 {
			return line
		}
	}
	return ""
}

// syntaxHint adds to the decoder's message what most often has to be changed, or replaces it by that.
func syntaxHint(message, line string) string {
	message = untrusted.Clip(strings.TrimSuffix(message, "."), maxText/4) // it repeats what it could not read
	if i := strings.IndexFunc(line, isOddSpace); i >= 0 {
		r, _ := utf8.DecodeRuneInString(line[i:])
		if strings.Contains(message, fmt.Sprintf("\\u%04x", r)) || strings.ContainsRune(message, r) {
			return fmt.Sprintf("this line has a no-break space or another character that only looks like a space (%U); replace it with an ordinary space", r)
		}
	}
	if strings.Contains(message, "but got ','") {
		if _, rest, _ := strings.Cut(line, ","); strings.TrimSpace(withoutComment(rest[strings.LastIndexByte(rest, ',')+1:])) == "" {
			return "there is a comma at the end of this line; remove it"
		}
		return "there is a comma after the value; write each key on a line of its own, and several values as a list: [\"…\", \"…\"]"
	}
	if strings.ContainsAny(message, "“”„‟‘’‚«»") {
		return message + "; these quotation marks come from a word processor; write straight ones, as in imap = \"imap.example.com\""
	}
	for _, h := range syntaxHints {
		if strings.Contains(message, h.part) {
			return message + "; " + h.hint
		}
	}
	return message
}

// isOddSpace reports whether a character looks like a space, or like nothing, and is not one for TOML.
func isOddSpace(r rune) bool {
	return r != ' ' && (unicode.Is(unicode.Zs, r) || r == '\u200b' || r == '\ufeff' || r == '\u2060')
}

// syntaxHints are for parts of the decoder's messages. The first that matches is used.
var syntaxHints = []struct{ part, hint string }{
	{"already", "write each key and each table once"},
	{"duplicate", "write each key and each table once"},
	{`end table name, but got '\n'`, "close the brackets: [domains.\"example.com\"]"},
	{"end table name", "put quotes around a domain name: [domains.\"example.com\"]"},
	{"expected '.' or '='", "write a key and its value as in imap = \"imap.example.com\""},
	{"expected value", "put quotes around a string, as in imap = \"imap.example.com\""},
	{"bare", "put quotes around a string, as in imap = \"imap.example.com\""},
	{"invalid escape", "write \\\\ for a backslash, or use single quotes"},
	{"cannot contain newlines", "close the quotes on the same line"},
	{"invalid UTF-8", "save the file as UTF-8"},
}
