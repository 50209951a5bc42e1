package filestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
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
		err = waitForLock(ctx, dir)
	}
	if err == nil || ctx.Err() != nil {
		return dir, err
	}
	root, err := openDir(stateDir)
	if err != nil {
		return nil, err
	}
	defer root.Close() // nothing is written with it
	file, err := root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	giveFileToOwner(root, file)
	return file, waitForLock(ctx, file)
}

// waitForLock locks an open file or folder, or closes it and returns an error.
func waitForLock(ctx context.Context, file *os.File) error {
	locked := make(chan error, 1)
	go func() { locked <- lockExclusively(file) }()
	select {
	case err := <-locked:
		if err != nil {
			file.Close() // the first error says more
		}
		return err
	case <-ctx.Done():
		err := context.Cause(ctx)
		if holder := lockHolder(file); holder != "" && errors.Is(err, ErrBusy) {
			err = fmt.Errorf("%w: %s", err, holder)
		}
		go func() { // the kernel gives no way to stop waiting
			<-locked
			file.Close()
		}()
		return err
	}
}
