package probe

import (
	"fmt"
	"strings"
)

// imapGreeting reads the greeting of an IMAP server (RFC 9051 section 7.1).
func imapGreeting(d *dialogue) error {
	line, err := d.greet()
	if err != nil {
		return err
	}
	asterisk, rest := firstWord(line)
	kind, _ := firstWord(rest)
	switch {
	case asterisk == "*" && kind == "OK":
		return nil
	case asterisk == "*" && kind == "BYE":
		return unexpected("the server closes the connection at once", line)
	case asterisk == "*" && kind == "PREAUTH": // the connection is logged in already: no login and no STARTTLS is possible
		return unexpected("the server considers every client logged in", line)
	}
	return unexpected("not the greeting of an IMAP server", line)
}

// imapCapabilities asks with CAPABILITY (RFC 9051 section 6.1.1). The greeting may contain capabilities, but need not.
func imapCapabilities(d *dialogue) (Capabilities, error) {
	var c Capabilities
	login, answered := true, false
	err := d.imapCommand("a", "CAPABILITY", func(line string) {
		kind, list := firstWord(line)
		if kind != "CAPABILITY" {
			return
		}
		answered = true
		for _, word := range strings.Fields(list) {
			c.add(word)
			upper := strings.ToUpper(word)
			mechanism, isAuth := strings.CutPrefix(upper, "AUTH=")
			switch {
			case isAuth:
				c.addMechanisms(mechanism)
			case upper == "STARTTLS":
				c.STARTTLS = true
			case upper == "LOGINDISABLED": // section 6.2.3
				login = false
			}
		}
	})
	if err == nil && !answered {
		err = fmt.Errorf("%w: no capabilities in the answer to CAPABILITY", ErrProtocol)
	}
	if err != nil {
		return Capabilities{}, err
	}
	if login {
		c.addMechanisms("LOGIN")
	}
	return c, nil
}

func imapStartTLS(d *dialogue) error { // RFC 9051 section 6.2.1
	return d.imapCommand("b", "STARTTLS", func(string) {})
}

// imapCommand sends a command, and calls use with each untagged answer without its asterisk.
func (d *dialogue) imapCommand(tag, command string, use func(line string)) error {
	if err := d.begin(tag + " " + command); err != nil {
		return err
	}
	return d.lines(func(line string) (bool, error) {
		first, rest := firstWord(line)
		kind, _ := firstWord(rest)
		switch {
		case first == "*" && kind == "BYE":
			return true, unexpected("the server closes the connection after "+command, line)
		case first == "*":
			use(rest)
			return false, nil
		case strings.EqualFold(first, tag) && kind == "OK":
			return true, nil
		}
		return true, unexpected("the server refuses "+command, line)
	})
}
