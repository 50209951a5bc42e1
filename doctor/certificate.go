package doctor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"mailhint/probe"
	"mailhint/resolver"
)

// soon is how long before its end a certificate is worth a word: automatic renewal has failed by then.
const soon = 14 * 24 * time.Hour

// judgeCertificate judges the way to a web server: whether somebody is there, and shows a certificate that programs trust.
func (j *judgement) judgeCertificate(host string, p page) {
	switch {
	case errors.Is(p.Err, resolver.ErrFailed):
		j.spoilt[host] = true
		j.notAnswered("the addresses of "+host, p.Err)
	case p.isUnknown():
		j.spoilt[host] = true
		j.unknown("%s: %s", p.URL, j.whyNot(p))
	case p.State != probe.Reached:
		j.spoilt[host] = true
		j.add(OtherAnswer, Problem, host, "nobody answers https: "+whyState(p.State, 443), remedies[p.State], openPort(p.State, 443))
	case p.TLS == nil && strings.HasPrefix(p.URL, "https:") && p.Err != nil:
		j.spoilt[host] = true
		j.handshake(host, p)
	case p.TLS != nil:
		fault, ends := faultOf(p.TLS, j.now)
		if fault != "" {
			j.spoilt[host] = true
			j.add(WebCertificate, Problem, host, fault,
				"Give the web server a certificate that covers this name, with its intermediates, from an authority that programs trust.")
		} else if ends != "" {
			j.add(WebCertificate, Warning, host, ends, "Renew it, and see why that did not happen by itself.")
		}
	}
	if !j.spoilt[host] && p.Err != nil {
		j.spoilt[host] = true
		j.add(OtherAnswer, Problem, host, "no answer to https: "+clip(p.Err.Error()), "See what listens at port 443 there, and its log.")
	}
}

// handshake says why there is no encrypted connection.
func (j *judgement) handshake(host string, p page) {
	alert, plain := tls.AlertError(0), tls.RecordHeaderError{}
	switch {
	case errors.As(p.Err, &alert):
		j.add(WebCertificate, Problem, host, "the server has no certificate for this name and ends the connection: "+clip(p.Err.Error()),
			"Give the web server a certificate that covers this name; with tls = \"acme\" the log says why there is none.")
	case errors.As(p.Err, &plain):
		j.add(OtherAnswer, Problem, host, "what listens at port 443 speaks no TLS: "+clip(p.Err.Error()),
			"Have the mailhint server, or a proxy in front of it, speak https there.")
	default:
		j.add(OtherAnswer, Problem, host, "no encrypted connection comes about at port 443: "+clip(p.Err.Error()),
			"See the log of what listens there. A proxy that does not know a name may just hang up: have it pass this one on.")
	}
}

// whyNot says why a page could not be asked for.
func (j *judgement) whyNot(p page) string {
	switch {
	case p.State == probe.Forbidden:
		return fmt.Sprintf("%s is a private address; allow it with --private", p.Address)
	case p.Err != nil:
		return reason(p.Err)
	}
	return "this machine has no way to it"
}

// isUnknown reports that this machine cannot know whether somebody is there.
func (p page) isUnknown() bool {
	return p.State == probe.Forbidden || p.NoRoute || p.State == 0 && p.Err != nil && !errors.Is(p.Err, resolver.ErrNone)
}

// whyState says how a connection failed.
func whyState(s probe.State, port uint16) string {
	switch s {
	case probe.Refused:
		return fmt.Sprintf("the machine is there, and nothing listens at port %d", port)
	case probe.Silent:
		return fmt.Sprintf("nothing comes back from port %d: a firewall drops it, or there is no such machine", port)
	}
	return "there is no way to the address from here"
}

// remedies are the three things to do about a port that does not answer.
var remedies = map[probe.State]string{
	probe.Refused:     "Start the service, or have it listen at this port and address.",
	probe.Silent:      "Open the port in the firewall, or correct the address in DNS:",
	probe.Unreachable: "Correct the address in DNS, or the routes of the machine.",
}

// openPort is how to open a port.
func openPort(s probe.State, port uint16) string {
	if s != probe.Silent {
		return ""
	}
	return fmt.Sprintf("nft add rule inet filter input tcp dport %d accept\nufw allow %d/tcp", port, port)
}

// faultOf says what keeps programs from trusting a certificate, or else that it ends soon.
func faultOf(t *probe.TLS, now time.Time) (fault, ends string) {
	leaf := t.Leaf()
	left := leaf.NotAfter.Sub(now)
	switch {
	case left < 0:
		return "its certificate ended on " + day(leaf.NotAfter), ""
	case now.Before(leaf.NotBefore):
		return "its certificate holds from " + day(leaf.NotBefore) + " only; or the clock here is wrong", ""
	case t.NameErr != nil:
		return "its certificate does not cover the name; it is for " + namesOf(leaf.DNSNames), ""
	case t.ChainErr != nil:
		return "its certificate is not trusted: " + clip(t.ChainErr.Error()), ""
	case t.Version < tls.VersionTLS12:
		return "it speaks " + t.VersionName() + " at best, which programs refuse", ""
	case left < soon:
		return "", fmt.Sprintf("its certificate ends on %s, in %d days", day(leaf.NotAfter), int(left.Hours()/24))
	}
	return "", ""
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func namesOf(list []string) string {
	const most = 4
	switch {
	case len(list) == 0:
		return "no name at all"
	case len(list) > most:
		return fmt.Sprintf("%s and %d more", clip(strings.Join(list[:most], ", ")), len(list)-most)
	}
	return clip(words(list))
}
