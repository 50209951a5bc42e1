package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mailhint/admin/api"
)

// One account that sends its bodies slowly does not keep the others out.
func TestSlowBodiesOfOneAccount(t *testing.T) {
	w := newWorld(t, api.Limits{AtOnce: 8, Waiting: 8})
	s := httptest.NewServer(w)
	defer s.Close()
	ask := func(who, method string, body io.Reader) int {
		r, err := http.NewRequest(method, s.URL+api.Prefix+"/domains/ann.example", body)
		if err != nil {
			t.Error(err)
			return 0
		}
		r.Header = http.Header{"Authorization": {"Bearer " + w.tokens[who]}, "Content-Type": {"application/json"}, "If-Match": {`"1"`}}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0 // it was ended below
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	for range 2 { // a quarter
		body, feed := io.Pipe()
		defer feed.Close()
		go ask("ann", "PATCH", body)
		if _, err := feed.Write([]byte("{")); err != nil {
			t.Fatal(err)
		}
	}
	for limit := time.Now().Add(30 * time.Second); ask("ann", "GET", nil) != 429; {
		if time.Now().After(limit) {
			t.Fatal("the account can still ask")
		}
	}
	if status := ask("olga", "GET", nil); status != 200 {
		t.Errorf("another account: %d", status)
	}
}

// Only operators send bodies that take gigabytes to read.
func TestLargeBodies(t *testing.T) {
	w := newWorld(t, api.Limits{Body: 1000, Snapshot: 4000})
	body := `{"edits":[]}` + strings.Repeat(" ", 2000)
	for who, want := range map[string]int{"olga": 200, "ann": 413, "panel": 413, "vera": 413} {
		if answer := w.send(t, request{method: "POST", path: "/changes", as: who, body: body}); answer.Code != want {
			t.Errorf("%s: %d, want %d", who, answer.Code, want)
		}
	}
}
