package listen

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// Purpose is what a listener is for. It is also the listener's name in the log and in socket units of systemd.
type Purpose string

const (
	HTTP  Purpose = "http"  // clients, without TLS
	HTTPS Purpose = "https" // clients, with TLS
	Admin Purpose = "admin" // health and metrics, for the people who run the server
)

// sockets are listeners that systemd has opened. They stay open while mailhint restarts, so that connections wait instead of failing.
type sockets map[Purpose][]net.Listener

func (s sockets) has(purpose Purpose) bool { return len(s[purpose]) > 0 }

// socketsFromSystemd takes the sockets that a socket unit passes to us. Their names (FileDescriptorName=) say what they are for, or
// else their ports do.
func socketsFromSystemd() (sockets, error) {
	return sortSockets(activation.Files(true))
}

func sortSockets(files []*os.File) (sockets, error) {
	found := make(sockets)
	var errs []error
	for _, f := range files {
		l, err := net.FileListener(f) // a copy
		f.Close()
		if err != nil {
			errs = append(errs, fmt.Errorf("systemd passes %q, which is not a listening socket; write ListenStream= in the socket unit", f.Name()))
			continue
		}
		purpose, err := purposeOf(f.Name(), l.Addr())
		if err != nil {
			errs = append(errs, err)
			l.Close() // only our copy: systemd keeps listening
			continue
		}
		found[purpose] = append(found[purpose], l)
	}
	if len(errs) > 0 {
		found.close()
		return nil, errors.Join(errs...)
	}
	return found, nil
}

func (s sockets) close() {
	for _, listeners := range s {
		for _, l := range listeners {
			l.Close() // our copy; an error would change nothing
		}
	}
}

// usualPorts say what a socket is for whose name does not.
var usualPorts = map[int]Purpose{80: HTTP, 8080: HTTP, 443: HTTPS, 8443: HTTPS, 8081: Admin}

func purposeOf(name string, addr net.Addr) (Purpose, error) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return "", fmt.Errorf("systemd passes the socket %s, which is not TCP; write ListenStream=PORT in the socket unit", addr)
	}
	switch purpose := Purpose(name); purpose {
	case HTTP, HTTPS, Admin:
		return purpose, nil
	}
	if purpose, ok := usualPorts[tcp.Port]; ok {
		return purpose, nil
	}
	return "", fmt.Errorf("systemd passes the socket %s without saying what it is for; write FileDescriptorName=http, https or admin in the socket unit", addr)
}
