package certs

import (
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/mholt/acmez/v3/acme"
)

// outcome is what became of an order.
type outcome int

const (
	ordered     outcome = iota
	refused             // this name gets no certificate, from this CA or another
	declined            // not from this CA
	limited             // this CA wants fewer orders for this name
	held                // this CA wants fewer orders
	unreachable         // this CA does not answer, or not properly
	unsavable           // our own storage failed
)

func (o outcome) String() string {
	return [...]string{"ok", "refused", "declined", "limited", "limited", "unreachable", "storage"}[o]
}

// outcomeOf says what an error of an order means. status is the status of the CA's last answer, or 0 if there was none.
func outcomeOf(name string, err error, status int) outcome {
	var problem acme.Problem
	switch {
	case err == nil:
		return ordered
	case errors.Is(err, errStorage):
		return unsavable
	case !errors.As(err, &problem):
		var network net.Error
		// An error status without a problem document comes from a proxy in front of the CA.
		if errors.Is(err, errDirectory) || errors.As(err, &network) || status >= 400 {
			return unreachable
		}
		return refused
	case isRateLimit(problem):
		if concerns(name, problem) {
			return limited
		}
		return held
	case problem.Status >= 500 || problem.Type == acme.ProblemTypeServerInternal:
		return unreachable
	}
	switch problem.Type {
	case acme.ProblemTypeConnection, acme.ProblemTypeDNS, acme.ProblemTypeTLS, acme.ProblemTypeUnauthorized,
		acme.ProblemTypeIncorrectResponse, acme.ProblemTypeMalformed, acme.ProblemTypeBadCSR:
		return refused // the next CA would find the same
	}
	return declined
}

func isRateLimit(problem acme.Problem) bool {
	return problem.Type == acme.ProblemTypeRateLimited || problem.Status == http.StatusTooManyRequests
}

// otherKindMayWork reports whether an order that was refused may succeed with another kind of challenge: a firewall, or a proxy in
// front, may stop one and not the other. An error without a problem means that the CA does not offer this kind.
func otherKindMayWork(err error) bool {
	var problem acme.Problem
	if !errors.As(err, &problem) {
		return true
	}
	switch problem.Type {
	case acme.ProblemTypeConnection, acme.ProblemTypeTLS, acme.ProblemTypeUnauthorized, acme.ProblemTypeIncorrectResponse:
		return true
	}
	return false
}

// concerns reports whether a rate limit is about this name or a domain above it ("too many certificates already issued for
// example.com") and not about the account ("too many new orders"). Only the wording tells (Boulder, 2026). Otherwise one name that was
// ordered too often would hold up all others.
func concerns(name string, problem acme.Problem) bool {
	detail := strings.ToLower(problem.Detail)
	for domain := name; strings.Contains(domain, "."); _, domain, _ = strings.Cut(domain, ".") {
		if strings.Contains(detail, domain) {
			return true
		}
	}
	return false
}
