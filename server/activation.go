package server

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// sockets are listeners that systemd has opened, by purpose. They stay open when mailhint is restarted, so that connections wait
// meanwhile.
type sockets map[string][]net.Listener

func (k sockets) has(purpose string) bool { return len(k[purpose]) > 0 }

// socketsFromSystemd takes the sockets that a socket unit passes to us: their names (FileDescriptorName=) tell what they are for, or
// else their ports.
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
			errs = append(errs, fmt.Errorf("systemd passes %q, which is no socket that listens; write ListenStream= in the socket unit", f.Name()))
			continue
		}
		purpose, err := purposeOf(f.Name(), l.Addr())
		if err != nil {
			errs = append(errs, err)
			l.Close() // it goes on listening in systemd
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

func (k sockets) close() {
	for _, listeners := range k {
		for _, l := range listeners {
			l.Close() // our copy; there is nobody to tell
		}
	}
}

// usualPorts tell what a socket without a name of ours is for.
var usualPorts = map[int]string{80: forHTTP, 8080: forHTTP, 443: forHTTPS, 8443: forHTTPS, 8081: forAdmin}

func purposeOf(name string, addr net.Addr) (string, error) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return "", fmt.Errorf("systemd passes the socket %s, which is not TCP; write ListenStream=PORT in the socket unit", addr)
	}
	switch name {
	case forHTTP, forHTTPS, forAdmin:
		return name, nil
	}
	if purpose, ok := usualPorts[tcp.Port]; ok {
		return purpose, nil
	}
	return "", fmt.Errorf("systemd passes the socket %s, and it is not known what for; write FileDescriptorName=http, https or admin in the socket unit", addr)
}

// take has sockets served that systemd passes.
func (s *Server) take(passed sockets) error {
	if passed.has(forHTTPS) && s.config.TLS == "off" {
		passed.close()
		return errors.New(`systemd passes a socket for https, but tls is "off"; set tls in [server], or remove the socket from the socket unit`)
	}
	for _, purpose := range []string{forHTTP, forHTTPS, forAdmin} {
		for _, l := range passed[purpose] {
			s.add(purpose, l)
		}
	}
	return nil
}
