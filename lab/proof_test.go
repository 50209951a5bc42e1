//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// openssl, and connections of the test, find the mail servers as good and bad as the cases say.
func TestServers(t *testing.T) {
	t.Parallel()
	n := theInternet(t)
	openssl := find(t, "openssl", "openssl")
	type look struct {
		host *mailHost
		s    service
		v6   bool
	}
	var looks []look
	for _, h := range n.mail {
		for _, s := range services {
			if len(h.faults[s.port]) > 0 || h.flaw != "" && s.implicit || h.isGood() {
				looks = append(looks, look{h, s, false})
			}
			if len(h.faults[0]) > 0 || h.name == goodHost || h.has(s.port, "unreachable") {
				looks = append(looks, look{h, s, true})
			}
		}
	}
	errs := make([]error, len(looks))
	parallel(len(looks), func(i int) {
		l := looks[i]
		address := l.host.v4
		if l.v6 {
			address = l.host.v6
		}
		if err := l.host.proves(openssl, n.authority.roots(), l.s, address, l.v6); err != nil {
			errs[i] = fmt.Errorf("%s, %s port %d, which should be %q: %w", l.host.name, address, l.s.port, l.host.faults[l.s.port], err)
		}
	})
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

// isGood reports whether nothing is wrong with the host.
func (h *mailHost) isGood() bool { return len(h.faults) == 0 && h.flaw == "" }

// proves checks that a service is as the faults of its host say.
func (h *mailHost) proves(openssl, roots string, s service, address string, v6 bool) error {
	at := net.JoinHostPort(address, fmt.Sprint(s.port))
	if want := h.connects(s, v6); want != "" {
		limit := testTimeout
		if want == "timeout" {
			limit = 700 * time.Millisecond
		}
		conn, err := net.DialTimeout("tcp", at, limit)
		if err == nil {
			conn.Close()
			return errors.New("it accepts connections")
		}
		if !strings.Contains(err.Error(), want) {
			return fmt.Errorf("got %w, want %q", err, want)
		}
		return nil
	}
	limit := testTimeout
	if h.implicit(s) {
		limit = 300 * time.Millisecond // a server that waits for TLS says nothing
	}
	greeting, err := greets(at, limit)
	if h.implicit(s) == (err == nil) {
		return fmt.Errorf("greeting without TLS: %q, %w", greeting, err)
	}
	if h.has(s.port, "no-starttls") {
		if strings.Contains(greeting, "STARTTLS") || strings.Contains(greeting, "STLS") {
			return fmt.Errorf("it offers STARTTLS: %q", greeting)
		}
		return nil
	}
	if h.hasAny("no-starttls", 143, 110, 4190) && s.port != 587 && s.port != 465 {
		return nil // Dovecot has one setting for all ports of an address; these are not used
	}
	if slices.Contains([]int{143, 587}, s.port) && !h.implicit(s) {
		plain := regexp.MustCompile(`AUTH[ =][^\r]*(PLAIN|LOGIN)`).MatchString(greeting)
		if plain != h.has(s.port, "plain-login") {
			return fmt.Errorf("before TLS it says %q", greeting)
		}
	}
	return h.provesTLS(openssl, roots, s, at)
}

// connects returns a part of the error that a connection must fail with; empty if it must not.
func (h *mailHost) connects(s service, v6 bool) string {
	switch {
	case h.has(s.port, "closed") || v6 && h.has(0, "closed"):
		return "connection refused"
	case h.has(s.port, "silent") || v6 && h.has(0, "silent"):
		return "timeout"
	case h.has(s.port, "unreachable"):
		return "no route to host"
	}
	return ""
}

// greets returns what a server says before TLS, and after a question about what it can do.
func greets(at string, limit time.Duration) (string, error) {
	conn, err := net.DialTimeout("tcp", at, testTimeout)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	buffer := make([]byte, 4096)
	if _, err := conn.Read(buffer); err != nil {
		return "", err
	}
	conn.SetDeadline(time.Now().Add(testTimeout))
	question := "EHLO lab\r\nQUIT\r\n"
	switch _, port, _ := net.SplitHostPort(at); port {
	case "143", "993":
		question = "a CAPABILITY\r\nb LOGOUT\r\n"
	case "110", "995":
		question = "CAPA\r\nQUIT\r\n"
	case "4190":
		question = "CAPABILITY\r\nLOGOUT\r\n"
	}
	if _, err := conn.Write([]byte(question)); err != nil {
		return "", err
	}
	var all strings.Builder
	for {
		n, err := conn.Read(buffer)
		all.Write(buffer[:n])
		if err != nil {
			return all.String(), nil
		}
	}
}

// startTLS is what openssl calls the protocol of a port.
var startTLS = map[int]string{143: "imap", 993: "imap", 110: "pop3", 995: "pop3", 4190: "sieve", 587: "smtp", 465: "smtp"}

const valid = "0 (ok)"

// verdicts are what openssl says of a certificate with a flaw.
var verdicts = map[string]string{
	"": valid, "ends-soon": valid, "short-lived": valid, "not-yet-valid": "9 (certificate is not yet valid)", "expired": "10 (certificate has expired)", "wrong-name": "62 (hostname mismatch)",
	"self-signed": "18 (self-signed certificate)", "no-intermediate": "21 (unable to verify the first certificate)",
}

// provesTLS checks a certificate, and the login methods inside TLS.
func (h *mailHost) provesTLS(openssl, roots string, s service, at string) error {
	args := []string{"s_client", "-connect", at, "-servername", h.name, "-verify_hostname", h.name, "-CAfile", roots, "-no-CApath", "-crlf"}
	if !h.implicit(s) {
		args = append(args, "-starttls", startTLS[s.port])
	}
	ctx, stop := context.WithTimeout(context.Background(), testTimeout)
	defer stop()
	cmd := exec.CommandContext(ctx, openssl, args...)
	cmd.Stdin = strings.NewReader("")
	out, err := cmd.CombinedOutput()
	verdict := regexp.MustCompile(`Verify return code: (.*)`).FindStringSubmatch(string(out))
	if verdict == nil {
		return fmt.Errorf("openssl: %w: %s", err, out)
	}
	if verdict[1] != verdicts[h.flaw] {
		return fmt.Errorf("openssl judges %q, want %q", verdict[1], verdicts[h.flaw])
	}
	return nil
}
