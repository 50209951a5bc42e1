package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"mailhint/domains"
	"mailhint/listen"
	"mailhint/untrusted"
)

// Served says whether a running server serves a configuration that has just been saved, as far as its admin listener says.
type Served struct {
	Status ServedStatus `json:"status"`
	// Server is the address of the admin listener that was asked; empty if there is none.
	Server string `json:"server,omitempty"`
	// Seconds is how long after saving the server was seen to serve it.
	Seconds float64 `json:"seconds,omitempty"`
	// Reason says why it is not served.
	Reason string `json:"reason,omitempty"`
}

// ServedStatus is the outcome of AwaitServed.
type ServedStatus string

const (
	Serving      ServedStatus = "serving"       // the server answers with it
	NotAccepted  ServedStatus = "refused"       // the server has read it and cannot use it
	NotYet       ServedStatus = "held back"     // the server has read it, and somebody must accept that it drops many domains
	ChangedAgain ServedStatus = "changed again" // the server has read a later state of the files
	NotRead      ServedStatus = "not read"      // the server has not read it in time
	OtherFile    ServedStatus = "other file"    // the server serves another main file
	NoServer     ServedStatus = "no server"     // nothing listens at the address
	SavedThere   ServedStatus = "saved there"   // another server has saved it, and has read it if it could; AwaitServed does not return this
	NotKnown     ServedStatus = "unknown"       // the configuration names no admin listener, or what answers there is not one that can say
)

// String is the whole result in one line, for people.
func (s Served) String() string {
	switch s.Status {
	case Serving:
		if s.Seconds < 0.1 {
			return "served by the running server at once"
		}
		return fmt.Sprintf("served by the running server after %.1f s", s.Seconds)
	case NotAccepted:
		return "saved, but the running server refuses it and still serves the previous configuration: " + s.Reason
	case NotYet:
		return "saved, but held back by the running server: " + s.Reason
	case SavedThere:
		return "saved by the server at " + s.Server
	case NotKnown:
		return "saved; whether a server serves it is not known: " + s.Reason
	}
	return "saved, but not seen to be served: " + s.Reason
}

// AwaitServed waits until the server of a configuration serves the files with a digest (domains.Snapshot.Digest), which were completely
// saved at a time, or until it is clear that it does not, for at most five seconds. It tells the server to read the files now. If nothing
// listens at the address of [server] admin, it returns at once. file is the main file. Nothing is claimed that the server has not said.
func AwaitServed(ctx context.Context, config domains.Server, file, digest string, saved time.Time) Served {
	address, why := dialAddress(config.Admin)
	if why != "" {
		return Served{Status: NotKnown, Reason: why}
	}
	ctx, cancel := context.WithTimeout(ctx, awaitAtMost)
	defer cancel()
	a := awaiting{address: address, file: file, digest: digest, saved: saved}
	served := a.wait(ctx)
	served.Server = address
	return served
}

// AwaitSequence is AwaitServed for a change that was saved in the database of [store]: it waits until the server serves the change with a number.
func AwaitSequence(ctx context.Context, config domains.Server, file string, number int64, saved time.Time) Served {
	address, why := dialAddress(config.Admin)
	if why != "" {
		return Served{Status: NotKnown, Reason: why}
	}
	ctx, cancel := context.WithTimeout(ctx, awaitAtMost)
	defer cancel()
	served := awaiting{address: address, file: file, saved: saved}.follow(ctx, number)
	served.Server = address
	return served
}

// follow asks until the server has a change of the database.
func (a awaiting) follow(ctx context.Context, number int64) Served {
	for {
		r, err := a.ask(ctx, http.MethodGet)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return Served{Status: NoServer, Reason: "no server listens at " + a.address + " (admin in [server])"}
		case err != nil && ctx.Err() == nil:
			return Served{Status: NotKnown, Reason: fmt.Sprintf("%s (admin in [server]): %v", a.address, err)}
		case err == nil && a.isOther(r.File):
			return Served{Status: OtherFile, Reason: fmt.Sprintf("the server at %s serves another file, %s", a.address, untrusted.Clip(r.File, maxPartLine))}
		case err == nil && r.Sequence >= number:
			return Served{Status: Serving, Seconds: time.Since(a.saved).Seconds()}
		case !sleep(ctx, awaitPoll):
			return Served{Status: NotRead, Reason: fmt.Sprintf("the server at %s has not read change %d from the database within %.0f s; its log, and http://%s/-/readyz, say more", a.address, number, awaitAtMost.Seconds(), a.address)}
		}
	}
}

const (
	awaitAtMost = 5 * time.Second
	awaitPoll   = 50 * time.Millisecond
	maxReading  = 1 << 20 // octets
)

// dialAddress returns where to connect to for a listen address, or why that is not known.
func dialAddress(admin string) (address, why string) {
	host, port, err := net.SplitHostPort(admin)
	switch {
	case admin == "":
		return "", "admin is \"\" in [server], so no server can be asked"
	case err != nil, port == "0":
		return "", fmt.Sprintf("admin is %q in [server], so the address to ask is not known", admin)
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "":
		host = "localhost"
	case err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port), ""
}

// awaiting is one call of AwaitServed.
type awaiting struct {
	address, file, digest string
	saved                 time.Time
}

// wait asks until there is an answer.
func (a awaiting) wait(ctx context.Context) Served {
	r, err := a.ask(ctx, http.MethodGet)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Served{Status: NoServer, Reason: "no server listens at " + a.address + " (admin in [server])"}
	case err != nil:
		return Served{Status: NotKnown, Reason: fmt.Sprintf("%s (admin in [server]): %v", a.address, err)}
	}
	if r.Digest != a.digest && a.isOther(r.File) {
		return Served{Status: OtherFile, Reason: fmt.Sprintf("the server at %s serves another file, %s", a.address, untrusted.Clip(r.File, maxPartLine))}
	}
	for method := http.MethodPost; ; method = http.MethodGet {
		if served, known := a.judge(r); known {
			return served
		}
		if method == http.MethodGet && !sleep(ctx, awaitPoll) {
			return a.late(r)
		}
		next, err := a.ask(ctx, method)
		switch {
		case err == nil:
			r = next
		case ctx.Err() != nil:
			return a.late(r)
		default:
			return Served{Status: NotRead, Reason: fmt.Sprintf("the server at %s stopped answering: %v", a.address, err)}
		}
	}
}

// judge returns what a reading says about the awaited files, if it is about them.
func (a awaiting) judge(r Reading) (Served, bool) {
	switch {
	case r.Digest == a.digest:
		return Served{Status: Serving, Seconds: time.Since(a.saved).Seconds()}, true
	case r.ReadDigest != a.digest:
		return Served{}, false
	}
	first, _, _ := strings.Cut(r.Reason, "\n")
	reason := untrusted.Clip(first, maxPartLine)
	if r.Outcome == HeldBack {
		return Served{Status: NotYet, Reason: reason}, true
	}
	return Served{Status: NotAccepted, Reason: reason}, true
}

// late is for a server that has not read the files when the time is over.
func (a awaiting) late(r Reading) Served {
	if r.Read.After(a.saved) {
		return Served{Status: ChangedAgain, Reason: "the server at " + a.address + " has read the files after that and found them changed again"}
	}
	return Served{Status: NotRead, Reason: fmt.Sprintf("the server at %s has not read the files within %.0f s; its log, and http://%s/-/readyz, say more", a.address, awaitAtMost.Seconds(), a.address)}
}

// isOther reports whether the server's main file is known to be another one. A server in a container may see the same file by another path.
func (a awaiting) isOther(servers string) bool {
	theirs, err := os.Stat(servers)
	if err != nil {
		return false
	}
	ours, err := os.Stat(a.file)
	return err == nil && !os.SameFile(ours, theirs)
}

// ask gets the server's reading. A POST announces the digest.
func (a awaiting) ask(ctx context.Context, method string) (Reading, error) {
	u := url.URL{Scheme: "http", Host: a.address, Path: "/-/config"}
	if method == http.MethodPost {
		u.RawQuery = url.Values{"digest": {a.digest}}.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return Reading{}, err
	}
	response, err := adminClient.Do(request)
	if err != nil {
		return Reading{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxReading))
	if err != nil {
		return Reading{}, err
	}
	var r Reading
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&r); err != nil || response.StatusCode != http.StatusOK || r.Outcome == "" {
		return Reading{}, errors.New("what answers there is not the admin listener of this version of mailhint")
	}
	return r, nil
}

// adminClient asks no proxy, and follows no redirect.
var adminClient = &http.Client{
	Transport:     &http.Transport{DialContext: dialAdmin, ResponseHeaderTimeout: awaitAtMost},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// dialAdmin connects to an address at which the server listens as Listen does. The error is about all spellings of the address.
func dialAdmin(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: time.Second}
	var errs []error
	for _, spelling := range listen.Spellings(address) {
		conn, err := dialer.DialContext(ctx, network, spelling)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// sleep waits, and reports false if ctx was done before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
