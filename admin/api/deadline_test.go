package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mailhint/admin/api"
)

// deadlines is an answer that notes until when the connection is read.
type deadlines struct {
	*httptest.ResponseRecorder
	read []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = append(d.read, t)
	return nil
}

// An operation may take longer than its body: a deadline for reading the connection would end it, because a server also notices by reading that a
// client has gone.
func TestNoDeadlineWhileAnOperationRuns(t *testing.T) {
	w := newWorld(t, api.Limits{})
	for _, q := range []struct{ method, path, body string }{
		{"POST", "/domains/ann.example/probe", `{"key":"imap","value":"imap.ann.example"}`},
		{"POST", "/probe", `{"domain":"ann.example"}`},
		{"POST", "/domains/ann.example/doctor", ""},
		{"PATCH", "/domains/ann.example?probe=require", `{"values":{"name":"A"}}`},
		{"POST", "/changes", `{"edits":[]}`},
		{"POST", "/apply?dry_run=true", `{"name":"ann.example","values":{}}`},
	} {
		r := httptest.NewRequest(q.method, api.Prefix+q.path, strings.NewReader(q.body))
		r.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + w.tokens["olga"]}}
		answer := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		w.ServeHTTP(answer, r)
		if len(answer.read) < 2 || !answer.read[len(answer.read)-1].IsZero() {
			t.Errorf("%s %s: the deadlines are %v, want none at the end; the answer is %d", q.method, q.path, answer.read, answer.Code)
		}
	}
}
