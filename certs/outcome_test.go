package certs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// What the answers of a CA mean for the name, and for the CA.
func TestOutcome(t *testing.T) {
	t.Parallel()
	problem := func(status int, kind, detail string) error {
		return fmt.Errorf("somewhere: %w", acme.Problem{Status: status, Type: "urn:ietf:params:acme:error:" + kind, Detail: detail})
	}
	for _, test := range []struct {
		err    error
		status int
		want   outcome
	}{
		{nil, 200, ordered},
		{problem(400, "connection", "timeout"), 400, refused},
		{problem(403, "unauthorized", "404"), 403, refused},
		{problem(403, "caa", "forbidden"), 403, declined},
		{problem(400, "rejectedIdentifier", "high risk"), 400, declined},
		{problem(429, "rateLimited", "too many new orders (300) from this account in the last 3h"), 429, held},
		{problem(503, "rateLimited", "Service busy; retry later."), 503, held},
		{problem(429, "rateLimited", `too many certificates (50) already issued for "example.com" in the last 168h`), 429, limited},
		{problem(429, "rateLimited", `too many certificates (50) already issued for "ample.com" in the last 168h`), 429, held},
		{problem(500, "serverInternal", "oops"), 500, unreachable},
		{errors.New("HTTP 502: <html>"), 502, unreachable},
		{errors.New("HTTP 403: <html>"), 403, unreachable},
		{fmt.Errorf("%w: not JSON", errDirectory), 200, unreachable},
		{&url.Error{Op: "Get", URL: "https://ca.example/", Err: errors.New("EOF")}, 0, unreachable},
		{fmt.Errorf("x: %w", &net.OpError{Op: "dial", Err: errors.New("refused")}), 0, unreachable},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), 0, unreachable},
		{errors.New("disk full"), 200, refused},
	} {
		if got := outcomeOf("autoconfig.example.com", test.err, test.status); got != test.want {
			t.Errorf("%v: %d, want %d", test.err, got, test.want)
		}
	}
}

// What a refusal says about trying again.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "99999999": maxRetryAfter, "Mon, 02 Jan 2006 15:04:05 GMT": -1,
	} {
		got := retryAfter(http.Header{"Retry-After": {text}})
		if got != want && (want != -1 || got >= 0) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	later := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	if got := retryAfter(http.Header{"Retry-After": {later}}); got < 59*time.Minute || got > time.Hour {
		t.Errorf("%q: %s", later, got)
	}
}
