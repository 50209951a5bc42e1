package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dial connects to a port of the world.
func (w *world) dial(t *testing.T, good, bad *authority) func(context.Context, string, string) (net.Conn, error) {
	certificates := make(map[string]tls.Certificate)
	for address, words := range w.ports {
		names := strings.Split(words[1], ",")
		switch {
		case slices.Contains(words, "expired"):
			certificates[address] = good.issue(t, testTime.Add(-time.Minute), names...)
		case slices.Contains(words, "ending"):
			certificates[address] = good.issue(t, testTime.Add(50*time.Hour), names...)
		case slices.Contains(words, "shortlived"):
			certificates[address] = good.issueFor(t, validFrom, validFrom.Add(160*time.Hour), names...)
		case slices.Contains(words, "untrusted"):
			certificates[address] = bad.issue(t, time.Time{}, names...)
		default:
			certificates[address] = good.issue(t, time.Time{}, names...)
		}
	}
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		words, ok := w.ports[address]
		if !ok {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}
		if words[0] == "silent" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return dialServer(t, func(conn net.Conn) {
			_, port, _ := net.SplitHostPort(address)
			serveMail(conn, port, words, certificates[address])
		})(ctx, "tcp", address)
	}
}

// serveMail is a mail server with the least that a look needs.
func serveMail(conn net.Conn, port string, words []string, certificate tls.Certificate) {
	mode := words[0]
	encrypt := func() bool {
		config := &tls.Config{Certificates: []tls.Certificate{certificate}}
		if slices.Contains(words, "tls1.1") {
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}
		inside := tls.Server(conn, config)
		conn = inside
		return inside.Handshake() == nil
	}
	if (mode == "tls" || mode == "https") && !encrypt() {
		return
	}
	if mode == "https" {
		serveWeb(conn, words[2:])
		return
	}
	login, starttls := "PLAIN", ""
	if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "login=") }); i >= 0 {
		login = strings.ReplaceAll(words[i][len("login="):], ",", " ")
	}
	if mode == "starttls" {
		starttls = "STARTTLS"
	}
	protocol := map[string]string{"143": "imap", "993": "imap", "110": "pop3", "995": "pop3", "4190": "sieve"}[port]
	greeting := map[string]string{"imap": "* OK", "pop3": "+OK", "sieve": `"SASL" ""` + "\r\nOK", "": "220 x"}[protocol]
	_, _ = io.WriteString(conn, greeting+"\r\n")
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		answer := ""
		switch line = strings.TrimSpace(line); line {
		case "a CAPABILITY":
			answer = "* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=" + strings.ReplaceAll(login, " ", " AUTH=") + " " + starttls + "\r\na OK"
		case "CAPA":
			answer = "+OK\r\nSASL " + login + "\r\n" + strings.ReplaceAll(starttls, "STARTTLS", "STLS\r\n") + "."
		case "CAPABILITY":
			answer = `"SASL" "` + login + `"` + "\r\n" + strings.ReplaceAll(starttls, "STARTTLS", "\"STARTTLS\"\r\n") + "OK"
		case "EHLO [127.0.0.1]":
			answer = "250-x\r\n250-8BITMIME " + "\r\n250-X" + starttls + "\r\n250-" + starttls + " \r\n250 AUTH " + login
		case "b STARTTLS", "STLS", "STARTTLS":
			_, _ = io.WriteString(conn, map[string]string{"imap": "b OK", "pop3": "+OK", "sieve": "OK", "": "220"}[protocol]+"\r\n")
			if !encrypt() {
				return
			}
			in, starttls = bufio.NewReader(conn), ""
			continue
		default: // good-bye
			return
		}
		if _, err := io.WriteString(conn, answer+"\r\n"); err != nil {
			return
		}
	}
}

// serveWeb answers one request, by words such as "/path=401" or "/path=301:/other".
func serveWeb(conn net.Conn, words []string) {
	defer conn.Close()
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	answer := &http.Response{StatusCode: http.StatusNotFound, ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header)}
	for _, w := range words {
		if rest, ok := strings.CutPrefix(w, request.URL.Path+"="); ok {
			status, location, _ := strings.Cut(rest, ":")
			answer.StatusCode, _ = strconv.Atoi(status)
			answer.Header.Set("Location", location)
		}
	}
	_ = answer.Write(conn)
}
