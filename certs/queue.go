package certs

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// rank is the order in which the queue gives out names.
type rank int

const (
	forRenewal   rank = iota // the certificate is about to expire
	forHandshake             // a client is waiting for a first certificate
	forLater                 // no client has asked yet
	forRetry                 // the last attempt failed, or the certificate has expired
	forUnlisted              // the name is not listed in the configuration: a client has made it up, or found it below a wildcard
	ranks
)

// queueRoom bounds the names that wait in each rank. Renewals are bounded by the number of certificates, and failures are counted.
var queueRoom = [ranks]int{forRenewal: 1 << 30, forHandshake: 1000, forLater: 100, forRetry: 1 << 30, forUnlisted: 100}

// maxUnlistedJobs bounds the names below one registered domain that are not listed and wait, or are being worked on.
const maxUnlistedJobs = 10

// stage is a step of the work on a name. Each has slots of its own, so that DNS that does not answer takes none from the orders.
type stage int

const (
	toCheck stage = iota // does its DNS point here?
	toOrder              // at the CA
	stages
)

// job is the work on one name, for everything that waits for it.
type job struct {
	name    string
	domain  string // registered domain, of unlisted names
	rank    rank
	stage   stage
	running bool
	wanted  bool          // not only by clients
	clients int           // handshakes that wait for it
	checked time.Time     // when its DNS was looked up
	ways    []string      // the kinds of challenges that can verify it; valid after the check
	retried bool          // after an error of a storage that works otherwise
	done    chan struct{} // closed when the work is over
	err     error         // valid once done is closed
}

// queue holds each name once, waiting or being worked on.
type queue struct {
	more [stages]chan struct{} // receive when there may be something to do
	room chan struct{}         // receives when there may be room

	mu       sync.Mutex
	jobs     map[string]*job
	byDomain map[string]int        // unlisted names by registered domain
	lines    [stages][ranks][]*job // jobs waiting
	slots    [stages]int           // how many jobs may run at the same time
	busy     [stages][ranks]int    // jobs running
}

// newQueue returns a queue with so many slots for checks and orders.
func newQueue(checks, orders int) *queue {
	q := &queue{room: make(chan struct{}, 1), jobs: make(map[string]*job), byDomain: make(map[string]int), slots: [stages]int{checks, orders}}
	for s := range q.more {
		q.more[s] = make(chan struct{}, 1)
	}
	return q
}

// errNobodyWaits means that the queue has dropped a name.
var errNobodyWaits = errors.New("no client waits for the certificate any more")

// add puts a name into the queue, or moves it up, and returns the work on it; nil if the queue is full. domain is the registered domain
// of a name that is not listed.
func (q *queue) add(name, domain string, r rank) *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.put(name, domain, r, false)
	if j != nil {
		j.wanted = true
	}
	return j
}

// has reports whether a name is in the queue, or being worked on.
func (q *queue) has(name string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.jobs[name] != nil
}

// join is add for a handshake, which must call leave when it stops waiting. It goes before others whose last attempt has failed.
func (q *queue) join(name, domain string, r rank) *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.put(name, domain, r, r == forRetry)
	if j != nil {
		j.clients++
	}
	return j
}

func (q *queue) put(name, domain string, r rank, front bool) *job {
	j := q.jobs[name]
	if j != nil && (j.running || j.rank <= r) {
		return j
	}
	if !q.hasRoom(r) || j == nil && r == forUnlisted && q.byDomain[domain] >= maxUnlistedJobs {
		return j
	}
	if j == nil {
		j = &job{name: name, done: make(chan struct{})}
		q.jobs[name] = j
		if r == forUnlisted {
			j.domain = domain
			q.byDomain[domain]++
		}
	} else {
		q.unline(j)
	}
	j.rank = r
	q.line(j, front)
	return j
}

func (q *queue) hasRoom(r rank) bool {
	n := 0
	for s := range q.lines {
		n += len(q.lines[s][r])
	}
	return n < queueRoom[r]
}

// line lets a job wait in the line of its stage and rank.
func (q *queue) line(j *job, front bool) {
	line := &q.lines[j.stage][j.rank]
	if front {
		*line = slices.Insert(*line, 0, j)
	} else {
		*line = append(*line, j)
	}
	signal(q.more[j.stage])
}

// unline takes a waiting job out of its line.
func (q *queue) unline(j *job) {
	line := &q.lines[j.stage][j.rank]
	*line = slices.DeleteFunc(*line, func(other *job) bool { return other == j })
	signal(q.room)
}

// leave says that a handshake no longer waits for a job. When none does, a listed name waits among those that no client has asked for,
// and one that is not listed is dropped.
func (q *queue) leave(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j.clients--; j.clients > 0 || q.jobs[j.name] != j || j.running || j.rank != forHandshake && !q.idle(j) {
		return
	}
	q.unline(j)
	if j.rank == forHandshake && (j.wanted || q.hasRoom(forLater)) {
		j.rank = forLater
		q.line(j, false)
		return
	}
	q.end(j, errNobodyWaits)
}

// idle reports whether nobody waits for a name that is not listed.
func (q *queue) idle(j *job) bool { return j.rank == forUnlisted && j.clients == 0 && !j.wanted }

// next returns the next job of a stage, which is running from then on; nil if none waits, or none may run now.
func (q *queue) next(s stage) *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for r := range q.lines[s] {
		if line := &q.lines[s][r]; len(*line) > 0 && q.mayRun(s, rank(r)) {
			j := (*line)[0]
			(*line)[0], *line = nil, (*line)[1:]
			j.running = true
			q.busy[s][r]++
			signal(q.room)
			return j
		}
	}
	return nil
}

// reserved returns how many of a stage's slots are kept for each rank, whatever waits in the others.
func (q *queue) reserved(s stage) int { return q.slots[s] / 8 }

// mayRun reports whether a stage has a slot for a rank. Names that are not listed get no others than those reserved for them.
func (q *queue) mayRun(s stage, r rank) bool {
	free, reserved := q.slots[s], q.reserved(s)
	for other, n := range q.busy[s] {
		free -= n
		if rank(other) != r {
			free -= max(reserved-n, 0)
		}
	}
	if r == forUnlisted {
		return q.busy[s][r] < max(reserved, 1) && free > 0
	}
	return free > 0
}

// again puts a running job back to the front of its line.
func (q *queue) again(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stop(j)
	q.line(j, true)
}

// passed moves a job from the check to the orders, unless nobody waits for it any more.
func (q *queue) passed(j *job, ways []string, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stop(j)
	if q.idle(j) {
		q.end(j, errNobodyWaits)
		return
	}
	j.stage, j.checked, j.ways = toOrder, now, ways
	q.line(j, false)
}

// recheck moves a job back from the orders to the checks: it has waited for so long that its DNS may have changed.
func (q *queue) recheck(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stop(j)
	j.stage = toCheck
	q.line(j, true)
}

// finish ends a running job and wakes everything that waits for it.
func (q *queue) finish(j *job, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stop(j)
	q.end(j, err)
}

// stop frees the slot of a running job.
func (q *queue) stop(j *job) {
	j.running = false
	q.busy[j.stage][j.rank]--
	signal(q.more[j.stage])
}

// end forgets a job that neither runs nor waits in a line.
func (q *queue) end(j *job, err error) {
	delete(q.jobs, j.name)
	if j.domain != "" {
		if q.byDomain[j.domain]--; q.byDomain[j.domain] == 0 {
			delete(q.byDomain, j.domain)
		}
	}
	j.err = err
	close(j.done)
}

// lengths returns how many names wait, or are being checked, and how many are being ordered.
func (q *queue) lengths() (waiting, ordering int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, n := range q.busy[toOrder] {
		ordering += n
	}
	return len(q.jobs) - ordering, ordering
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // a signal is pending already
	}
}
