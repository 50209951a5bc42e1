package ispdb

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mailhint/autoconfig"
	"mailhint/spelling"
)

// text returns the content of an element without the white space around it.
func (r *reader) text(n *node) string {
	n.textRead = true
	return r.trim(n.line, string(n.text))
}

func (r *reader) trim(line int, s string) string {
	t := strings.TrimSpace(s)
	if t != s {
		r.remark(line, kindSpelling, "the white space around %q is removed: most clients would not understand the value with it", oneLine(t))
	}
	return t
}

// lookUp finds the meaning of a word. Old words and other letter cases are accepted, because their meaning is clear.
func lookUp[T comparable](r *reader, line int, words autoconfig.Words[T], text string) (T, bool) {
	for _, w := range words {
		if w.Spelling == text {
			if w.Old {
				r.remark(line, kindSpelling, "%q is the old spelling of %q, which answers use", text, current(words, w))
			}
			return w.Means, true
		}
	}
	for _, w := range words {
		if strings.EqualFold(w.Spelling, text) {
			r.remark(line, kindSpelling, "%q is read as %q; clients distinguish letter case", text, w.Spelling)
			return w.Means, true
		}
	}
	var none T
	return none, false
}

// current returns the word that replaces an old one.
func current[T comparable](words autoconfig.Words[T], old autoconfig.Word[T]) string {
	for _, w := range words {
		if !w.Old && w.Means == old.Means {
			return w.Spelling
		}
	}
	return old.Spelling
}

// placeholder finds placeholders, including those with a percent sign missing.
var placeholder = regexp.MustCompile(`%[A-Za-z_]{3,}%|%EMAIL[A-Z]*|EMAIL[A-Z]+%`)

// placeholders returns the content of an element that may contain placeholders, with misspelled ones corrected.
func (r *reader) placeholders(n *node, allowed ...string) (string, error) {
	var err error
	text := placeholder.ReplaceAllStringFunc(r.text(n), func(found string) string {
		if slices.Contains(allowed, found) {
			return found
		}
		word := strings.ToUpper(strings.Trim(found, "%"))
		for _, a := range allowed {
			if spelling.Distance(word, strings.Trim(a, "%"), 2) <= 2 {
				r.remark(n.line, kindSpelling, "%q is read as %s", found, a)
				return a
			}
		}
		if err == nil {
			err = fmt.Errorf("unknown placeholder %q in <%s>", oneLine(found), n.name)
		}
		return found
	})
	return text, err
}

// ignored are the elements that are known but have no key in domains.toml, with the kind and the text of the remark.
var ignored = map[string]struct {
	kind kind
	why  string
}{
	"pop3":                     {kindOption, "options for fetching mail over POP3 are ignored: only Thunderbird reads them"},
	"leaveMessagesOnServer":    {kindOption, "options for fetching mail over POP3 are ignored: only Thunderbird reads them"},
	"addThisServer":            {kindOption, "whether Thunderbird adds the server is ignored: it no longer reads this"},
	"useGlobalPreferredServer": {kindOption, "whether Thunderbird uses another submission server is ignored: that is the user's choice"},
	"restriction":              {kindOption, "restrictions to some clients are ignored: no client reads them"},
	"password":                 {kindOption, "passwords are never published"},
	"inputField":               {kindOption, "questions for more than the address are ignored: no client asks them"},
	"enable":                   {kindEnable, "instructions for enabling access by mail clients are ignored; docs could link to them"},
	"instruction":              {kindDocs, "clients do not read this element; if the page is helpful, use it as docs"},
	"clientConfigUpdate":       {kindUpdate, "the URL for updates of the file is ignored: mailhint takes its place"},
}

// unread adds remarks on everything that has not been read.
func (r *reader) unread(n *node) {
	for _, a := range n.attrs {
		if !a.read {
			r.remark(n.line, kindUnknown, "the attribute %s of <%s> is ignored: no client reads it", oneLine(a.name), oneLine(n.name))
		}
	}
	if stray := oneLine(string(n.text)); stray != "" && !n.textRead {
		r.remark(n.line, kindUnknown, "the text %q in <%s> is ignored: no client reads it", stray, oneLine(n.name))
	}
	seen := make(map[string]bool)
	for _, c := range n.children {
		known, ok := ignored[c.name]
		switch {
		case c.read:
			r.unread(c)
		case ok:
			r.remark(c.line, known.kind, "%s%s: %s", element(c), address(c), known.why)
		case seen[c.name]:
			r.remark(c.line, kindUnknown, "a second %s is ignored: clients read the first", element(c))
		default:
			r.remark(c.line, kindUnknown, "%s is ignored: no client reads it", element(c))
		}
		seen[c.name] = seen[c.name] || c.read
	}
}

func element(n *node) string { return "<" + oneLine(n.name) + ">" }

// address returns a space and the URL in an element's attributes, or "".
func address(n *node) string {
	for _, name := range []string{"url", "visiturl"} {
		if url := oneLine(n.attr(name)); url != "" {
			return " " + url
		}
	}
	return ""
}
