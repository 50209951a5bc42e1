package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// systemd tells the service manager how things stand (sd_notify). It does nothing if no service manager asked for that.
type systemd struct {
	mu       sync.Mutex
	serving  bool   // connections are accepted
	knows    bool   // there are domains to answer for
	reloads  bool   // a reload has begun
	reported bool   // READY=1 has been sent
	status   string // what systemctl status shows
	told     string // what it shows already
}

// running says that connections are served from now on.
func (d *systemd) running(log *slog.Logger) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serving = true
	d.report(log)
}

// loaded says that there are domains, new ones or still the old: the service is up, or a reload is over.
func (d *systemd) loaded(log *slog.Logger, status string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.knows, d.status = true, status
	d.report(log)
}

// reloading says that the domains are being read again. The next call of loaded ends it.
func (d *systemd) reloading(log *slog.Logger) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reloads = true
	tell(log, daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec())
}

// stopping says that the end has begun.
func (d *systemd) stopping(log *slog.Logger) { tell(log, daemon.SdNotifyStopping) }

func (d *systemd) report(log *slog.Logger) {
	if !d.serving || !d.knows {
		return
	}
	state := ""
	if !d.reported || d.reloads {
		state = daemon.SdNotifyReady + "\n"
	}
	if d.status != d.told {
		state += "STATUS=" + d.status + "\n"
	}
	d.reported, d.reloads, d.told = true, false, d.status
	if state != "" {
		tell(log, state)
	}
}

func tell(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("cannot tell systemd how mailhint is doing", "error", err)
	}
}

// watchdog tells systemd that this process lives (WatchdogSec= in the unit), as long as its listeners do. If they hang, systemd hears
// nothing and starts it anew.
func (s *Server) watchdog(ctx context.Context) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("systemd wants signs of life, but WATCHDOG_USEC and WATCHDOG_PID cannot be read", "error", err)
	}
	if every <= 0 {
		return
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		if err := s.alive(every / 4); ctx.Err() != nil {
			return // it is being stopped
		} else if err != nil {
			s.log.Error("a listener does not answer; if it goes on, systemd starts mailhint anew", "error", err)
		} else {
			tell(s.log, daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// alive returns why a listener does not do its work, or nil.
func (s *Server) alive(within time.Duration) error {
	for _, l := range s.listeners {
		if err := reacts(l.Addr().String(), within); err != nil {
			return fmt.Errorf("listener %s for %s: %w", l.Addr(), l.purpose, err)
		}
	}
	return nil
}

// reacts reports whether anything happens to a connection that begins with what is neither HTTP nor TLS: an answer, or its end. The
// kernel alone would open it, too. It is no request, so that the log and the metrics show none; where trusted proxies must begin with
// a header, this is one.
func reacts(address string, within time.Duration) error {
	c, err := net.DialTimeout("tcp", address, within)
	if err != nil {
		return rootOf(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(within)) // an error shows below
	c.Write([]byte("PROXY UNKNOWN\r\nno request\r\n\r\n"))
	_, err = c.Read(make([]byte, 1))
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return fmt.Errorf("nothing happens for %s", within)
	}
	return nil
}
