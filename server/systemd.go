package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// systemd keeps the service manager informed (sd_notify). It does nothing if no service manager asks for it.
type systemd struct {
	mu         sync.Mutex
	serving    bool   // connections are accepted
	loadedOnce bool   // there are domains to answer for
	inReload   bool   // a reload has begun
	ready      bool   // READY=1 has been sent
	status     string // what systemctl status should show
	sent       string // what it shows already
}

// running says that connections are served from now on.
func (d *systemd) running(log *slog.Logger) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serving = true
	d.report(log)
}

// loaded says what the server serves now: the service is up, or a reload is over.
func (d *systemd) loaded(log *slog.Logger, s State) {
	if s.Domains == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loadedOnce, d.status = true, s.summary()
	d.report(log)
}

// reloading says that a reload has begun. The next call of loaded ends it.
func (d *systemd) reloading(log *slog.Logger) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inReload = true
	notify(log, daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec())
}

// stopping says that the service is shutting down.
func (d *systemd) stopping(log *slog.Logger) { notify(log, daemon.SdNotifyStopping) }

func (d *systemd) report(log *slog.Logger) {
	if !d.serving || !d.loadedOnce {
		return
	}
	message := ""
	if !d.ready || d.inReload {
		message = daemon.SdNotifyReady + "\n"
	}
	if d.status != d.sent {
		message += "STATUS=" + d.status + "\n"
	}
	d.ready, d.inReload, d.sent = true, false, d.status
	if message != "" {
		notify(log, message)
	}
}

func notify(log *slog.Logger, message string) {
	if _, err := daemon.SdNotify(false, message); err != nil {
		log.Warn("cannot notify systemd of the state of the service", "error", err)
	}
}

// whileAlive reports every check until ctx is done. A check may take a quarter of the time within which systemd expects a report, so that
// two can fail and the third is still in time: a machine that is busy for a moment is no reason for a restart.
func whileAlive(ctx context.Context, limit time.Duration, check func(within time.Duration) error, report func(error)) {
	tick := time.NewTicker(limit / 4)
	defer tick.Stop()
	for {
		err := check(limit / 4)
		if ctx.Err() != nil {
			return // the service is being stopped
		}
		report(err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
