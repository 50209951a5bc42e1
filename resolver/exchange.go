package resolver

import (
	"context"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// maxUDP is the size of a UDP answer that passes everywhere, in octets (DNS Flag Day 2020).
const maxUDP = 1232

// ask asks the servers in turn. A nil error comes with an answer of RCODE 0, which may be empty. The answer that comes with
// ErrNoSuchName may contain aliases of the name.
func (r *Resolver) ask(ctx context.Context, name string, t uint16) (*dns.Msg, error) {
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(name), t)
	question.SetEdns0(maxUDP, false)
	asked := questionText(name, t)
	var causes []error
	for _, server := range r.servers {
		answer, err := r.exchange(ctx, question, server)
		switch {
		case err != nil && contextErr(ctx) != nil:
			return nil, &Error{asked, ErrFailed, []error{contextErr(ctx)}}
		case err != nil:
			causes = append(causes, fmt.Errorf("%s: %w", server, err))
		case answer.Rcode == dns.RcodeSuccess:
			return answer, nil
		case answer.Rcode == dns.RcodeNameError:
			return answer, &Error{asked, ErrNoSuchName, nil}
		default:
			causes = append(causes, fmt.Errorf("%s %w", server, rcodeCause(answer.Rcode)))
		}
	}
	return nil, &Error{asked, ErrFailed, causes}
}

func questionText(name string, t uint16) string { return name + " " + dns.TypeToString[t] }

// exchange asks one server: by UDP twice, because a packet may be lost, without EDNS if the server does not know it (RFC 6891 section 7),
// and by TCP if the answer is too long for a packet. Its errors are causes.
func (r *Resolver) exchange(ctx context.Context, question *dns.Msg, server string) (*dns.Msg, error) {
	udp := &dns.Client{Timeout: r.Timeout / 2}
	answer, err := send(ctx, udp, question, server)
	if timedOut(err) && ctx.Err() == nil {
		answer, err = send(ctx, udp, question, server)
	}
	if err == nil && (answer.Rcode == dns.RcodeFormatError || answer.Rcode == dns.RcodeNotImplemented) {
		question = question.Copy()
		question.Extra = nil
		answer, err = send(ctx, udp, question, server)
	}
	if err != nil {
		return nil, networkCause(err)
	}
	if !answer.Truncated {
		return answer, nil
	}
	if answer, err = send(ctx, &dns.Client{Net: "tcp", Timeout: r.Timeout}, question, server); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTruncated, networkCause(err))
	}
	return answer, nil
}

// send sends a question and waits for its answer, at most until ctx ends; the library on its own waits for its timeout.
func send(ctx context.Context, client *dns.Client, question *dns.Msg, server string) (*dns.Msg, error) {
	conn, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	answer, _, err := client.ExchangeWithConnContext(ctx, question, conn)
	if err != nil {
		return nil, err
	}
	asked := question.Question[0]
	same := func(q dns.Question) bool { return q.Qtype == asked.Qtype && strings.EqualFold(q.Name, asked.Name) }
	if !answer.Response || len(answer.Question) > 1 || len(answer.Question) == 1 && !same(answer.Question[0]) {
		return nil, ErrMismatched
	}
	return answer, nil
}
