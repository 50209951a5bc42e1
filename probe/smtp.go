package probe

import "strings"

// smtpGreeting reads the greeting of an SMTP server (RFC 5321 section 4.2).
func smtpGreeting(d *dialogue) error {
	line, err := d.greet()
	if err != nil {
		return err
	}
	_, err = d.smtpAnswer(line, "220", "not the greeting of an SMTP server")
	return err
}

// smtpCapabilities asks with EHLO (RFC 5321 section 4.1.1.1). As our own name it sends the address literal that Thunderbird sends too,
// which reveals nothing and is not looked up.
func smtpCapabilities(d *dialogue) (Capabilities, error) {
	var c Capabilities
	if err := d.begin("EHLO [127.0.0.1]"); err != nil {
		return c, err
	}
	line, err := d.line()
	if err != nil {
		return c, err
	}
	lines, err := d.smtpAnswer(line, "250", "the server refuses EHLO")
	if err != nil {
		return c, err
	}
	for _, line := range lines[1:] { // the first is the server's name
		c.add(line)
		upper := strings.ToUpper(line)
		if list, old := strings.CutPrefix(upper, "AUTH="); old { // before RFC 2554, still sent for old clients
			upper = "AUTH " + list
		}
		switch word, rest := firstWord(upper); word {
		case "AUTH":
			c.addMechanisms(strings.Fields(rest)...)
		case "STARTTLS": // RFC 3207
			c.STARTTLS = true
		}
	}
	return c, nil
}

func smtpStartTLS(d *dialogue) error {
	if err := d.begin("STARTTLS"); err != nil {
		return err
	}
	line, err := d.line()
	if err != nil {
		return err
	}
	_, err = d.smtpAnswer(line, "220", "the server offers STARTTLS and refuses it")
	return err
}

// smtpAnswer reads the rest of an answer, which continues while a hyphen follows the code, and returns its lines without the code.
func (d *dialogue) smtpAnswer(first, code, otherwise string) ([]string, error) {
	var texts []string
	use := func(line string) (bool, error) {
		if len(line) < 3 || line[:3] != code || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
			return true, unexpected(otherwise, line)
		}
		texts = append(texts, line[min(4, len(line)):])
		return len(line) == 3 || line[3] == ' ', nil
	}
	if done, err := use(first); done || err != nil {
		return texts, err
	}
	return texts, d.lines(use)
}
