package replica

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/domains"
)

var silent = slog.New(slog.DiscardHandler)

func many(n int) []record {
	var list []record
	for i := range n {
		list = append(list, domain(namesOf(i), "shared"))
	}
	return list
}

// A database that was restored from a backup is noticed, although it numbers other changes with the same numbers.
func TestRestoredDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDatabase()
		d.change(many(100)...)
		r := start(t, d, "", files)
		defer r.stop()
		r.await(t, d)
		d.restore(95)
		d.fork()
		d.change(domain("other.example", "shared"), domain(namesOf(3), "", own("other.example.com")...), domain("o3.example", "shared"), domain("o4.example", "shared"),
			domain("o5.example", "shared"), domain("o6.example", "shared"))
		r.await(t, d)
		r.expect(t, map[string]string{namesOf(94): "imap.example.com", namesOf(95): notFound, "other.example": "imap.example.com", namesOf(3): "other.example.com"})
		if r.Len() != 100 || d.copies != 2 {
			t.Errorf("%d names after reading all records %d times", r.Len(), d.copies)
		}
	})
}

// A standby that is behind is waited for; only then it counts as restored.
func TestDatabaseThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDatabase()
		d.change(many(100)...)
		r := start(t, d, "", files)
		defer r.stop()
		r.await(t, d)
		later := d.history[98:]
		d.restore(98)
		time.Sleep(usualPatience / 2)
		if s := r.Status(); r.Len() != 100 || s.State != Away || d.copies != 1 {
			t.Errorf("%d names, %+v", r.Len(), s)
		}
		d.change(later...)
		time.Sleep(usualPoll)
		if s := r.Status(); r.Len() != 100 || s.State != Following || d.copies != 1 {
			t.Errorf("%d names, %+v", r.Len(), s)
		}
		d.restore(98)
		time.Sleep(2 * usualPatience)
		if s := r.Status(); r.Len() != 98 || s.State != Following || d.copies != 2 {
			t.Errorf("%d names, %+v", r.Len(), s)
		}
	})
}

// A database that has lost most records is not followed until somebody accepts that, as with a list in a file.
func TestDatabaseThatLacksManyRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDatabase()
		d.change(many(100)...)
		r := start(t, d, "", files)
		defer r.stop()
		r.await(t, d)
		d.restore(50)
		time.Sleep(3 * usualPatience)
		s := r.Status()
		if r.Len() != 100 || s.State != HeldBack || !errors.Is(s.Err, domains.ErrHeldBack) || d.copies != 2 {
			t.Errorf("%d names, %+v, read %d times", r.Len(), s, d.copies)
		}
		if lines := strings.Join(r.Lines(), "\n"); !strings.Contains(lines, "held back") || !strings.Contains(lines, "100 domains would become 50") {
			t.Errorf("lines %s", lines)
		}
		r.Accept()
		time.Sleep(usualPoll)
		if s := r.Status(); r.Len() != 50 || s.State != Following {
			t.Errorf("%d names, %+v", r.Len(), s)
		}
	})
}

// A database that does not answer, without an error, does not stop the replica: it counts as away, and is followed when it is back.
func TestDatabaseThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDatabase()
		d.change(many(10)...)
		r := start(t, d, "", files)
		defer r.stop()
		r.await(t, d)
		d.set(nil, true)
		time.Sleep(silence + usualPoll)
		if s := r.Status(); s.State != Away || !errors.Is(s.Err, errSilence) {
			t.Errorf("%+v", s)
		}
		d.set(nil, false)
		d.change(domain("back.example", "shared"))
		time.Sleep(silence + usualPoll)
		r.expect(t, map[string]string{"back.example": "imap.example.com"})
		if s := r.Status(); s.State != Following || s.Err != nil || time.Since(s.InStep) > usualPoll {
			t.Errorf("%+v", s)
		}
	})
}

// Reading all records again leaves those in place that are as before.
func TestReadingAllAgainKeepsWhatIsTheSame(t *testing.T) {
	d := newDatabase()
	d.change(many(5000)...)
	r := start(t, d, "", files)
	r.await(t, d)
	before := r.view.Load().exact
	d.fork()
	d.change(domain("one.example", "", own("one.example.com")...))
	r.await(t, d)
	after, same := r.view.Load().exact, 0
	for i := range before.shards {
		if before.shards[i] == after.shards[i] {
			same++
		}
	}
	if d.copies != 2 || same < shards-1 {
		t.Errorf("%d of %d parts are the same after reading all records %d times", same, shards, d.copies)
	}
}
