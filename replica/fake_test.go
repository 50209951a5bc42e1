package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/postgres"
	"mailhint/settings"
)

// database is a Source in memory.
type database struct {
	mu       sync.Mutex
	id       string
	past     int64 // makes the revisions of another past different
	records  map[string]record
	history  []record
	notified []chan struct{}
	down     error // why it does not answer
	hangs    bool  // it does not answer, without an error
	copies   int   // how often all records were read
}

func newDatabase() *database { return &database{id: "one", records: make(map[string]record)} }

var errDown = errors.New("connection refused")

func (d *database) position(sequence int) postgres.Position {
	if sequence == 0 {
		return postgres.Position{Database: d.id}
	}
	return postgres.Position{Database: d.id, Sequence: int64(sequence), Revision: d.past*1_000_000 + int64(sequence)}
}

// ask returns an error if the database is away.
func (d *database) ask(ctx context.Context) error {
	d.mu.Lock()
	hangs, down := d.hangs, d.down
	d.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return down
}

func (d *database) Copy(ctx context.Context, take func(postgres.Row) error) (postgres.Position, error) {
	if err := d.ask(ctx); err != nil {
		return postgres.Position{}, err
	}
	d.mu.Lock()
	d.copies++
	position, list := d.position(len(d.history)), maps.Clone(d.records)
	d.mu.Unlock()
	for _, kind := range []edits.Kind{edits.Profile, edits.Domain} {
		for _, r := range list {
			if r.kind != kind {
				continue
			}
			if err := take(row(r)); err != nil {
				return postgres.Position{}, err
			}
		}
	}
	return position, nil
}

func row(r record) postgres.Row {
	return postgres.Row{Kind: r.kind, Name: []byte(r.name), Profile: []byte(r.profile), Own: []byte(r.own), Removed: r.removed}
}

func (d *database) Since(ctx context.Context, since postgres.Position, take func(postgres.Row) error) (postgres.Position, error) {
	if err := d.ask(ctx); err != nil {
		return postgres.Position{}, err
	}
	d.mu.Lock()
	list, known := d.history, since.Sequence <= int64(len(d.history)) && since == d.position(int(since.Sequence))
	d.mu.Unlock()
	if !known {
		return since, fmt.Errorf("%w: %v", postgres.ErrOtherPast, since)
	}
	n := int(since.Sequence)
	for ; n < min(len(list), int(since.Sequence)+100); n++ {
		if err := take(row(list[n])); err != nil {
			return since, err
		}
	}
	return d.position(n), nil
}

func (d *database) Position(ctx context.Context) (postgres.Position, error) {
	if err := d.ask(ctx); err != nil {
		return postgres.Position{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.position(len(d.history)), nil
}

func (d *database) Notify(ctx context.Context, poll time.Duration) <-chan struct{} {
	c := make(chan struct{}, 1)
	d.mu.Lock()
	d.notified = append(d.notified, c)
	d.mu.Unlock()
	go func() {
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(poll):
				signal(c)
			}
		}
	}()
	return c
}

// change changes records, and notifies.
func (d *database) change(list ...record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range list {
		key := string(r.kind) + " " + r.name
		if r.removed {
			delete(d.records, key)
		} else {
			d.records[key] = r
		}
		d.history = append(d.history, r)
	}
	for _, c := range d.notified {
		signal(c)
	}
}

// restore brings the database back to an earlier state, as a backup does, and lets it have another future.
func (d *database) restore(sequence int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	history := slices.Clone(d.history[:sequence])
	d.records, d.history = make(map[string]record), nil
	for _, r := range history {
		key := string(r.kind) + " " + r.name
		if d.records[key] = r; r.removed {
			delete(d.records, key)
		}
		d.history = append(d.history, r)
	}
}

// fork gives the database another past: the same numbers are of other changes.
func (d *database) fork() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.past++
}

func (d *database) set(down error, hangs bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down, d.hangs = down, hangs
	for _, c := range d.notified {
		signal(c)
	}
}

// domain returns a record of a domain with a profile, if it is not empty, and pairs of keys and values.
func domain(name, profile string, pairs ...any) record {
	return record{kind: edits.Domain, name: name, profile: profile, own: ownOf(pairs)}
}

func profileRecord(name string, pairs ...any) record {
	return record{kind: edits.Profile, name: name, own: ownOf(pairs)}
}

func removed(r record) record {
	r.removed, r.profile, r.own = true, "", ""
	return r
}

// ownOf returns JSON as PostgreSQL spells it.
func ownOf(pairs []any) string {
	if len(pairs) == 0 {
		return ""
	}
	values := make(map[string]any)
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i].(string)] = pairs[i+1]
	}
	text, err := json.MarshalIndent(values, "", " ")
	if err != nil {
		panic(err)
	}
	return string(text)
}

const files = `
[profiles.shared]
imap = "imap.example.com"
smtp = "smtp.example.com"
[domains."file.example"]
profile = "shared"
`

func loadFiles(t testing.TB, text string) *domains.Snapshot {
	t.Helper()
	file := filepath.Join(t.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := domains.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newReplica(t testing.TB, d *database, dir string) *Replica {
	return New(Config{Source: d, StateDir: dir, Program: "test", Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
}

// running is a replica that follows a database.
type running struct {
	*Replica
	snapshot *domains.Snapshot
	stop     func()
}

func start(t testing.TB, d *database, dir, text string) *running {
	t.Helper()
	r := &running{Replica: newReplica(t, d, dir)}
	r.snapshot = r.Use(loadFiles(t, text))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	r.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(r.stop)
	return r
}

// reload gives the replica other files.
func (r *running) reload(t testing.TB, text string) { r.snapshot = r.Use(loadFiles(t, text)) }

// await waits until the replica has all changes of the database.
func (r *running) await(t testing.TB, d *database) {
	t.Helper()
	d.mu.Lock()
	want := d.position(len(d.history))
	d.mu.Unlock()
	r.awaitState(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.position == want && r.view.Load().complete && !r.copying // files are taken over at once only then
	})
}

func (r *running) awaitState(t testing.TB, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !reached(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("this is not reached: %+v\n%v", r.Status(), r.Problems())
		}
	}
}

// host returns the first server that a name is answered with, or the error.
func (r *running) host(name string) string {
	found, err := r.snapshot.Lookup(context.Background(), settings.Question{Host: settings.Domain(name)})
	if err != nil {
		return err.Error()
	}
	return string(found.Servers[0].Host)
}

var (
	notFound    = settings.ErrDomainNotFound.Error()
	unavailable = settings.ErrUnavailable.Error()
)

func (r *running) expect(t testing.TB, hosts map[string]string) {
	t.Helper()
	for name, want := range hosts {
		if got := r.host(name); got != want {
			t.Errorf("%s is answered with %s, want %s", name, got, want)
		}
	}
}
