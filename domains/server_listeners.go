package domains

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"mailhint/settings"
)

// checkListeners sets the listeners that depend on tls.
func (t *table) checkListeners(v *serverValues, at places) {
	if !at.has("http") {
		v.HTTP = []string{":80"}
		if v.TLS == "off" {
			v.HTTP = []string{cmp.Or(os.Getenv(httpVariable), "localhost:8080")}
		}
	}
	switch {
	case v.TLS == "off" && t.has("https"):
		t.fail("https", "is not used with tls = \"off\"; remove it, or write tls = \"acme\", or tls = \"files\" with cert and key")
	case v.TLS != "off" && !at.has("https"):
		v.HTTPS = []string{":443"}
	}
	if len(v.HTTP)+len(v.HTTPS) == 0 {
		t.fail("http", "is empty, so the server would not listen anywhere; write http = [\":80\"]")
	}
	t.checkListenersOnce(v)
}

// httpVariable is the environment variable with the default of http if tls is "off". In a container, where localhost is of no use, it is better
// than a configuration that works nowhere else.
const httpVariable = "MAILHINT_HTTP"

// checkEnvironment notes a mistake in the variable, if it is used.
func (l *loader) checkEnvironment(v *serverValues) {
	text := os.Getenv(httpVariable)
	if _, _, err := net.SplitHostPort(text); err != nil && len(v.HTTP) == 1 && v.HTTP[0] == text {
		l.note(Position{File: l.main}, "", "%q in the environment variable %s is not a valid address to listen on; write it like \":8080\"", text, httpVariable)
	}
}

// checkListenersOnce refuses an address to listen on that another listener has already.
func (t *table) checkListenersOnce(v *serverValues) {
	type listener struct{ key, address string }
	var before []listener
	for _, l := range []struct {
		key       string
		addresses []string
	}{{"http", v.HTTP}, {"https", v.HTTPS}, {"admin", []string{v.Admin}}} {
		for i, address := range l.addresses {
			n := slices.IndexFunc(before, func(other listener) bool { return sameListener(address, other.address) })
			switch {
			case n < 0:
			case t.has(l.key):
				t.failElement(l.key, i, "%q is already used by %s = %q; choose another port", address, before[n].key, before[n].address)
			default:
				t.fail(before[n].key, "%q is also the default of %s; choose another port, or set %s", address, l.key, l.key)
			}
			before = append(before, listener{l.key, address})
		}
	}
}

// sameListener reports whether two addresses cannot both be listened on: an address without a host takes the port on all of them.
func sameListener(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	everywhere := func(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }
	local := func(host string) string { return strings.NewReplacer("localhost", "127.0.0.1").Replace(host) }
	return everywhere(hostA) || everywhere(hostB) || local(hostA) == local(hostB)
}

func readListenAddresses(t *table, key string) ([]string, bool) {
	if t.isPort(key, "") {
		return nil, false
	}
	list, ok := t.texts(key)
	for i, address := range list {
		t.checkListen(key, i, address)
	}
	return list, ok
}

// checkAdminName refuses a name for the admin page that is also one of a domain, or at which mail programs ask.
func (l *loader) checkAdminName(s Server) {
	if s.AdminName == "" {
		return
	}
	_, isDomain := l.index.names[settings.Domain(s.AdminName)]
	of := settings.DomainOfServiceHost(s.AdminName)
	switch {
	case s.AdminName == s.Name:
		l.server.fail("admin_name", "%q is the name of the server, where mail programs ask; choose a name of its own, such as \"admin.%[1]s\"", s.AdminName)
	case isDomain:
		l.server.fail("admin_name", "%q is a domain of this configuration; choose a name of its own, such as \"admin.%[1]s\"", s.AdminName)
	case of != "":
		l.server.fail("admin_name", "%q is a name at which mail programs ask for %s; choose another, such as \"admin.%[2]s\"", s.AdminName, of)
	}
}

func readAdminAddress(t *table, key string) (string, bool) {
	if t.isPort(key, "127.0.0.1") {
		return "", false
	}
	admin, ok := t.text(key)
	if ok && admin != "" {
		t.checkListen(key, 0, admin)
	}
	return admin, ok
}

// isPort notes a number where an address to listen on belongs.
func (t *table) isPort(key, host string) bool {
	port, ok := t.values[key].(int64)
	if ok {
		t.value(key)
		t.fail(key, "must be a string; write %s = %q", key, fmt.Sprintf("%s:%d", host, port))
	}
	return ok
}

func (t *table) checkListen(key string, i int, address string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		t.failElement(key, i, "%q is not a valid address to listen on; write it like \":80\", \"127.0.0.1:8080\" or \"[::1]:8080\"", address)
	}
}
