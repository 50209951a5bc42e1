package doctor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/spelling"
)

// judgeConnection judges the way to a web server: whether it answers, and has a certificate that clients trust.
func (j *judgement) judgeConnection(host string, p page) {
	switch {
	case errors.Is(p.Err, resolver.ErrFailed):
		j.explained[host] = true
		j.dnsFailed("the addresses of "+host, p.Err)
	case p.isUnknown():
		j.explained[host] = true
		j.couldNotCheck("%s: %s", p.URL, whyUnknown(p))
	case p.State != probe.Reached:
		j.explained[host] = true
		j.add(newFinding(ForeignAnswer, Problem, host, "no web server answers: "+whyState(p.State, 443),
			remedies[p.State], openPort(p.State, 443)))
	case p.TLS == nil && strings.HasPrefix(p.URL, "https:") && p.Err != nil:
		j.explained[host] = true
		j.add(handshakeFailed(host, p.Err))
	case p.TLS != nil:
		fault, expiry := faultOf(p.TLS, j.now)
		if fault != "" {
			j.explained[host] = true
			j.add(newFinding(WebCertificate, Problem, host, fault,
				"Give the web server a certificate that covers this name, from a CA that clients trust, and include the intermediate certificates."))
		} else if expiry != "" {
			j.add(newFinding(WebCertificate, Warning, host, expiry, "Renew it, and find out why it was not renewed automatically."))
		}
	}
	if !j.explained[host] && p.Err != nil {
		j.explained[host] = true
		j.add(newFinding(ForeignAnswer, Problem, host, "no answer to an https request: "+clip(p.Err.Error()),
			"Find out what listens on port 443 there, and read its log."))
	}
}

// handshakeFailed says why no TLS connection can be established.
func handshakeFailed(host string, err error) Finding {
	alert, plain := tls.AlertError(0), tls.RecordHeaderError{}
	switch {
	case errors.As(err, &alert):
		return newFinding(WebCertificate, Problem, host,
			"the server has no certificate for this name and closes the connection: "+clip(err.Error()),
			"Give the web server a certificate that covers this name. With tls = \"acme\", the log says why there is none.")
	case errors.As(err, &plain):
		return newFinding(ForeignAnswer, Problem, host, "the server on port 443 does not use TLS: "+clip(err.Error()),
			"Make the mailhint server, or the proxy in front of it, serve https on this port.")
	}
	return newFinding(ForeignAnswer, Problem, host, "no TLS connection can be established on port 443: "+clip(err.Error()),
		"Read the log of the server there. Some proxies close connections for names they do not know; add this name to its configuration.")
}

// whyUnknown says why a page could not be asked for.
func whyUnknown(p page) string {
	switch {
	case p.State == probe.Forbidden:
		return fmt.Sprintf("%s is a private address; allow it with --private", p.Address)
	case p.Status == http.StatusTooManyRequests:
		return "it limits requests per client (429); try again later"
	case p.Err != nil:
		return reason(p.Err)
	}
	return "this machine has no route to it"
}

// isUnknown reports whether this machine cannot know if there is a server, or what it answers to others.
func (p page) isUnknown() bool {
	return p.Status == http.StatusTooManyRequests || p.State == probe.Forbidden || p.NoRoute || p.State == 0 && p.Err != nil && !errors.Is(p.Err, resolver.ErrNone)
}

// isGood reports whether a page came from a server that clients trust.
func (p page) isGood() bool {
	return p.Err == nil && p.Status == http.StatusOK && trusted(p.TLS)
}

// trusted reports whether clients trust a connection; one without TLS has nothing to trust.
func trusted(t *probe.TLS) bool { return t == nil || t.NameErr == nil && t.ChainErr == nil }

// whyState says how a connection failed.
func whyState(s probe.State, port uint16) string {
	switch s {
	case probe.Refused:
		return fmt.Sprintf("nothing listens on port %d", port)
	case probe.Silent:
		return fmt.Sprintf("no reply from port %d; a firewall drops the packets, or the machine is down", port)
	}
	return "the address cannot be reached from here"
}

// remedies are what to do about a port that cannot be reached.
var remedies = map[probe.State]string{
	probe.Refused:     "Start the service, or configure it to listen on this port and address:",
	probe.Silent:      "Open the port in the firewall, or correct the address in DNS:",
	probe.Unreachable: "Correct the address in DNS, or the machine's routing.",
}

// openPort is how to open a port in a firewall.
func openPort(s probe.State, port uint16) string {
	if s != probe.Silent {
		return ""
	}
	return fmt.Sprintf("nft add rule inet filter input tcp dport %d accept\nufw allow %d/tcp", port, port)
}

// faultOf says why clients do not trust a certificate or, if they do, that it expires soon.
func faultOf(t *probe.TLS, now time.Time) (fault, expiry string) {
	leaf := t.Leaf()
	switch {
	case now.After(leaf.NotAfter):
		return "its certificate expired on " + day(leaf.NotAfter), ""
	case now.Before(leaf.NotBefore):
		return "its certificate is not valid before " + day(leaf.NotBefore) + ", or the clock of this machine is wrong", ""
	case t.NameErr != nil:
		return "its certificate does not cover this name; it covers " + namesOf(leaf.DNSNames), ""
	case t.ChainErr != nil:
		return "its certificate is not trusted: " + clip(t.ChainErr.Error()), ""
	case t.Version < tls.VersionTLS12:
		return "its newest TLS version is " + t.VersionName() + ", which clients refuse", ""
	case probe.ExpiresSoon(leaf, now):
		return "", fmt.Sprintf("its certificate expires on %s, in %s", day(leaf.NotAfter), spelling.Count(probe.Days(leaf.NotAfter, now), "day"))
	}
	return "", ""
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// namesOf lists the names in a certificate.
func namesOf(list []string) string {
	const limit = 4
	switch {
	case len(list) == 0:
		return "no host name"
	case len(list) > limit:
		return fmt.Sprintf("%s and %d more", clip(strings.Join(list[:limit], ", ")), len(list)-limit)
	}
	return clip(words(list))
}
