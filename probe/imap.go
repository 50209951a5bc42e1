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
	star, rest := cut(line)
	kind, _ := cut(rest)
	switch {
	case star == "*" && kind == "OK":
		return nil
	case star == "*" && kind == "BYE":
		return refuses("it says good-bye at once", line)
	case star == "*" && kind == "PREAUTH": // nobody can log in, and STARTTLS is not allowed any more
		return refuses("it takes everybody for logged in", line)
	}
	return refuses("no greeting of an IMAP server", line)
}

// imapCapabilities asks with CAPABILITY (RFC 9051 section 6.1.1). What a greeting says about them is not enough: it may be left out.
func imapCapabilities(d *dialogue) (Capabilities, error) {
	var c Capabilities
	login, told := true, false
	err := d.imapCommand("a", "CAPABILITY", func(line string) {
		kind, list := cut(line)
		if kind != "CAPABILITY" {
			return
		}
		told = true
		for _, word := range strings.Fields(list) {
			c.add(word)
			upper := strings.ToUpper(word)
			mechanism, isAuth := strings.CutPrefix(upper, "AUTH=")
			switch {
			case isAuth:
				c.mechanism(mechanism)
			case upper == "STARTTLS":
				c.STARTTLS = true
			case upper == "LOGINDISABLED": // section 6.2.3
				login = false
			}
		}
	})
	if err == nil && !told {
		err = fmt.Errorf("%w: it answers CAPABILITY without saying any", ErrProtocol)
	}
	if err != nil {
		return Capabilities{}, err
	}
	if login {
		c.mechanism("LOGIN")
	}
	return c, nil
}

func imapStartTLS(d *dialogue) error { // RFC 9051 section 6.2.1
	return d.imapCommand("b", "STARTTLS", func(string) {})
}

// imapCommand sends a command, and calls use with each untagged answer, without its star.
func (d *dialogue) imapCommand(tag, command string, use func(line string)) error {
	if err := d.begin(tag + " " + command); err != nil {
		return err
	}
	return d.lines(func(line string) (bool, error) {
		first, rest := cut(line)
		kind, _ := cut(rest)
		switch {
		case first == "*" && kind == "BYE":
			return true, refuses("it says good-bye to "+command, line)
		case first == "*":
			use(rest)
			return false, nil
		case strings.EqualFold(first, tag) && kind == "OK":
			return true, nil
		}
		return true, refuses("it refuses "+command, line)
	})
}
