package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"mailhint/listen"
)

// Listen opens all addresses, or takes the sockets that systemd has opened. Connections wait from then on; Run serves them. After
// an error none is open.
func (s *Server) Listen() error {
	if s.config.TLS == "acme" && s.acme == nil {
		return errNoACME
	}
	listeners, err := listen.Open(listen.Config{
		HTTP: s.config.HTTP, HTTPS: s.config.HTTPS, Admin: s.config.Admin, TLS: s.tlsConfig(),
		TrustedProxies: s.config.TrustedProxies, ProxyProtocol: s.config.ProxyProtocol,
		Limits: s.limits, Handler: s.handlerFor, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.listeners = listeners
	s.setReachable()
	s.metrics.built(s.Version)
	s.metrics.registry.MustRegister(listeners)
	return nil
}

// Close closes what Listen has opened, if Run has not.
func (s *Server) Close() error {
	if s.listeners == nil {
		return nil
	}
	return s.listeners.Close()
}

// handlerFor returns what answers at the listeners for a purpose.
func (s *Server) handlerFor(purpose listen.Purpose) http.Handler {
	if purpose == listen.Admin {
		return s.adminHandler()
	}
	secure := purpose == listen.HTTPS
	return s.answerChallenges(purpose, s.orAdmin(secure, s.Handler(secure)))
}

// Addrs returns the addresses that Listen has opened.
func (s *Server) Addrs() listen.Addrs { return s.listeners.Addrs() }

// Run serves what Listen has opened until ctx is done, then stops without failing a request: first /-/readyz says 503 and answers
// ask clients to open their next connection elsewhere, while new ones are still served for the time of Drain; then nothing new is
// accepted, and running requests may finish.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.listeners.Serve() }()
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	for _, p := range s.allPairs() {
		go p.Watch(watching, s.reread)
	}
	s.systemd.running(s.log)
	go s.watchdog(watching)
	var cause error
	select {
	case <-ctx.Done():
	case cause = <-failed: // serving on with the other listeners would hide that one is broken
	}
	return errors.Join(cause, s.stop())
}

// stop is the end of Run.
func (s *Server) stop() error {
	s.stopping.Store(true)
	s.systemd.stopping(s.log)
	s.log.Info("shutting down", "drain", s.Drain)
	time.Sleep(s.Drain)
	return s.listeners.Shutdown()
}

// watchdog reports to systemd that this process is alive (WatchdogSec= in the unit), as long as its listeners are. If they hang, systemd
// gets no report and restarts the service.
func (s *Server) watchdog(ctx context.Context) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("systemd has set a watchdog, but WATCHDOG_USEC and WATCHDOG_PID cannot be read", "error", err)
	}
	if limit <= 0 {
		return
	}
	whileAlive(ctx, limit, s.listeners.Alive, func(err error) {
		if err != nil {
			s.log.Error("a listener does not answer; if this continues, systemd will restart mailhint", "error", err)
			return
		}
		notify(s.log, daemon.SdNotifyWatchdog)
	})
}
