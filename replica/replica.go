// Package replica keeps a full copy of the records of a database in memory, and answers from it: no request of a mail program waits for the
// database, and a name that is not configured costs no query. All replicas of a service have the same copy, and each also keeps it in its
// state_dir, from which it starts if the database is away.
//
// Nine of ten records say nothing but which profile they inherit from. A name therefore costs little more than its own text: table.go
// has the names in blocks of memory that the garbage collector does not look into, and settings are made when a client asks for them, and
// kept while they are needed.
//
// What the database says is checked like domains.toml. A record that does not check is reported by its name, and its last good form is served; so is
// that of all records which a change of a profile, or of [defaults], would break.
//
// The files, in the order in which they are best read:
//
//   - replica.go, source.go: the Replica, and where its records come from
//   - table.go, shard.go: names and values, compact and immutable
//   - record.go, class.go, view.go, cache.go: records, what they have in common, and how they are found
//   - change.go, inherit.go: what becomes of changes in the database and in the files
//   - follow.go: reading all records once, and then what has changed
//   - saved.go, load.go, dump.go, journal.go: the copy in state_dir
//   - report.go, metrics.go: what there is to say about it
package replica

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mailhint/domains"
	"mailhint/postgres"
)

// Config is what a Replica is made of.
type Config struct {
	Source Source
	// StateDir is the directory for the copy; empty for none.
	StateDir string
	// Program is the version of the program. A copy that another version has made is checked like what the database says.
	Program string
	Log     *slog.Logger
	// Poll is how long a change can go unnoticed if the database does not notify of it; 0 for five seconds.
	Poll time.Duration
	// Patience is how long the database may be behind what is already known here, as a standby is, before it counts as restored from a backup;
	// 0 for 30 seconds.
	Patience time.Duration
}

// Replica is a copy of the records of a database. It is domains.Records. Its methods may be called by several goroutines at once.
type Replica struct {
	config   Config
	resolved cache
	view     atomic.Pointer[view]
	saver    *saver
	wake     chan struct{} // when there is a reason to look at the database

	mu       sync.Mutex // guards what follows
	files    *domains.Snapshot
	records  *records // nil before Use
	copying  bool     // all records are being read, so that the files are taken over after that
	position postgres.Position
	status   status
	overlaps overlaps
	base     *domains.Base // of what is in resolved
}

// status is how it stands with the database.
type status struct {
	inStep    time.Time         // when the records were last known to be those of the database; zero if they never were
	followed  bool              // inStep is not only what the copy says
	err       error             // why the database cannot be followed; nil if it can
	since     time.Time         // of err
	seen      int               // records that have been read, while copying
	wantsCopy bool              // all records must be read
	behind    time.Time         // since when the database is behind
	held      postgres.Position // the state of the database that is held back
	accepted  bool              // what is held back is accepted
	stale     error             // what is held back; nil for nothing
}

// The defaults of Config.
const (
	usualPoll     = 5 * time.Second
	usualPatience = 30 * time.Second
)

// New returns a Replica without records. Use gives it the configuration that records inherit from, and the copy in state_dir; then Run follows the
// database.
func New(c Config) *Replica {
	if c.Poll == 0 {
		c.Poll = usualPoll
	}
	if c.Patience == 0 {
		c.Patience = usualPatience
	}
	r := &Replica{config: c, resolved: newCache(), wake: make(chan struct{}, 1)}
	r.view.Store(&view{exact: &table{}, wildcards: &table{}, classes: []*class{nil}})
	r.saver = newSaver(r)
	return r
}

// Use makes the records inherit from a configuration of files, and returns it together with them. The first call reads the copy in state_dir.
func (r *Replica) Use(files *domains.Snapshot) *domains.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files = files
	switch {
	case r.records == nil:
		r.records = newRecords(files)
		r.load()
	case !r.copying:
		c := r.records.begin()
		c.inherit(files)
		r.publish(c)
	}
	r.overlaps = findOverlaps(files, r.view.Load())
	return files.With(r)
}

// publish makes changes visible to requests.
func (r *Replica) publish(c *change) {
	v := c.finish()
	r.records = c.records
	r.view.Store(&v)
	if r.base != c.base {
		r.base = c.base
		r.resolved.forget()
	}
	if c.wantsCopy {
		c.wantsCopy, r.status.wantsCopy = false, true
		signal(r.wake)
	}
}

// Accept accepts a state of the database that is held back, because it lacks many records.
func (r *Replica) Accept() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.held != (postgres.Position{}) {
		r.status.accepted, r.status.wantsCopy = true, true
		signal(r.wake)
	}
}

// Run follows the database until ctx is done.
func (r *Replica) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { r.saver.run(ctx) })
	notified := r.config.Source.Notify(ctx, r.config.Poll)
	for ctx.Err() == nil {
		r.follow(ctx)
		select {
		case <-ctx.Done():
		case <-notified:
		case <-r.wake:
		}
	}
}

// signal puts a value into a channel unless there is one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
