package filestore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"mailhint/statedir"
)

// ErrBusy means that another mailhint was changing the configuration for longer than a change takes: try again.
var ErrBusy = errors.New("another mailhint is changing the configuration")

// maxWait limits how long to wait for others. Applying 20,000 domains takes about three seconds.
const maxWait = 30 * time.Second

// lock waits until no other goroutine or process changes the configuration, and keeps them from doing so until unlock is called. People with
// editors do not lock.
//
// The lock is on the folder of the main file: it needs no permission to write, ends with the process, and leaves nothing behind. Where a folder
// cannot be locked (Windows, NFS), it is on a file in state_dir.
func (s *Store) lock(ctx context.Context, stateDir string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, maxWait, ErrBusy)
	defer cancel()
	select {
	case s.changing <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	file, err := s.lockFile(ctx, stateDir)
	if err != nil {
		<-s.changing
		return nil, err
	}
	return func() {
		file.Close() // ends the lock
		<-s.changing
	}, nil
}

func (s *Store) lockFile(ctx context.Context, stateDir string) (*os.File, error) {
	main, err := filepath.EvalSymlinks(s.config)
	if err != nil {
		return nil, err
	}
	dir, err := os.Open(filepath.Dir(main))
	if err == nil {
		err = statedir.Lock(ctx, dir)
	}
	if err == nil || ctx.Err() != nil {
		return dir, err
	}
	root, err := statedir.Open(stateDir)
	if err != nil {
		return nil, err
	}
	defer root.Close() // nothing is written with it
	file, err := root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	statedir.GiveFile(root, file)
	return file, statedir.Lock(ctx, file)
}
