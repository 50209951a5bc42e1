package probe

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"mailhint/untrusted"
)

// sieveGreeting reads the greeting of a ManageSieve server, which is its capabilities (RFC 5804 section 1.7).
func sieveGreeting(d *dialogue) error {
	line, err := d.greet()
	if err != nil {
		return err
	}
	_, err = d.sieveAnswer(line, "not the greeting of a ManageSieve server")
	return err
}

// sieveCapabilities asks with CAPABILITY. After STARTTLS the server should send its capabilities without being asked (section 2.2), but some
// do not: so it is asked, and the first answer is used, whichever it is.
func sieveCapabilities(d *dialogue) (Capabilities, error) { return d.sieveCommand("CAPABILITY") }

func sieveStartTLS(d *dialogue) error {
	_, err := d.sieveCommand("STARTTLS")
	return err
}

func (d *dialogue) sieveCommand(command string) (Capabilities, error) {
	if err := d.begin(command); err != nil {
		return Capabilities{}, err
	}
	line, err := d.line()
	if err != nil {
		return Capabilities{}, err
	}
	return d.sieveAnswer(line, "the server refuses "+command)
}

// sieveAnswer reads capabilities up to the line that ends an answer.
func (d *dialogue) sieveAnswer(first, otherwise string) (Capabilities, error) {
	var c Capabilities
	use := func(line string) (bool, error) {
		switch word, _ := firstWord(line); word {
		case "OK":
			return true, nil
		case "NO", "BYE":
			return true, unexpected(otherwise, line)
		}
		texts, err := d.sieveStrings(line)
		if err != nil {
			return true, err
		}
		if len(texts) == 0 {
			return true, unexpected(otherwise, line)
		}
		c.add(strings.Join(texts, " "))
		switch name := strings.ToUpper(texts[0]); {
		case name == "STARTTLS":
			c.STARTTLS = true
		case name == "SASL" && len(texts) > 1:
			c.addMechanisms(strings.Fields(texts[1])...)
		}
		return false, nil
	}
	done, err := use(first)
	if !done && err == nil {
		err = d.lines(use)
	}
	if err != nil {
		return Capabilities{}, err
	}
	return c, nil
}

// sieveStrings splits a line into its strings, quoted or literal (section 4). It returns none if the line has another form.
func (d *dialogue) sieveStrings(line string) ([]string, error) {
	var texts []string
	for line != "" {
		var text string
		var ok bool
		switch {
		case line[0] == '"':
			text, line, ok = quoted(line[1:])
		case line[0] == '{':
			var err error
			if text, line, err = d.literal(line); err != nil {
				return nil, err
			}
			ok = true
		}
		if !ok {
			return nil, nil
		}
		if len(texts) < maxCapabilities {
			texts = append(texts, text)
		}
		line = strings.TrimLeft(line, " ")
	}
	return texts, nil
}

// quoted reads up to the closing quotation mark.
func quoted(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// literal reads a string whose length is in the line, and the rest of the line after it.
func (d *dialogue) literal(line string) (text, rest string, err error) {
	length, after, _ := strings.Cut(line[1:], "}")
	n, err := strconv.ParseUint(strings.TrimSuffix(length, "+"), 10, 32)
	if err != nil || after != "" || n > maxLine {
		return "", "", fmt.Errorf("%w: string of invalid length: %q", ErrProtocol, untrusted.Clip(line, maxText))
	}
	octets := make([]byte, n)
	if _, err := io.ReadFull(d.in, octets); err != nil {
		return "", "", d.explain(err)
	}
	rest, err = d.line()
	return string(octets), rest, err
}
