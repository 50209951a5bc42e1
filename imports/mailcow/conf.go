package mailcow

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mailhint/edits"
)

// conf is what mailcow.conf says about the servers.
type conf struct {
	host   string
	ports  map[string]string // by variable
	noSOGo bool
}

// parseConf reads mailcow.conf; false for another text. Passwords in it are skipped.
func parseConf(text string) (*conf, bool) {
	c := &conf{ports: make(map[string]string)}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		switch {
		case name == "MAILCOW_HOSTNAME":
			c.host = value
		case name == "SKIP_SOGO":
			c.noSOGo = slices.Contains([]string{"y", "Y", "yes", "YES"}, value)
		case strings.HasSuffix(name, "_PORT"):
			c.ports[name] = value[strings.LastIndexByte(value, ':')+1:] // it may have an address before it
		}
	}
	return c, c.host != ""
}

// services are mail servers, with the variables of their ports and what these usually are.
var services = []struct {
	key   string
	ports []port
}{
	{"imap", []port{{"IMAPS_PORT", "imaps", 993}, {"IMAP_PORT", "imap", 143}}},
	{"pop3", []port{{"POPS_PORT", "pop3s", 995}, {"POP_PORT", "pop3", 110}}},
	{"smtp", []port{{"SMTPS_PORT", "submissions", 465}, {"SUBMISSION_PORT", "submission", 587}}},
	{"sieve", []port{{"SIEVE_PORT", "sieve", 4190}}},
}

type port struct {
	variable, scheme string
	usual            int
}

// ErrHost means that it is not known which host the servers are on.
var ErrHost = errors.New("the host name of mailcow is not known; add mailcow.conf to the files, or write imap=… and smtp=…, or profile=…")

// values returns what all domains get: what the admin says, and otherwise what mailcow has.
func (c *conf) values(own []edits.Assignment) (edits.Values, error) {
	has := func(key string) bool {
		return slices.ContainsFunc(own, func(a edits.Assignment) bool { return a.Path[0] == key && a.Value != nil })
	}
	if has("profile") || c.host == "" && has("imap") && has("smtp") {
		return edits.NewValues(own)
	}
	if c.host == "" {
		return nil, ErrHost
	}
	var arguments []string
	for _, s := range services {
		arguments = append(arguments, s.key+"="+c.server(s.ports))
	}
	if !c.noSOGo {
		web := "https://" + c.host
		if p := c.ports["HTTPS_PORT"]; p != "" && p != "443" {
			web += ":" + p
		}
		arguments = append(arguments, "webmail="+web+"/SOGo/", "caldav="+web+"/SOGo/dav/", "carddav="+web+"/SOGo/dav/", "activesync="+web+"/Microsoft-Server-ActiveSync")
	}
	base, err := edits.ParseAssignments(edits.Domain, arguments)
	if err != nil {
		return nil, err
	}
	return edits.NewValues(edits.Overlay(base, own))
}

// server spells a server: the bare host if its ports are the usual ones.
func (c *conf) server(ports []port) string {
	usual := true
	urls := make([]string, len(ports))
	for i, p := range ports {
		number := p.usual
		if n, err := strconv.Atoi(c.ports[p.variable]); err == nil && n != p.usual {
			usual, number = false, n
		}
		urls[i] = strconv.Quote(fmt.Sprintf("%s://%s:%d", p.scheme, c.host, number))
	}
	if usual {
		return c.host
	}
	return "[" + strings.Join(urls, ", ") + "]"
}
