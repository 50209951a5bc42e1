package certs

import "sync/atomic"

// reason is why a handshake for an allowed name got no certificate.
type reason int

const (
	refusedFailed    reason = iota // the name's DNS does not point here, or the CA issues nothing, or not in time
	refusedWaiting                 // too many handshakes wait
	refusedUnlisted                // a limit for names that are not listed
	refusedChallenge               // a CA's handshake for a name that is not being ordered, or one that looks like it
)

func (r reason) String() string {
	return [...]string{"failed", "waiting", "unlisted", "challenge"}[r]
}

// refusals count the handshakes that got no certificate.
type refusals [refusedChallenge + 1]atomic.Int64

func (r *refusals) add(why reason) { r[why].Add(1) }
