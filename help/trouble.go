package help

import (
	"slices"
	"strconv"
	"time"

	"mailhint/settings"
)

// Trouble says what to do if there is no connection.
type Trouble struct {
	// Seen are what this server last saw of each mail server, a line each; nil if it does not look at them.
	Seen []string `json:"seen,omitempty"`
	// Try are what to try, the most likely first.
	Try []string `json:"try"`
	// Lead says what the commands are for.
	Lead string `json:"lead"`
	// Commands are what to type, to see whether a server can be reached from here.
	Commands []Command `json:"commands"`
	// Fails says what it means if they show nothing.
	Fails string `json:"fails"`
}

// Command is a line to type.
type Command struct {
	// For says on which system to type it and where.
	For string `json:"for"`
	// Line is the command. It contains nothing but the names of our commands, a checked host name and a number.
	Line string `json:"line"`
	// Good says what it shows if there is a connection.
	Good string `json:"good"`
}

// seen are the keys of what package monitor says about a server.
var seen = map[string]string{
	"unknown":     "trouble.unknown",
	"good":        "trouble.good",
	"warning":     "trouble.warning",
	"login":       "trouble.login",
	"ipv6":        "trouble.ipv6",
	"certificate": "trouble.certificate",
	"tls":         "trouble.tls",
	"closed":      "trouble.closed",
	"address":     "trouble.address",
}

// trouble is the help if there is no connection.
func (w words) trouble(checks []Check) *Trouble {
	t := &Trouble{Lead: w.Text("trouble.check_lead"), Fails: w.Text("trouble.fails")}
	for _, c := range checks {
		if line := w.sighting(c); line != "" {
			t.Seen = append(t.Seen, line)
		}
	}
	t.Try = []string{w.Text("trouble.spelling")}
	if w.needsPassword() {
		t.Try = append(t.Try, w.Text("trouble.password"))
	}
	t.Try = append(t.Try, w.Text("trouble.network"))
	ports := map[settings.Protocol][]string{} // each once: several hosts may have the same
	for _, s := range w.found.Servers {
		if s.Protocol == settings.POP3 && w.found.Servers[0].Protocol != settings.POP3 {
			continue // people use IMAP, and the settings of POP3 are folded away
		}
		known, next := ports[s.Protocol], port(s)
		if slices.Contains(known, next) {
			continue
		}
		if len(known) > 0 {
			t.Try = append(t.Try, w.Text("trouble.try_port", "first", known[len(known)-1], "second", next))
		}
		ports[s.Protocol] = append(known, next)
	}
	t.Try = append(t.Try, w.Text("trouble.antivirus"), w.Text("trouble.ask"))
	t.Commands = w.commands()
	return t
}

// sighting says what was last seen of a server; nothing for a state that has no words.
func (w words) sighting(c Check) string {
	key, ok := seen[c.State]
	if !ok {
		return ""
	}
	return w.Join(w.Text(key, "server", readable(c.Host), "port", strconv.Itoa(int(c.Port))), w.ago(c))
}

// ago says when a server was checked.
func (w words) ago(c Check) string {
	switch {
	case c.State == "unknown":
		return ""
	case c.Ago < 2*time.Hour:
		return w.Text("trouble.minutes_ago", "count", int(max(c.Ago, 0)/time.Minute))
	}
	return w.Text("trouble.hours_ago", "count", int(c.Ago/time.Hour))
}

// starttls are the words of openssl s_client for protocols with STARTTLS, and greetings what a server of the protocol says first.
var (
	starttls  = map[settings.Protocol]string{settings.IMAP: "imap", settings.POP3: "pop3", settings.Submission: "smtp", settings.ManageSieve: "sieve"}
	greetings = map[settings.Protocol]string{settings.IMAP: "* OK", settings.POP3: "+OK", settings.Submission: "220", settings.ManageSieve: "OK"}
)

// commands test the first incoming server: if it can be reached, the network is all right.
func (w words) commands() []Command {
	s := w.found.Servers[0]
	host, port := w.expand(s.Host), port(s)
	commands := []Command{{w.Text("trouble.windows"), "Test-NetConnection " + host + " -Port " + port, w.Text("trouble.windows_good")}}
	if s.Security != settings.Plaintext {
		line := "openssl s_client -connect " + host + ":" + port + " -servername " + host
		if s.Security == settings.STARTTLS {
			line += " -starttls " + starttls[s.Protocol]
		}
		commands = append(commands, Command{w.Text("trouble.unix"), line, w.Text("trouble.unix_good", "shows", "Verify return code: 0 (ok)")})
	}
	commands = append(commands, Command{w.Text("trouble.port_only"), "nc -vz " + host + " " + port, w.Text("trouble.port_only_good")})
	if s.Security != settings.ImplicitTLS { // with implicit TLS, the server says nothing before the client does
		commands = append(commands, Command{w.Text("trouble.greeting"), "telnet " + host + " " + port, w.Text("trouble.greeting_good", "greeting", greetings[s.Protocol])})
	}
	return commands
}
