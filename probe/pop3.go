package probe

import (
	"regexp"
	"strings"
)

// apopStamp matches the time stamp in the greeting of a POP3 server that offers APOP (RFC 1939 section 7).
var apopStamp = regexp.MustCompile(`<[!-;=?-~]+@[!-;=?-~]*>`)

// pop3Greeting reads the greeting of a POP3 server.
func pop3Greeting(d *dialogue) error {
	line, err := d.greet()
	if err != nil {
		return err
	}
	if word, _ := firstWord(line); word != "+OK" {
		return unexpected("not the greeting of a POP3 server", line)
	}
	d.apop = apopStamp.MatchString(line)
	return nil
}

// pop3Capabilities asks with CAPA (RFC 2449 section 5). A server that does not know the command is old and accepts USER and PASS.
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
		c.addMechanisms("APOP")
	}
	switch word, _ := firstWord(first); word {
	case "-ERR":
		c.addMechanisms("LOGIN")
		return c, nil
	case "+OK":
	default:
		return Capabilities{}, unexpected("not an answer to CAPA", first)
	}
	err = d.lines(func(line string) (bool, error) {
		if line == "." {
			return true, nil
		}
		line = strings.TrimPrefix(line, ".") // a second dot, RFC 1939 section 3
		c.add(line)
		switch word, rest := firstWord(line); word {
		case "SASL":
			c.addMechanisms(strings.Fields(rest)...)
		case "USER":
			c.addMechanisms("LOGIN")
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
	if word, _ := firstWord(line); word != "+OK" {
		return unexpected("the server offers STLS and refuses it", line)
	}
	return nil
}
