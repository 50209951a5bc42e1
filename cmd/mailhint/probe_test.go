package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

// mailWorld starts a name server, an IMAP server with implicit TLS and a submission server with STARTTLS, and tells the script where
// they are: $RESOLVER, $IMAPS, $SUBMISSION, and $SSL_CERT_FILE for the authority. The argument is a zone file in which these words
// stand for the ports.
func mailWorld(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mailworld ZONEFILE")
	}
	config := &tls.Config{Certificates: []tls.Certificate{mailCertificate(ts)}}
	imaps, submission := listenForMail(ts), listenForMail(ts)
	memory := imapmemserver.New()
	quiet := log.New(io.Discard, "", 0)
	imapServer := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}}, Logger: quiet,
	})
	smtpServer := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return submissionSession{}, nil }))
	smtpServer.TLSConfig, smtpServer.ErrorLog = config, quiet
	go func() { _ = imapServer.Serve(tls.NewListener(imaps, config)) }() // both end when their listener is closed
	go func() { _ = smtpServer.Serve(submission) }()

	ts.Setenv("IMAPS", numberOf(imaps))
	ts.Setenv("SUBMISSION", numberOf(submission))
	zone := strings.NewReplacer("IMAPS", ts.Getenv("IMAPS"), "SUBMISSION", ts.Getenv("SUBMISSION")).Replace(ts.ReadFile(args[0]))
	ts.Setenv("RESOLVER", serveZone(ts, zone))
}

// mailAddress is a loopback address of its own, so that nothing else on the machine answers at the usual ports.
const mailAddress = "127.77.1.1:0"

func listenForMail(ts *testscript.TestScript) net.Listener {
	l, err := net.Listen("tcp", mailAddress)
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	return l
}

func numberOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// serveZone answers from the text of a zone, whatever recursion would find besides.
func serveZone(ts *testscript.TestScript, text string) (address string) {
	records := make(map[dns.Question][]dns.RR)
	names := make(map[string]bool)
	parser := dns.NewZoneParser(strings.NewReader(text), ".", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		q := dns.Question{Name: rr.Header().Name, Qtype: rr.Header().Rrtype, Qclass: dns.ClassINET}
		records[q] = append(records[q], rr)
		names[q.Name] = true
	}
	ts.Check(parser.Err())
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	ts.Check(err)
	started := make(chan struct{})
	server := &dns.Server{PacketConn: conn, NotifyStartedFunc: sync.OnceFunc(func() { close(started) }),
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
			answer := new(dns.Msg).SetReply(question)
			answer.Answer = records[question.Question[0]]
			if !names[question.Question[0].Name] {
				answer.Rcode = dns.RcodeNameError
			}
			_ = w.WriteMsg(answer)
		})}
	go func() { _ = server.ActivateAndServe() }()
	<-started
	ts.Defer(func() { _ = server.Shutdown() })
	return conn.LocalAddr().String()
}

// mailCertificate makes a certificate for *.example.com and has the script's programs trust its authority.
func mailCertificate(ts *testscript.TestScript) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour * 365),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root, err := x509.CreateCertificate(rand.Reader, authority, authority, &key.PublicKey, key)
	ts.Check(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: authority.NotBefore, NotAfter: time.Now().Add(60*24*time.Hour + time.Hour),
		DNSNames: []string{"*.example.com"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	chain, err := x509.CreateCertificate(rand.Reader, leaf, authority, &key.PublicKey, key)
	ts.Check(err)
	file := ts.MkAbs("authority.pem")
	ts.Check(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root}), 0o600))
	ts.Setenv("SSL_CERT_FILE", file)
	return tls.Certificate{Certificate: [][]byte{chain}, PrivateKey: key}
}

type submissionSession struct{}

func (submissionSession) Reset()                               {}
func (submissionSession) Logout() error                        { return nil }
func (submissionSession) Mail(string, *smtp.MailOptions) error { return smtp.ErrAuthRequired }
func (submissionSession) Rcpt(string, *smtp.RcptOptions) error { return smtp.ErrAuthRequired }
func (submissionSession) Data(io.Reader) error                 { return smtp.ErrAuthRequired }
func (submissionSession) AuthMechanisms() []string             { return []string{sasl.Plain} }
func (submissionSession) Auth(string) (sasl.Server, error)     { return nil, smtp.ErrAuthUnknownMechanism }
