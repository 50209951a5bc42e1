package replica

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"mailhint/postgres"
	"mailhint/statedir"
)

// The files in state_dir.
const (
	copyName    = "replica.copy"
	journalName = "replica.changes"
	lockName    = "replica.lock"
)

const (
	// maxPending limits what waits to be written to the journal, in octets. If it is more, the whole copy is written instead.
	maxPending = 32 << 20
	// minRewrite is how long the journal gets, in octets, before the copy is written again, unless the copy is more than twice as long.
	minRewrite = 16 << 20
	// bytesPerSecond limits how fast the copy is written, so that requests do not wait for a busy disk.
	bytesPerSecond = 64 << 20
	// afterFailure is the time after which the copy is written again when that has failed.
	afterFailure = time.Minute
	// betweenSyncs is the time in which changes are collected before they must be on disk. What a crash loses is read from the database again.
	betweenSyncs = time.Second
)

// saver keeps the copy in state_dir. The file is replaced as a whole now and then; in between, changes are appended to a journal.
type saver struct {
	replica *Replica
	wake    chan struct{}

	mu      sync.Mutex // guards what follows
	all     bool       // the whole copy is to be written
	pending []byte     // to be appended to the journal
	err     error      // why the latest write failed; nil if it did not
	savedAt time.Time  // when the files were last known to have everything
}

func newSaver(r *Replica) *saver { return &saver{replica: r, wake: make(chan struct{}, 1)} }

// rewrite has the whole copy written. The replica's mutex must be held, so that no change is in between.
func (s *saver) rewrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.pending = true, nil
	signal(s.wake)
}

// append has changes written. The replica's mutex must be held.
func (s *saver) append(list []record, from, to postgres.Position) {
	if s.replica.config.StateDir == "" {
		return
	}
	e := entry{From: from, To: to, Time: time.Now().UTC()}
	for _, r := range list {
		e.Records = append(e.Records, saved(r))
	}
	block, err := e.encode()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.all: // it will be in the copy
	case err != nil || len(s.pending)+len(block) > maxPending:
		s.all, s.pending = true, nil
	default:
		s.pending = append(s.pending, block...)
	}
	signal(s.wake)
}

// run writes until ctx is done, and then once more what waits for the journal.
func (s *saver) run(ctx context.Context) {
	if s.replica.config.StateDir == "" {
		return
	}
	w, err := s.open(ctx)
	if err != nil {
		s.note(err)
		return
	}
	defer w.close()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.wake:
		}
		err := s.write(ctx, w)
		s.note(err)
		pause := betweenSyncs
		if err != nil {
			pause = afterFailure
			s.mu.Lock()
			s.all, s.pending = true, nil
			s.mu.Unlock()
			signal(s.wake)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	s.note(s.write(ctx, w))
}

// open locks the files against other processes, which it waits for.
func (s *saver) open(ctx context.Context) (*writer, error) {
	root, err := statedir.Open(s.replica.config.StateDir)
	if err != nil {
		return nil, err
	}
	lock, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		statedir.GiveFile(root, lock)
		if err = statedir.Lock(ctx, lock); err == nil {
			return &writer{root: root, lock: lock}, nil
		}
	}
	return nil, errors.Join(err, root.Close())
}

// write writes what there is to write. When ctx is done, that is not the whole copy.
func (s *saver) write(ctx context.Context, w *writer) error {
	s.mu.Lock()
	all, pending := s.all, s.pending
	s.pending = nil
	s.mu.Unlock()
	if !all {
		if err := w.append(pending); err != nil {
			return err
		}
		if w.journalSize > max(minRewrite, w.copySize/2) {
			s.mu.Lock()
			s.all = true
			s.mu.Unlock()
			signal(s.wake)
		}
		return nil
	}
	if ctx.Err() != nil {
		return nil
	}
	d := s.replica.dump()
	err := w.replace(ctx, d)
	if ctx.Err() != nil {
		return nil // the old copy is there, and the journal goes with it
	}
	return err
}

// dump returns what is to be in the copy. What changes later is appended to the journal.
func (r *Replica) dump() *dump {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.saver.mu.Lock()
	defer r.saver.mu.Unlock()
	r.saver.all, r.saver.pending = false, nil
	return dumpOf(r.records, r.config.Program, r.position, r.status.inStep)
}

// note notes how a write has ended.
func (s *saver) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && (s.err == nil || s.err.Error() != err.Error()) {
		s.replica.config.Log.Error("the copy of the database cannot be saved in state_dir", "error", err)
	}
	if s.err = err; err == nil {
		s.savedAt = time.Now()
	}
}

// writer writes the files, which no other process writes.
type writer struct {
	root        *os.Root
	lock        *os.File
	journal     *os.File // nil before the first append
	journalSize int64
	copySize    int64
}

func (w *writer) close() error {
	var err error
	if w.journal != nil {
		err = w.journal.Close()
	}
	return errors.Join(err, w.lock.Close(), w.root.Close())
}

// append appends to the journal.
func (w *writer) append(blocks []byte) error {
	if len(blocks) == 0 {
		return nil
	}
	if err := w.openJournal(); err != nil {
		return err
	}
	n, err := w.journal.Write(blocks)
	w.journalSize += int64(n)
	if err != nil {
		return err
	}
	return w.journal.Sync()
}

func (w *writer) openJournal() error {
	if w.journal != nil {
		return nil
	}
	file, err := w.root.OpenFile(journalName, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	statedir.GiveFile(w.root, file)
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	w.journal, w.journalSize = file, info.Size()
	if info, err := w.root.Stat(copyName); err == nil {
		w.copySize = info.Size()
	}
	return nil
}

// replace writes the whole copy, and empties the journal. If it is interrupted in between, the journal has changes that do not continue the
// copy, and that nobody reads.
func (w *writer) replace(ctx context.Context, d *dump) error {
	slow := &slowWriter{ctx: ctx}
	err := statedir.ReplaceFrom(w.root, copyName, func(to io.Writer) error {
		slow.to, slow.start = to, time.Now()
		return d.write(slow)
	})
	if err != nil {
		return err
	}
	w.copySize = slow.written
	if err := w.openJournal(); err != nil {
		return err
	}
	w.journalSize = 0
	return w.journal.Truncate(0)
}

// slowWriter writes no more than bytesPerSecond, until its context is done.
type slowWriter struct {
	ctx     context.Context
	to      io.Writer
	start   time.Time
	written int64
}

func (s *slowWriter) Write(b []byte) (int, error) {
	n, err := s.to.Write(b)
	s.written += int64(n)
	ahead := time.Duration(s.written)*time.Second/bytesPerSecond - time.Since(s.start)
	if err == nil && ahead > 10*time.Millisecond {
		select {
		case <-s.ctx.Done():
		case <-time.After(ahead):
		}
	}
	if err == nil {
		err = s.ctx.Err()
	}
	return n, err
}
