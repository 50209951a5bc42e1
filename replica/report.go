package replica

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
	"mailhint/spelling"
)

// State is how it stands with the database, in a word. Metrics and /-/readyz use these.
type State string

// The states.
const (
	Copying   State = "copying"   // all records are being read, and there is no copy yet
	Following State = "following" // the records are those of the database, except for changes of the last moment
	Away      State = "away"      // the database cannot be followed; the copy is served
	HeldBack  State = "held back" // the database lacks many records that it had; the copy is served until somebody accepts that
)

// Status says what a Replica knows.
type Status struct {
	State State
	// Sequence is the number of the latest change that the records have.
	Sequence int64
	// InStep is when the records were last known to be those of the database; zero if they never were.
	InStep time.Time
	// Names is the number of names that are answered, with aliases and wildcards.
	Names int
	// Err is why the database cannot be followed, and Since when that began.
	Err   error
	Since time.Time
	// Seen is how many records have been read so far, while Copying.
	Seen int
	// Refused is the number of records whose newest form is not served, because it does not check.
	Refused int
	// Octets is what the records need in memory, without the settings that were made of them.
	Octets int
	// Saved is when the copy in state_dir last had everything, and SaveErr why it has not; both are zero without a state_dir.
	Saved   time.Time
	SaveErr error
}

// Status returns what is known now.
func (r *Replica) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.view.Load()
	s := Status{
		State: Following, Sequence: r.position.Sequence, InStep: r.status.inStep, Names: v.exact.names + v.wildcards.names, Err: r.status.err,
		Since: r.status.since, Seen: r.status.seen, Octets: v.exact.octets() + v.wildcards.octets(),
	}
	if r.records != nil {
		s.Refused = r.records.refusedRecords()
	}
	switch {
	case r.status.stale != nil:
		s.State = HeldBack
	case !v.complete:
		s.State = Copying
	case r.status.err != nil || !r.status.followed:
		s.State = Away
	}
	r.saver.mu.Lock()
	defer r.saver.mu.Unlock()
	s.Saved, s.SaveErr = r.saver.savedAt, r.saver.err
	return s
}

// refusedRecords counts the records whose newest form is not served.
func (r *records) refusedRecords() int {
	n := len(r.bad) + r.unlisted
	for number, c := range r.classes {
		if c != nil && c.problems != nil {
			n += r.counts[number]
		}
	}
	for _, p := range r.profiles {
		if p.problems != nil {
			n++
		}
	}
	return n
}

// maxReported limits how many problems are listed.
const maxReported = 1000

// Problems are what is not served of the database in its newest form, and why, ordered by name: at most 1,000.
func (r *Replica) Problems() domains.Problems {
	r.mu.Lock()
	defer r.mu.Unlock()
	var problems domains.Problems
	if r.records == nil {
		return nil
	}
	for _, p := range r.records.profiles {
		problems = append(problems, p.problems...)
	}
	for n, c := range r.records.classes {
		if c != nil && c.problems != nil {
			problems = append(problems, c.report(r.records.counts[n])...)
		}
	}
	for _, b := range r.records.bad {
		if len(problems) < 10*maxReported { // they are sorted
			problems = append(problems, b.problems...)
		}
	}
	for _, o := range r.overlaps.list {
		problems = append(problems, o)
	}
	slices.SortFunc(problems, func(a, b domains.Problem) int { return strings.Compare(a.Key+a.Text, b.Key+b.Text) })
	return problems[:min(len(problems), maxReported)]
}

// report says of all records of a class what is wrong with one of them.
func (c *class) report(records int) domains.Problems {
	list := slices.Clone(c.problems)
	for i := range list {
		state := "its last good form is served"
		if !c.good() {
			state = "it is not answered"
		}
		list[i].Text += "; " + state
		if records > 1 {
			list[i].Text += fmt.Sprintf(" (and the same for %s like it)", spelling.Count(records-1, "domain"))
		}
	}
	return list
}

// Lines are what /-/readyz shows.
func (r *Replica) Lines() []string {
	s := r.Status()
	lines := []string{"store: " + s.text(time.Now())}
	if s.SaveErr != nil {
		lines = append(lines, fmt.Sprintf("the copy of the store cannot be saved in state_dir: %v", s.SaveErr))
	}
	problems := r.Problems()
	if n := max(s.Refused, len(problems)); n > 0 {
		lines = append(lines, spelling.Count(n, "record")+" of the store not served in the newest form:")
	}
	const enough = 10
	for _, p := range problems[:min(len(problems), enough)] {
		lines = append(lines, "  "+p.String())
	}
	return lines
}

// text is the status for people.
func (s Status) text(now time.Time) string {
	text := fmt.Sprintf("%s, %s, sequence %d", s.State, spelling.Count(s.Names, "domain"), s.Sequence)
	if s.State == Copying {
		return fmt.Sprintf("%s, %s so far", s.State, spelling.Count(s.Seen, "record")) + because(s.Err)
	}
	if s.InStep.IsZero() {
		return text + because(s.Err)
	}
	return fmt.Sprintf("%s, age %v", text, now.Sub(s.InStep).Round(time.Second)) + because(s.Err)
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// overlaps are the names that both the files and the database have. They are answered from the files.
type overlaps struct {
	list map[string]domains.Problem // at most maxReported
}

// findOverlaps looks all names up.
func findOverlaps(files *domains.Snapshot, v *view) overlaps {
	o := overlaps{make(map[string]domains.Problem)}
	for name := range files.ClaimedNames() {
		if o.look(files, v, name); len(o.list) >= maxReported {
			break
		}
	}
	return o
}

// update looks up the names of records that have changed.
func (o overlaps) update(files *domains.Snapshot, v *view, changed []record) {
	for name := range o.list {
		o.look(files, v, name)
	}
	for _, r := range changed {
		if r.kind == edits.Profile {
			continue
		}
		o.look(files, v, r.name)
		if f, ok := v.find(r.name); ok {
			for _, alias := range f.aliases() {
				o.look(files, v, string(alias))
			}
		}
	}
}

// look notes whether both have a name.
func (o overlaps) look(files *domains.Snapshot, v *view, name string) {
	delete(o.list, name)
	at, inFiles := files.Claimed(name)
	if !inFiles || len(o.list) >= maxReported {
		return
	}
	f, stored := v.find(name)
	if base, isWildcard := strings.CutPrefix(name, "*."); isWildcard {
		f, stored = v.findWildcard(base)
	}
	if !stored {
		return
	}
	what := fmt.Sprintf("is already defined at %s, which is used; remove one of them", at)
	if f.name() != name {
		what = fmt.Sprintf("its alias %s is already defined at %s, which is used; remove one of them", settings.Domain(name), at)
	}
	o.list[name] = problem(record{kind: edits.Domain, name: f.name()}, "%s", what)[0]
}
