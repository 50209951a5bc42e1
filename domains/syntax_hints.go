package domains

import (
	"strings"

	"github.com/BurntSushi/toml"

	"mailhint/untrusted"
)

// syntaxHint adds to the decoder's message what most often has to be changed.
func syntaxHint(e toml.ParseError) string {
	message := e.Message
	if message == "" {
		message = strings.TrimPrefix(e.Error(), "toml: ")
	}
	message = untrusted.Clip(strings.TrimSuffix(message, "."), maxText/4) // it repeats what it could not read
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
