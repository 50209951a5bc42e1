package server

import (
	"log/slog"
	"sync"

	"github.com/coreos/go-systemd/v22/daemon"
)

// systemd tells the service manager how things stand (sd_notify). It does nothing if no service manager asked for that.
type systemd struct {
	mu       sync.Mutex
	serving  bool // connections are accepted
	knows    bool // there are domains to answer for
	reloads  bool // a reload has begun
	reported bool // READY=1 has been sent
}

// running says that connections are served from now on.
func (d *systemd) running(log *slog.Logger) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serving = true
	d.report(log)
}

// loaded says that there are domains, new ones or still the old: the service is up, or a reload is over.
func (d *systemd) loaded(log *slog.Logger) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.knows = true
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
	if !d.serving || !d.knows || d.reported && !d.reloads {
		return
	}
	d.reported, d.reloads = true, false
	tell(log, daemon.SdNotifyReady)
}

func tell(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("cannot tell systemd how mailhint is doing", "error", err)
	}
}
