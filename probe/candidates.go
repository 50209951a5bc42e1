package probe

import (
	"slices"

	"mailhint/settings"
)

// Source is why a host may be a domain's mail server, the best reason first.
type Source uint8

const (
	FromSRV           Source = iota + 1 // an SRV record of the domain names it (RFC 6186, RFC 8314)
	FromCommonName                      // it has a common name of the domain, such as imap.example.com
	FromMX                              // it receives the domain's mail
	FromProvidersName                   // it has a common name of the provider that receives the domain's mail
	FromName                            // it is the name that was given
)

var sourceTexts = map[Source]string{
	FromSRV: "named by an SRV record", FromCommonName: "a common name", FromMX: "receives the domain's mail",
	FromProvidersName: "a common name of the provider that receives the domain's mail", FromName: "the name itself",
}

// String returns the reason in a few words.
func (s Source) String() string { return sourceTexts[s] }

// Candidate is a host that may be a mail server of a domain.
type Candidate struct {
	Host   string
	Source Source // the best reason
	Ports  []Port // to probe
	// Named are those of Ports that SRV records name.
	Named []Port
}

// srvServices are the SRV records that name mail servers, with the usual port of each.
var srvServices = []struct {
	prefix string
	port   Port
}{
	{"_imaps._tcp.", mailPorts[0]}, {"_imap._tcp.", mailPorts[1]}, {"_pop3s._tcp.", mailPorts[2]}, {"_pop3._tcp.", mailPorts[3]},
	{"_submissions._tcp.", mailPorts[4]}, {"_submission._tcp.", mailPorts[5]}, {"_sieve._tcp.", mailPorts[6]},
}

// commonNames are the names that servers often have, in the order of preference, and what each is for.
var commonNames = []struct {
	label     string
	protocols []settings.Protocol
}{
	{"imap", []settings.Protocol{settings.IMAP, settings.ManageSieve}},
	{"smtp", []settings.Protocol{settings.Submission}},
	{"submission", []settings.Protocol{settings.Submission}},
	{"pop", []settings.Protocol{settings.POP3}},
	{"pop3", []settings.Protocol{settings.POP3}},
	{"mail", []settings.Protocol{settings.IMAP, settings.POP3, settings.Submission, settings.ManageSieve}},
}

// addPorts adds ports to probe, each once.
func (c *Candidate) addPorts(ports []Port) {
	for _, p := range ports {
		if !slices.ContainsFunc(c.Ports, func(old Port) bool { return old.same(p) }) {
			c.Ports = append(c.Ports, p)
		}
	}
}

// isNamed reports whether an SRV record names a port.
func (c *Candidate) isNamed(p Port) bool {
	return slices.ContainsFunc(c.Named, func(n Port) bool { return n.same(p) })
}

// isNamedFor reports whether an SRV record names the host for a protocol.
func (c *Candidate) isNamedFor(p settings.Protocol) bool {
	return slices.ContainsFunc(c.Named, func(n Port) bool { return n.Protocol == p })
}

// portsOf returns the usual ports of a protocol.
func portsOf(p settings.Protocol) []Port {
	var ports []Port
	for _, port := range mailPorts {
		if port.Protocol == p {
			ports = append(ports, port)
		}
	}
	return ports
}
