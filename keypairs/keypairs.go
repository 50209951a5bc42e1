// Package keypairs serves TLS certificates from files: it reads pairs of a certificate and its key, chooses one by the name that a client
// asks for, and reads them again when they change, as certbot and Kubernetes change them. A pair that is broken then, or half written,
// does not replace the one before it.
//
// It knows nothing of ACME: package certs orders certificates, this one reads what somebody else has put on the disk.
package keypairs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Pairs are the certificates of a list of files.
type Pairs struct {
	files  []Files
	log    *slog.Logger
	choice atomic.Pointer[choice]

	reading sync.Mutex // guards what follows: one reload at a time
	pairs   []*tls.Certificate
	stamps  []stamp  // of the files when pairs were read
	faults  []string // of each pair; empty for a good one
}

// errNone means that there is nothing to serve.
var errNone = errors.New(`[server] tls = "files" needs cert and key: write cert = "fullchain.pem" and key = "privkey.pem"`)

// Open reads all pairs. Every mistake is an error here, all in one, each with the file and what to do about it.
func Open(files []Files, log *slog.Logger) (*Pairs, error) {
	if len(files) == 0 {
		return nil, errNone
	}
	p := &Pairs{files: files, log: log,
		pairs: make([]*tls.Certificate, len(files)), stamps: make([]stamp, len(files)), faults: make([]string, len(files))}
	if err := p.reload(true); err != nil {
		return nil, err
	}
	return p, nil
}

// Reload reads all pairs again, whether or not they look changed. A pair that cannot be read keeps being served as it was, and is part
// of the error.
func (p *Pairs) Reload() error { return p.reload(true) }

// Watch reads pairs again when their files change, until ctx is done. Looking costs microseconds, sees every way of replacing a file,
// and works on network file systems, where notifications do not. What is wrong with a changed file is logged, and Faults returns it.
func (p *Pairs) Watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.reload(false) // has logged its error
		}
	}
}

// reload reads the pairs again whose files look changed, or all of them. It logs faults only in the first case, when no caller
// waits for the error.
func (p *Pairs) reload(all bool) error {
	p.reading.Lock()
	defer p.reading.Unlock()
	var errs []error
	for i, files := range p.files {
		now := stampOf(files) // before reading, so that a later change is seen next time
		if !all && p.faults[i] == "" && now == p.stamps[i] {
			continue
		}
		pair, err := readPair(files)
		if err != nil {
			if errs = append(errs, err); !all && p.faults[i] != err.Error() { // otherwise the caller has it, or it has been logged
				p.log.Warn("a changed certificate cannot be used; still serving the previous one", "error", err)
			}
			p.faults[i] = err.Error()
			continue
		}
		p.pairs[i], p.stamps[i], p.faults[i] = pair, now, ""
		p.logLoaded(files, pair)
	}
	if !slices.Contains(p.pairs, nil) { // otherwise Open fails
		p.choice.Store(newChoice(p.pairs))
	}
	return errors.Join(errs...)
}

func (p *Pairs) logLoaded(files Files, pair *tls.Certificate) {
	leaf := pair.Leaf
	p.log.Info("certificate loaded", "file", files.Cert, "names", firstOf(leaf.DNSNames), "expires", leaf.NotAfter)
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		p.log.Warn("this certificate has expired and clients will reject it; renew it: new files are read automatically",
			"file", files.Cert, "expired", leaf.NotAfter)
	case now.Before(leaf.NotBefore):
		p.log.Warn("this certificate is not valid yet; is the clock of this machine right?", "file", files.Cert, "valid_from", leaf.NotBefore)
	}
}

// maxNames is how many names of a certificate a log line shows. Some have hundreds.
const maxNames = 5

// firstOf lists the first names of a certificate, which have not been checked, and counts the others.
func firstOf(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i == maxNames {
			fmt.Fprintf(&b, " and %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%.253s", name) // longer ones are not host names
	}
	return b.String()
}

// Faults returns what is wrong with the files of pairs that are still served as they were before; nil if all is well.
func (p *Pairs) Faults() []string {
	p.reading.Lock()
	defer p.reading.Unlock()
	var faults []string
	for _, fault := range p.faults {
		if fault != "" {
			faults = append(faults, fault)
		}
	}
	return faults
}

// FirstExpiry returns when the first of the certificates expires.
func (p *Pairs) FirstExpiry() time.Time {
	p.reading.Lock()
	defer p.reading.Unlock()
	first := p.pairs[0].Leaf.NotAfter
	for _, pair := range p.pairs[1:] {
		if pair.Leaf.NotAfter.Before(first) {
			first = pair.Leaf.NotAfter
		}
	}
	return first
}

// GetCertificate is for tls.Config. A name that no certificate covers gets the first pair: some clients can be told to trust it, and an
// alert would help no one. Of several pairs for a name, the first that the client supports is used.
func (p *Pairs) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	choice := p.choice.Load()
	fit := choice.covering(strings.ToLower(strings.TrimSuffix(hello.ServerName, ".")))
	switch len(fit) {
	case 0:
		return choice.first, nil
	case 1:
		return fit[0], nil
	}
	for _, pair := range fit { // RSA and ECDSA for the same name
		if hello.SupportsCertificate(pair) == nil {
			return pair, nil
		}
	}
	return fit[0], nil
}

// Covers reports whether a certificate covers a host name in lower case.
func (p *Pairs) Covers(name string) bool { return p.choice.Load().covering(name) != nil }

// MaxUncovered is where Uncovered stops counting, so that a million names that no certificate could ever cover delay nothing.
const MaxUncovered = 10_000

// Uncovered counts the host names, in lower case, that no certificate covers, and returns the first three of them in alphabetical order.
// Clients that ask for such a name by https get a certificate for another one and reject it.
func (p *Pairs) Uncovered(names iter.Seq[string]) (few []string, count int) {
	const enough = 3
	choice := p.choice.Load()
	for name := range names {
		if count == MaxUncovered {
			break
		}
		if choice.covering(name) != nil {
			continue
		}
		count++
		if at, _ := slices.BinarySearch(few, name); at < enough {
			few = slices.Insert(few, at, name)
			few = few[:min(len(few), enough)]
		}
	}
	return few, count
}
