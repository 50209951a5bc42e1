package logins

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"mailhint/settings"
)

const (
	// patience is how long a question to a Source may take in all: longer than a request waits, so that the next request gets the answer of a
	// Source that was slow once, as when it was connected to for the first time.
	patience = 3 * time.Second
	// maxQuestions is how many questions one look-up has under way at once.
	maxQuestions = 64
)

// The results of a request for a login name, in the metrics.
const (
	resultFound   = "found"   // there is one
	resultUnknown = "unknown" // the Source does not know the address
	resultUnclear = "unclear" // the Source knows several, or one that cannot be used
	resultFailed  = "failed"  // the Source could not be asked
	resultSlow    = "slow"    // the Source took too long
	resultOpen    = "open"    // the Source is left alone for a while
	resultBusy    = "busy"    // too many questions were under way
	resultLimited = "limited" // the client has asked about too many addresses
)

var results = []string{resultFound, resultUnknown, resultUnclear, resultFailed, resultSlow, resultOpen, resultBusy, resultLimited}

// lookup is one look-up: a Source, and its bounds.
type lookup struct {
	name    string
	content string // that of its Config
	source  Source
	budget  *budget
	log     *slog.Logger
	cache   cache
	breaker breaker
	*counts

	mu        sync.Mutex
	questions map[person]*question // under way
	closing   bool
	last      lastFailure
	unusable  time.Time // when it was last logged that a login name cannot be used
}

// question is a question to the Source that is under way, or done.
type question struct {
	attempt bool          // nobody waits for it: see breaker
	done    chan struct{} // closed at the end; the rest is set before
	name    string
	result  string
}

func newLookup(c Config, source Source, budget *budget, log *slog.Logger) *lookup {
	return &lookup{name: c.Name, content: c.Content, source: source, budget: budget, log: log, cache: newCache(), questions: make(map[person]*question), counts: newCounts()}
}

func (l *lookup) close() {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	if err := l.source.Close(); err != nil {
		l.log.Warn("a look-up of login names could not be closed", "lookup", l.name, "error", err)
	}
}

// version is that of the Source's content.
func (l *lookup) version() uint64 {
	if c, ok := l.source.(Changing); ok {
		return c.Version()
	}
	return 0
}

// pending is a request that may have to wait for a question.
type pending struct {
	lookup   *lookup
	question *question // nil if there is nothing to wait for
	stale    string    // what is known without it
	result   string    // without a question
}

// ask begins to find the login name of a person.
func (l *lookup) ask(from settings.PersonQuestion) *pending {
	p, version, now := newPerson(from), l.version(), time.Now()
	said, fresh := l.cache.get(p, version, now)
	if fresh {
		return &pending{lookup: l, stale: said.name, result: resultOf(said.name)}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	q, refused := l.questions[p], "" // to share one costs nothing: Thunderbird asks at four places at once
	if q == nil {
		if refused = l.refusal(from); refused == "" {
			if v := l.breaker.begin(now); v != open {
				q = l.start(p, version, v == attempt)
			}
		}
	}
	if refused == "" && (q == nil || q.attempt) {
		refused = resultOpen
	}
	if refused != "" {
		q = nil
	}
	return &pending{lookup: l, question: q, stale: said.name, result: refused}
}

// refusal says why a new question may not be asked; "" if it may.
func (l *lookup) refusal(from settings.PersonQuestion) string {
	switch {
	case l.closing:
		return resultOpen
	case len(l.questions) >= maxQuestions:
		return resultBusy
	}
	if exceeded := l.budget.take(from.Client); exceeded != "" {
		l.limited[exceeded].Add(1)
		return resultLimited
	}
	return ""
}

// wait returns the login name; "" if it is not known, or not by the time ctx is done.
func (w *pending) wait(ctx context.Context) string {
	if w.question == nil {
		w.lookup.results[w.result].Add(1)
		return w.stale
	}
	select {
	case <-w.question.done:
		w.lookup.results[w.question.result].Add(1)
		if w.question.result == resultFailed {
			return w.stale
		}
		return w.question.name
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // else the client is gone
			w.lookup.results[resultSlow].Add(1)
		}
		return w.stale
	}
}

func resultOf(name string) string {
	if name == "" {
		return resultUnknown
	}
	return resultFound
}

// start asks the Source in the background. l.mu is held.
func (l *lookup) start(p person, version uint64, attempt bool) *question {
	q := &question{attempt: attempt, done: make(chan struct{})}
	l.questions[p] = q
	go func() {
		began := time.Now()
		name, result, err := l.find(p)
		now := time.Now()
		time.Sleep(hide(now.Sub(began)))
		if result != resultFailed {
			l.cache.add(p, cached{name, now, version})
		}
		l.mu.Lock()
		delete(l.questions, p)
		l.mu.Unlock()
		q.name, q.result = name, result
		close(q.done)
		l.report(err)
	}()
	return q
}

// errSilent means that a Source has not answered.
var errSilent = fmt.Errorf("no answer within %s", patience)

// step is what the durations of questions are rounded up to, so that they do not tell whether the Source knows an address. Because timers are not
// exact, as much again is added at random. To measure many times, and take the average, somebody would have to wait for keepFresh in between.
const step = 10 * time.Millisecond

// hide returns how long to wait after a question that took some time.
func hide(took time.Duration) time.Duration { return (step-took%step)%step + rand.N(step) }

// find asks the Source.
func (l *lookup) find(p person) (name, result string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var judged sync.Once // by the end of the request's patience: what comes later is no use to the person who waits
	judge := func(good bool, err error) {
		judged.Do(func() {
			if l.breaker.end(good, time.Now()) {
				l.reportBreaker(err)
			}
		})
	}
	late := time.AfterFunc(Deadline, func() { judge(false, nil) })
	began := time.Now()
	names, err := l.source.Find(ctx, Question{p.address, p.primary})
	late.Stop()
	if errors.Is(err, context.DeadlineExceeded) {
		err = errSilent
	}
	answered := err == nil || errors.Is(err, ErrUnclear)
	judge(answered, err)
	l.took(time.Since(began))
	switch {
	case answered && err != nil:
		l.logUnusable(err)
		return "", resultUnclear, nil
	case err != nil:
		return "", resultFailed, err
	case len(names) == 0:
		return "", resultUnknown, nil
	}
	if name, err = choose(names); err != nil {
		l.logUnusable(err)
		return "", resultUnclear, nil
	}
	return name, resultFound, nil
}

// choose returns the login name if there is one, and it can be used. The error wraps ErrUnclear and contains nothing of it.
func choose(names []string) (string, error) {
	if len(names) > 1 {
		return "", fmt.Errorf("%w: there are several for one address", ErrUnclear)
	}
	if err := settings.CheckLoginName(names[0]); err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnclear, err)
	}
	return names[0], nil
}

// logUnusable logs that the Source has a login name that cannot be used, at most once a minute, and never whose.
func (l *lookup) logUnusable(err error) {
	l.mu.Lock()
	now := time.Now()
	again := now.Sub(l.unusable) < time.Minute
	if !again {
		l.unusable = now
	}
	l.mu.Unlock()
	if !again {
		l.log.Warn("a look-up has a login name that cannot be used", "lookup", l.name, "reason", err)
	}
}
