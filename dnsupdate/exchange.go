package dnsupdate

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"mailhint/domains"
)

type rr = dns.RR

// session is a connection to the name server of a zone. It is used by one goroutine at a time.
type session struct {
	u     *Updater
	zone  string // with the trailing dot
	place domains.Zone
	key   Key
	conn  *dns.Conn
}

const (
	defaultTimeout = 5 * time.Second
	// maxSkew is how far the clocks of the name server and of this machine may differ (RFC 8945 section 10).
	maxSkew = 300 * time.Second
)

// open connects to the name server of a zone, with the key of this zone.
func (u *Updater) open(ctx context.Context, place domains.Zone) (*session, error) {
	key, err := ReadKey(place.KeyFile)
	if err != nil {
		return nil, err
	}
	if err, dead := u.dead.Load(place.Server); dead {
		return nil, err.(error)
	}
	s := &session{u: u, zone: dns.Fqdn(string(place.Name)), place: place, key: key}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *session) timeout() time.Duration { return cmp.Or(s.u.Timeout, defaultTimeout) }

// connect connects by TCP: updates and answers may be too long for UDP.
func (s *session) connect(ctx context.Context) error {
	dialer := net.Dialer{Timeout: s.timeout()}
	conn, err := dialer.DialContext(ctx, "tcp", s.place.Server)
	if err != nil {
		return s.unreached(ctx, err)
	}
	s.conn = &dns.Conn{Conn: conn}
	return nil
}

func (s *session) close() { s.conn.Close() }

// unreached returns the error for a name server that does not answer. Other domains do not wait for it again.
func (s *session) unreached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if op := new(net.OpError); errors.As(err, &op) && op.Err != nil {
		err = op.Err // without our own address and port
	}
	err = fmt.Errorf("%s: %w: %w", s.place.Server, ErrUnreached, err)
	s.u.dead.Store(s.place.Server, err)
	return err
}

// exchange signs a message, sends it, and returns the answer, which is signed with the same key, and its response code. The error is
// ErrUnsigned for any other answer, ErrRefused for one that refuses the key or the zone, or ErrUnreached. After an error the message may have
// been received all the same.
func (s *session) exchange(ctx context.Context, m *dns.Msg) (*dns.Msg, error) {
	defer context.AfterFunc(ctx, func() { s.conn.Close() })()
	m.SetTsig(s.key.name, s.key.algorithm, uint16(maxSkew.Seconds()), time.Now().Unix())
	out, mac, err := dns.TsigGenerate(m, *s.key.secret, "", false)
	if err != nil {
		return nil, err
	}
	s.conn.SetDeadline(time.Now().Add(s.timeout())) // fails only if it is closed, and then so does the next line
	if _, err := s.conn.Write(out); err != nil {
		return nil, s.unreached(ctx, err)
	}
	raw, err := s.conn.ReadMsgHeader(nil)
	if err != nil {
		return nil, s.unreached(ctx, err)
	}
	answer := new(dns.Msg)
	if err := answer.Unpack(raw); err != nil {
		return nil, fmt.Errorf("%s: %w: it cannot be read", s.place.Server, ErrUnsigned)
	}
	if err := s.verify(m, answer, raw, mac); err != nil {
		return nil, fmt.Errorf("%s: %w", s.place.Server, err)
	}
	return answer, nil
}

// verify checks that an answer is to our message, and signed with our key now.
func (s *session) verify(m, answer *dns.Msg, raw []byte, mac string) error {
	sameQuestion := len(answer.Question) == 0 && m.Opcode == dns.OpcodeUpdate || len(answer.Question) == 1 &&
		strings.EqualFold(answer.Question[0].Name, m.Question[0].Name) && answer.Question[0].Qtype == m.Question[0].Qtype
	if answer.Id != m.Id || !answer.Response || answer.Opcode != m.Opcode || answer.Rcode == dns.RcodeSuccess && !sameQuestion {
		return fmt.Errorf("%w: it is an answer to something else", ErrUnsigned)
	}
	t := answer.IsTsig()
	switch {
	case t != nil && t.Error != dns.RcodeSuccess:
		return s.keyError(t)
	case answer.Rcode == dns.RcodeNotAuth: // which the library does not verify; it is an error in any case
		return fmt.Errorf("%w: it is not authoritative for the zone %s", ErrRefused, s.place.Name)
	case t == nil && answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError && !isPrerequisite(answer.Rcode):
		return s.refusal(answer.Rcode)
	case t == nil:
		return ErrUnsigned
	}
	if !strings.EqualFold(t.Hdr.Name, s.key.name) || !strings.EqualFold(t.Algorithm, s.key.algorithm) {
		return fmt.Errorf("%w: it names another key or algorithm", ErrUnsigned)
	}
	if err := dns.TsigVerify(slices.Clone(raw), *s.key.secret, mac, false); errors.Is(err, dns.ErrTime) {
		return s.clockError(t)
	} else if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	if skew := time.Since(time.Unix(int64(t.TimeSigned), 0)).Abs(); skew > maxSkew { // whatever the server allows
		return s.clockError(t)
	}
	return nil
}

// clockError is for an answer that was signed at another time.
func (s *session) clockError(t *dns.TSIG) error {
	return fmt.Errorf("%w at this time: its clock says %s; set the clocks right", ErrUnsigned, time.Unix(int64(t.TimeSigned), 0).UTC().Format(time.DateTime))
}

// keyError returns what a name server says about our signature (RFC 8945 section 5.2).
func (s *session) keyError(t *dns.TSIG) error {
	switch t.Error {
	case dns.RcodeBadKey:
		return fmt.Errorf("%w: it does not know the key %v, or does not let it change the zone %s", ErrRefused, s.key, s.place.Name)
	case dns.RcodeBadSig:
		return fmt.Errorf("%w: its key %s has another secret", ErrRefused, s.key.Name())
	case dns.RcodeBadTime:
		clock := ""
		if octets, err := hex.DecodeString(t.OtherData); err == nil && len(octets) == 6 {
			seconds := int64(0)
			for _, o := range octets {
				seconds = seconds<<8 | int64(o)
			}
			clock = ", which says " + time.Unix(seconds, 0).UTC().Format(time.DateTime)
		}
		return fmt.Errorf("%w: the clock of this machine differs from its clock%s; set the clocks right", ErrRefused, clock)
	}
	return fmt.Errorf("%w: it does not accept the signature (TSIG error %d)", ErrRefused, t.Error)
}

// isPrerequisite reports whether a response code says that a prerequisite is not met (RFC 2136 section 2.2). NXDOMAIN is another of them.
func isPrerequisite(code int) bool {
	return code == dns.RcodeYXDomain || code == dns.RcodeYXRrset || code == dns.RcodeNXRrset
}

// refusal returns the error for a response code that is neither success nor about a prerequisite.
func (s *session) refusal(code int) error {
	switch code {
	case dns.RcodeRefused:
		return fmt.Errorf("%w: allow the key %s to query and update the zone %s there", ErrRefused, s.key.Name(), s.place.Name)
	case dns.RcodeNotAuth, dns.RcodeNotZone:
		return fmt.Errorf("%w: it is not authoritative for the zone %s", ErrRefused, s.place.Name)
	case dns.RcodeNotImplemented:
		return fmt.Errorf("%w: it does not support dynamic updates", ErrRefused)
	}
	return fmt.Errorf("%w: it answers %s", ErrRefused, cmp.Or(dns.RcodeToString[code], fmt.Sprint("RCODE ", code)))
}
