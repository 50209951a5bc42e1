package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"mailhint/domains"
	"mailhint/filestore"
)

// observer records in the history what is changed by hand while the server runs, in the background.
type observer struct {
	config  string
	log     *slog.Logger
	changed chan struct{} // has an element if the configuration has been read again
}

func newObserver(config string, log *slog.Logger) *observer {
	return &observer{config: config, log: log, changed: make(chan struct{}, 1)}
}

// Changed says that the configuration has been read again. It does not wait.
func (o *observer) Changed() {
	select {
	case o.changed <- struct{}{}:
	default: // it will be looked at anyway
	}
}

// observeAfter is how long after a change the files are looked at: several saves in a row are one change.
const observeAfter = time.Second

// Run observes until ctx is done. A history that cannot be written is logged once, until it can be written again.
func (o *observer) Run(ctx context.Context) {
	store, err := filestore.Open(o.config)
	if err != nil {
		o.log.Warn("changes by hand are not recorded in the history", "error", err)
		return
	}
	store.Warn = func(err error) { o.log.Warn("history", "problem", err) }
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.changed:
		}
		if !wait(ctx, observeAfter) {
			return
		}
		switch err := observe(ctx, store, o.config); {
		case ctx.Err() != nil:
		case err != nil && !failed:
			failed = true
			o.log.Warn("changes by hand are not recorded in the history", "error", err)
		case err == nil:
			failed = false
		}
	}
}

// observe looks for changes by hand, unless there is no state_dir: the first change with a command creates it, and begins the history.
func observe(ctx context.Context, store *filestore.Store, config string) error {
	dir, err := domains.StateDir(config)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err = store.Observe(ctx)
	if problems := (domains.Problems)(nil); errors.As(err, &problems) {
		return nil // reported when the server read the file
	}
	return err
}

// wait waits, and reports false if ctx was done before.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
