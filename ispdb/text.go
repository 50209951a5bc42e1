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
		r.remark(line, kindSpelling, "the white space around %q is removed; most programs would not understand the value with it", oneLine(t))
	}
	return t
}

// lookUp finds the meaning of a word. Old words and other letter cases are understood, because it is clear what is meant.
func lookUp[T comparable](r *reader, line int, words autoconfig.Words[T], text string) (T, bool) {
	for _, w := range words {
		if w.Spelling == text {
			if w.Old {
				r.remark(line, kindSpelling, "%q is an old word; answers say %q", text, current(words, w))
			}
			return w.Means, true
		}
	}
	for _, w := range words {
		if strings.EqualFold(w.Spelling, text) {
			r.remark(line, kindSpelling, "%q is read as %q; programs compare letter by letter", text, w.Spelling)
			return w.Means, true
		}
	}
	var none T
	return none, false
}

// current returns the word that is written for what an old one means.
func current[T comparable](words autoconfig.Words[T], old autoconfig.Word[T]) string {
	for _, w := range words {
		if !w.Old && w.Means == old.Means {
			return w.Spelling
		}
	}
	return old.Spelling
}

// placeholder finds what is meant to be one, also with a percent sign forgotten.
var placeholder = regexp.MustCompile(`%[A-Za-z_]{3,}%|%EMAIL[A-Z]*|EMAIL[A-Z]+%`)

// placeholders returns the content of an element in which placeholders may stand, with misspelt ones put right.
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

// notCarried says of elements that are known but have no place in domains.toml what kind of remark they are and why.
var notCarried = map[string]struct {
	kind kind
	why  string
}{
	"pop3":                     {kindOption, "how to fetch mail over POP3 is not told: Thunderbird alone reads it"},
	"leaveMessagesOnServer":    {kindOption, "how to fetch mail over POP3 is not told: Thunderbird alone reads it"},
	"addThisServer":            {kindOption, "whether Thunderbird adds the server is not told: it does not read it any more"},
	"useGlobalPreferredServer": {kindOption, "whether Thunderbird takes another submission server is not told: that is for the person to choose"},
	"restriction":              {kindOption, "that only some clients may use the server is not told: no program reads it"},
	"password":                 {kindOption, "a password is never told"},
	"inputField":               {kindOption, "asking people for more than their address is not told: no program does it"},
	"enable":                   {kindEnable, "where people must first switch on access for mail programs is not told; docs could lead there"},
	"instruction":              {kindDocs, "it is no element that programs read; if the page is helpful, write it as docs"},
	"clientConfigUpdate":       {kindUpdate, "where the file is updated from is not told: it is mailhint that answers now"},
	"emailProvider":            {kindDomain, "a second provider in one file is not read; give it a file of its own"},
}

// unread remarks on everything that nobody asked for.
func (r *reader) unread(n *node) {
	for _, a := range n.attrs {
		if !a.read {
			r.remark(n.line, kindUnknown, "the attribute %s of <%s> is not told: no program reads it", oneLine(a.name), oneLine(n.name))
		}
	}
	if stray := oneLine(string(n.text)); stray != "" && !n.textRead {
		r.remark(n.line, kindUnknown, "the text %q in <%s> is not told: no program reads it", stray, oneLine(n.name))
	}
	seen := make(map[string]bool)
	for _, c := range n.children {
		known, ok := notCarried[c.name]
		switch {
		case c.read:
			r.unread(c)
		case ok:
			r.remark(c.line, known.kind, "%s%s: %s", element(c), address(c), known.why)
		case seen[c.name]:
			r.remark(c.line, kindUnknown, "a second %s is not told: programs read the first", element(c))
		default:
			r.remark(c.line, kindUnknown, "%s is not told: no program reads it", element(c))
		}
		seen[c.name] = seen[c.name] || c.read
	}
}

func element(n *node) string { return "<" + oneLine(n.name) + ">" }

// address returns the URL that an element names.
func address(n *node) string {
	for _, name := range []string{"url", "visiturl"} {
		if url := oneLine(n.attr(name)); url != "" {
			return " " + url
		}
	}
	return ""
}
