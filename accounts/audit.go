package accounts

import (
	"net/netip"
	"time"
)

// Event is one line of the audit trail: who has done, or tried to do, what. It never contains a secret.
type Event struct {
	// Number counts the events of a store, from 1; the store sets it.
	Number int64     `json:"number"`
	Time   time.Time `json:"time"`
	// Actor is Principal.Name: an account, or what Service.Audit made of the one who acted otherwise.
	Actor string `json:"actor"`
	// Token is the name of the token that was used; empty for none.
	Token string `json:"token,omitempty"`
	// Address is the network address of the client; the zero value for the command line.
	Address netip.Addr `json:"address,omitzero"`
	// Action is what was done, in a word or two: "set", "sign in", "add token" …
	Action string `json:"action"`
	// Refused is true if it was tried in vain.
	Refused bool `json:"refused,omitempty"`
	// Domain is the name of the domain that it was done to, or "profile NAME"; empty for none.
	Domain string `json:"domain,omitempty"`
	// Subject is the name of the account, token or session that it was done to; empty for none.
	Subject string `json:"subject,omitempty"`
	// Revision is the revision that the domain has afterwards; empty if it is gone or nothing was saved.
	Revision string `json:"revision,omitempty"`
	// Detail says more for people; it may contain text from strangers.
	Detail string `json:"detail,omitempty"`
}

// AuditQuery selects events. The zero value selects all of them.
type AuditQuery struct {
	Actor   string    // only by this actor; empty for all
	Domain  string    // only about this domain; empty for all
	Subject string    // only about this account, token or session; empty for all
	Since   time.Time // at or after this time
	Before  int64     // numbers below this one; 0 for the newest
	Limit   int       // at most so many; 0 for all
}

// Matches reports whether a query selects an event, without regard to the Limit.
func (q AuditQuery) Matches(e Event) bool {
	return (q.Actor == "" || e.Actor == q.Actor) && (q.Domain == "" || e.Domain == q.Domain) && (q.Subject == "" || e.Subject == q.Subject) &&
		!e.Time.Before(q.Since) && (q.Before == 0 || e.Number < q.Before)
}
