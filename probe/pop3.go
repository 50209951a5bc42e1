package probe

import (
	"regexp"
	"strings"
)

// apopStamp is the time stamp in a greeting with which a POP3 server offers APOP (RFC 1939 section 7).
var apopStamp = regexp.MustCompile(`<[!-;=?-~]+@[!-;=?-~]*>`)

// pop3Greeting reads the greeting of a POP3 server.
func pop3Greeting(d *dialogue) error {
	line, err := d.greet()
	if err != nil {
		return err
	}
	if word, _ := cut(line); word != "+OK" {
		return refuses("no greeting of a POP3 server", line)
	}
	d.apop = apopStamp.MatchString(line)
	return nil
}

// pop3Capabilities asks with CAPA (RFC 2449 section 5). A server that does not know the command is old, and takes USER and PASS.
func pop3Capabilities(d *dialogue) (Capabilities, error) {
	if err := d.begin("CAPA"); err != nil {
		return Capabilities{}, err
	}
	first, err := d.line()
	if err != nil {
		return Capabilities{}, err
	}
	var c Capabilities
	if d.apop {
		c.mechanism("APOP")
	}
	switch word, _ := cut(first); word {
	case "-ERR":
		c.mechanism("LOGIN")
		return c, nil
	case "+OK":
	default:
		return Capabilities{}, refuses("no answer to CAPA", first)
	}
	err = d.lines(func(line string) (bool, error) {
		if line == "." {
			return true, nil
		}
		line = strings.TrimPrefix(line, ".") // a second dot, RFC 1939 section 3
		c.add(line)
		switch word, rest := cut(line); word {
		case "SASL":
			c.mechanism(strings.Fields(rest)...)
		case "USER":
			c.mechanism("LOGIN")
		case "STLS": // RFC 2595 section 4
			c.STARTTLS = true
		}
		return false, nil
	})
	if err != nil {
		return Capabilities{}, err
	}
	return c, nil
}

func pop3StartTLS(d *dialogue) error {
	if err := d.begin("STLS"); err != nil {
		return err
	}
	line, err := d.line()
	if err != nil {
		return err
	}
	if word, _ := cut(line); word != "+OK" {
		return refuses("it offers STLS and refuses it", line)
	}
	return nil
}
