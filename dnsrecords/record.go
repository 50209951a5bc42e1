package dnsrecords

import (
	"fmt"
	"net/netip"
	"strings"
)

// Record is a DNS record and its purpose. Two records are the same if they differ only in the Remark.
type Record struct {
	Name   string // absolute, in A-labels, without the trailing dot
	TTL    uint32 // seconds
	Data   Data
	Remark string // its purpose, for people
}

// Data is the content of a record: an Address, an Alias, a Service or a Text. Data are comparable.
type Data interface {
	// Type is the record's type, such as "SRV".
	Type() string
	// String returns the content as master files spell it (RFC 1035 section 5.1), with absolute names.
	String() string
}

// Address is the content of an A or AAAA record.
type Address netip.Addr

func (a Address) Type() string {
	if netip.Addr(a).Is4() {
		return "A"
	}
	return "AAAA"
}

func (a Address) String() string { return netip.Addr(a).String() }

// Alias is the content of a CNAME record: the name it stands for.
type Alias string

func (Alias) Type() string { return "CNAME" }

func (a Alias) String() string { return fqdn(string(a)) }

// Service is the content of an SRV record (RFC 2782). The zero Service, spelled "0 0 0 .", says that the service is not offered.
type Service struct {
	Priority, Weight, Port uint16
	Target                 string // host name; empty for the root
}

func (Service) Type() string { return "SRV" }

func (s Service) String() string {
	return fmt.Sprintf("%d %d %d %s", s.Priority, s.Weight, s.Port, fqdn(s.Target))
}

// Text is the content of a TXT record, which is published in as many character strings as it needs.
type Text string

func (Text) Type() string { return "TXT" }

// maxString is the maximum length of a character string (RFC 1035 section 3.3).
const maxString = 255

// Strings returns the text split into character strings.
func (t Text) Strings() []string {
	var all []string
	for len(t) > maxString {
		all = append(all, string(t[:maxString]))
		t = t[maxString:]
	}
	return append(all, string(t))
}

func (t Text) String() string {
	var b strings.Builder
	for i, s := range t.Strings() {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteByte('"')
		b.WriteString(escape(s))
		b.WriteByte('"')
	}
	return b.String()
}

// escape returns the spelling of a character string, without its quotes.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// fqdn returns a name with the trailing dot.
func fqdn(name string) string { return name + "." }
