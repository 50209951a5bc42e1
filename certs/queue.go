package certs

import "sync"

// rank is the order in which the queue gives out names.
type rank int

const (
	forRenewal   rank = iota // there is a certificate that is about to expire
	forHandshake             // a client is waiting
	forLater                 // no client has asked yet
	ranks
)

// queueRoom bounds the names that wait in each rank. Renewals are bounded by the number of certificates.
var queueRoom = [ranks]int{forRenewal: 1 << 30, forHandshake: 1000, forLater: 100}

// job is the work on one name, for everything that waits for it.
type job struct {
	name    string
	rank    rank
	running bool
	done    chan struct{} // closed when the work is over
	err     error         // valid once done is closed
}

// queue holds each name once, waiting or being worked on.
type queue struct {
	more chan struct{} // receives when there may be something to do
	room chan struct{} // receives when there may be room

	mu    sync.Mutex
	jobs  map[string]*job
	lines [ranks][]*job // a job that has moved to a better rank stays in its old line, to be skipped
	count [ranks]int    // jobs waiting
	busy  int           // jobs running
}

func newQueue() *queue {
	return &queue{more: make(chan struct{}, 1), room: make(chan struct{}, 1), jobs: make(map[string]*job)}
}

// add puts a name into the queue, or moves it up, and returns the work on it; nil if the queue is full.
func (q *queue) add(name string, r rank) *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.jobs[name]
	if j != nil && (j.running || j.rank <= r) {
		return j
	}
	if q.count[r] >= queueRoom[r] {
		return j
	}
	if j == nil {
		j = &job{name: name, done: make(chan struct{})}
		q.jobs[name] = j
	} else {
		q.count[j.rank]--
	}
	j.rank = r
	q.lines[r] = append(q.lines[r], j)
	q.count[r]++
	signal(q.more)
	return j
}

// next returns the next job, which is running from then on; nil if none waits.
func (q *queue) next() *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for r := range q.lines {
		for len(q.lines[r]) > 0 {
			j := q.lines[r][0]
			q.lines[r][0] = nil
			q.lines[r] = q.lines[r][1:]
			if j.running || j.rank != rank(r) || q.jobs[j.name] != j {
				continue
			}
			j.running = true
			q.count[r]--
			q.busy++
			signal(q.room)
			return j
		}
	}
	return nil
}

// again puts a running job back to the front of its line.
func (q *queue) again(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.running = false
	q.busy--
	q.count[j.rank]++
	q.lines[j.rank] = append([]*job{j}, q.lines[j.rank]...)
	signal(q.more)
}

// finish ends a running job and wakes everything that waits for it.
func (q *queue) finish(j *job, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.jobs, j.name)
	q.busy--
	j.err = err
	close(j.done)
	signal(q.more)
}

// lengths returns how many names wait, and how many are being worked on.
func (q *queue) lengths() (waiting, running int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, n := range q.count {
		waiting += n
	}
	return waiting, q.busy
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // a signal is pending already
	}
}
