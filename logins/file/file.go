// Package file finds login names in a file: lines with an address and its login name, or CSV. The file is read again when it changes; a million
// lines are kept in little more memory than their text has.
//
// Read file.go first, then parse.go.
package file

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"mailhint/logins"
	"mailhint/settings"
)

// lookEvery is how often the file is examined for changes.
const lookEvery = time.Second

// Source is a logins.Source. Use Open.
type Source struct {
	file string
	log  *slog.Logger

	current atomic.Pointer[Names]
	version atomic.Uint64

	stop    func()
	stopped sync.WaitGroup
}

// Open reads a file and follows its changes until Close. The error says why it cannot be read; lines that cannot be used are logged, and none of
// them is repeated in the log. A change that makes the file unreadable is logged, and the names that were read before stay.
func Open(file string, log *slog.Logger) (*Source, error) { return open(file, lookEvery, log) }

func open(file string, lookEvery time.Duration, log *slog.Logger) (*Source, error) {
	s := &Source{file: file, log: log}
	seen := stateOf(file)
	if err := s.read(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.stopped.Go(func() { s.follow(ctx, lookEvery, seen) })
	return s, nil
}

// OpenOnce is Open for a file whose changes are not followed: the Source needs no Close.
func OpenOnce(file string, log *slog.Logger) (*Source, error) {
	s := &Source{file: file, log: log, stop: func() {}}
	if err := s.read(); err != nil {
		return nil, err
	}
	return s, nil
}

// Close stops following the file.
func (s *Source) Close() error {
	s.stop()
	s.stopped.Wait()
	return nil
}

// Version differs after each change of the file.
func (s *Source) Version() uint64 { return s.version.Load() }

// Find returns the login names of an address, or else of the same person at the primary domain. There are several if lines contradict each
// other.
func (s *Source) Find(_ context.Context, q logins.Question) ([]string, error) {
	n := s.current.Load()
	found := n.find(q.Address)
	if found == nil && q.Primary != q.Address.Domain {
		found = n.find(settings.Address{Local: q.Address.Local, Domain: q.Primary})
	}
	return found, nil
}

// read reads the file.
func (s *Source) read() error {
	n, problems, err := Read(s.file)
	if err != nil {
		return err
	}
	const most = 10 // lines in the log
	for _, p := range problems[:min(len(problems), most)] {
		s.log.Warn("a line of a file with login names is not used: "+p.Text, "file", s.file, "line", p.Line)
	}
	if more := len(problems) - most; more > 0 {
		s.log.Warn("more lines of a file with login names are not used; mailhint check lists them", "file", s.file, "more", more)
	}
	s.current.Store(n)
	s.version.Add(1)
	return nil
}

// follow reads the file again when it has changed and two looks have found the same, until ctx is done.
func (s *Source) follow(ctx context.Context, lookEvery time.Duration, used state) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for before := used; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := stateOf(s.file)
		if now != used && now == before {
			used = now
			if err := s.read(); err != nil {
				s.log.Error("a file with login names cannot be read again; still using what it said before", "error", err)
			} else {
				s.log.Info("login names read again", "file", s.file, "addresses", s.current.Load().Len())
			}
		}
		before = now
	}
}

// state changes whenever a file is written or replaced.
type state struct {
	size     int64
	modified time.Time
	mode     os.FileMode
	info     string // what os.SameFile compares
}

func stateOf(file string) state {
	info, err := os.Stat(file)
	if err != nil {
		return state{}
	}
	return state{size: info.Size(), modified: info.ModTime(), mode: info.Mode(), info: identity(info)}
}

// Names are the login names of a file.
type Names struct {
	text  []byte   // addresses and login names, each with a zero octet behind it
	index []uint32 // where the address of each line begins, sorted by address
}

// Len returns the number of lines.
func (n *Names) Len() int { return len(n.index) }

// find returns the login names of an address in lower case.
func (n *Names) find(a settings.Address) (found []string) {
	key := a.String()
	low, high := 0, len(n.index)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if string(n.at(n.index[middle])) < key { // compares without a copy
			low = middle + 1
		} else {
			high = middle
		}
	}
	for ; low < len(n.index); low++ {
		address := n.at(n.index[low])
		if string(address) != key {
			break
		}
		if len(found) < 2 {
			found = append(found, string(n.at(n.index[low]+uint32(len(address))+1)))
		}
	}
	return found
}

// at returns the text at an offset.
func (n *Names) at(offset uint32) []byte {
	rest := n.text[offset:]
	return rest[:bytes.IndexByte(rest, 0)]
}

// Problem is a line that cannot be used.
type Problem struct {
	Line int
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("%d: %s", p.Line, p.Text) }
