package server

import (
	"context"
	"log/slog"
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
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("systemd wants signs of life, but WATCHDOG_USEC and WATCHDOG_PID cannot be read", "error", err)
	}
	if limit <= 0 {
		return
	}
	whileAlive(ctx, limit, s.listeners.Alive, func(err error) {
		if err != nil {
			s.log.Error("a listener does not answer; if it goes on, systemd starts mailhint anew", "error", err)
			return
		}
		tell(s.log, daemon.SdNotifyWatchdog)
	})
}

// whileAlive has every look told, until ctx is done. A look may take a quarter of the time in which systemd wants a sign, so that two
// can fail and the third still be in time: a machine that is busy for a moment is no reason to start anew.
func whileAlive(ctx context.Context, limit time.Duration, look func(within time.Duration) error, told func(error)) {
	tick := time.NewTicker(limit / 4)
	defer tick.Stop()
	for {
		err := look(limit / 4)
		if ctx.Err() != nil {
			return // it is being stopped
		}
		told(err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
