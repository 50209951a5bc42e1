package resolver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// ask asks the servers in turn. A nil error comes with an answer of RCODE 0, which may hold nothing; with ErrNone the name does not
// exist.
func (r *Resolver) ask(ctx context.Context, name string, t uint16) (*dns.Msg, error) {
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(name), t)
	question.SetEdns0(1232, false) // the size that passes everywhere
	var reasons []string
	for _, server := range r.servers {
		answer, err := r.exchange(ctx, question, server)
		switch {
		case err != nil && over(ctx) != nil:
			return nil, fmt.Errorf("%s %s: %w: %w", name, dns.TypeToString[t], ErrFailed, over(ctx))
		case err != nil:
			reasons = append(reasons, fmt.Sprintf("%s: %v", server, plain(err)))
		case answer.Rcode == dns.RcodeSuccess:
			return answer, nil
		case answer.Rcode == dns.RcodeNameError:
			return answer, fmt.Errorf("%s %s: %w", name, dns.TypeToString[t], ErrNone)
		default:
			reasons = append(reasons, fmt.Sprintf("%s answers %s", server, rcode(answer.Rcode)))
		}
	}
	return nil, fmt.Errorf("%s %s: %w: %s", name, dns.TypeToString[t], ErrFailed, strings.Join(reasons, "; "))
}

// exchange asks one server: by UDP twice, because a packet may be lost, without EDNS if the server does not know it (RFC 6891 section 7),
// and by TCP if the answer is too long for a packet.
func (r *Resolver) exchange(ctx context.Context, question *dns.Msg, server string) (*dns.Msg, error) {
	udp := &dns.Client{Timeout: r.Timeout / 2}
	answer, err := once(ctx, udp, question, server)
	if timedOut(err) && ctx.Err() == nil {
		answer, err = once(ctx, udp, question, server)
	}
	if err == nil && (answer.Rcode == dns.RcodeFormatError || answer.Rcode == dns.RcodeNotImplemented) {
		question = question.Copy()
		question.Extra = nil
		answer, err = once(ctx, udp, question, server)
	}
	if err != nil || !answer.Truncated {
		return answer, err
	}
	return once(ctx, &dns.Client{Net: "tcp", Timeout: r.Timeout}, question, server)
}

// once sends a question and waits for its answer, no longer than ctx lasts; the library by itself waits for its timeout.
func once(ctx context.Context, client *dns.Client, question *dns.Msg, server string) (*dns.Msg, error) {
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
		return nil, errors.New("the answer is for another question") // a guess of somebody's, or a broken server
	}
	return answer, nil
}

// over returns why ctx is done. A connection may notice that the deadline has passed before the context does.
func over(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

func rcode(code int) string { return cmp.Or(dns.RcodeToString[code], fmt.Sprintf("RCODE %d", code)) }

// plain takes our own address and port from an error of the network: it is another each time.
func plain(err error) error {
	if op := new(net.OpError); errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
