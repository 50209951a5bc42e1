package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mailhint/probe/probetest"
)

// mailWorld starts a name server, an IMAP server with implicit TLS and a submission server with STARTTLS. It sets $RESOLVER to the address
// of the first, $IMAPS and $SUBMISSION to the ports of the others, and $SSL_CERT_FILE to the file of their certificate authority. The
// argument is a zone file in which the words IMAPS and SUBMISSION are replaced by the ports.
func mailWorld(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mailworld ZONEFILE")
	}
	config := &tls.Config{Certificates: []tls.Certificate{mailCertificate(ts)}}
	imaps, submission := listenForMail(ts), listenForMail(ts)
	go func() { _ = probetest.NewIMAPServer(config).Serve(tls.NewListener(imaps, config)) }() // both end when their listener is closed
	go func() { _ = probetest.NewSubmissionServer(config).Serve(submission) }()

	ts.Setenv("IMAPS", portNumber(imaps))
	ts.Setenv("SUBMISSION", portNumber(submission))
	zone := strings.NewReplacer("IMAPS", ts.Getenv("IMAPS"), "SUBMISSION", ts.Getenv("SUBMISSION")).Replace(ts.ReadFile(args[0]))
	ts.Setenv("RESOLVER", startNameserver(ts, zone))
}

// mailAddress is a loopback address that nothing else uses, so that nothing answers at the usual ports.
const mailAddress = "127.77.1.1:0"

func listenForMail(ts *testscript.TestScript) net.Listener {
	l, err := net.Listen("tcp", mailAddress)
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	return l
}

func portNumber(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// mailCertificate makes a certificate for *.example.com. The programs of the script trust its authority.
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
