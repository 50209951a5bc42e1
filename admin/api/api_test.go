package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
	"mailhint/admin"
	"mailhint/admin/api"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/edits/storetest"
)

// world is an API on a store in memory, and a token for everybody who uses it.
type world struct {
	http.Handler
	service *admin.Service
	store   edits.Store
	tokens  map[string]string // by account
}

// people are the accounts of a world. Besides its own domains, each has a token named after it.
var people = []accounts.Account{
	{Name: "olga", Role: accounts.Operator},
	{Name: "vera", Role: accounts.Viewer},
	{Name: "lars", Role: accounts.Viewer, Domains: []string{"ann.example"}},
	{Name: "ann", Role: accounts.DomainAdmin, Domains: []string{"ann.example"}},
	{Name: "ben", Role: accounts.DomainAdmin, Domains: []string{"ben.example", "*.ben.example"}},
	{Name: "panel", Role: accounts.Provisioner, Profiles: []string{"shared"}},
}

func domain(name string) edits.Ref  { return edits.Ref{Kind: edits.Domain, Name: name} }
func profile(name string) edits.Ref { return edits.Ref{Kind: edits.Profile, Name: name} }

// newWorld returns an API with ann's and ben's domains on the profile firms, and panel's first.example on the profile shared. Each of them, and each
// profile, has a change that can be undone.
func newWorld(t testing.TB, limits api.Limits) *world {
	t.Helper()
	store := storetest.NewMemory()
	records := accountstest.NewMemory()
	w := &world{store: store, tokens: make(map[string]string)}
	w.service = &admin.Service{Store: store, Accounts: accounts.New(records, accounts.Options{})}
	firms := edits.Values{"imap": "imap.firms.example", "smtp": "smtp.firms.example", "editable": []any{"name", "webmail", "imap", "enabled"}}
	for _, step := range []struct {
		ref    edits.Ref
		values edits.Values
	}{
		{profile("firms"), firms},
		{domain("ann.example"), edits.Values{"profile": "firms"}},
		{domain("ben.example"), edits.Values{"profile": "firms", "aliases": []any{"ben.test"}, "admins": []any{"bea"}, "name": "secret name"}},
		{domain("*.ben.example"), edits.Values{"profile": "firms"}},
		{domain("carl.ben.example"), edits.Values{"profile": "firms"}},
		{domain("xn--bcher-kva.example"), edits.Values{"profile": "firms"}},
		{profile("firms"), with(firms, "name", "Firms")},
		{profile("shared"), edits.Values{"imap": "imap.shared.example", "smtp": "smtp.shared.example", "name": "Shared"}},
		{domain("ann.example"), edits.Values{"profile": "firms", "name": "Ann"}},
		{domain("ben.example"), edits.Values{"profile": "firms", "aliases": []any{"ben.test"}, "admins": []any{"bea"}, "name": "Ben's secret"}},
		{domain("first.example"), edits.Values{"profile": "shared", "name": "First"}},
	} {
		w.set(t, step.ref, step.values)
	}
	var config *domains.Snapshot
	w.service.Current = func() *domains.Snapshot { return config }
	config = w.served(t)
	w.service.Saved = func(_ context.Context, r edits.Result) { config = w.served(t) }
	for _, account := range people {
		account.Created = time.Now().Add(-time.Hour)
		if _, err := records.SaveAccount(t.Context(), account, accounts.Absent); err != nil {
			t.Fatal(err)
		}
		w.tokens[account.Name] = w.token(t, account, accounts.NewToken{Name: account.Name, Role: account.Role, Domains: account.Domains, Profiles: account.Profiles})
	}
	w.Handler = api.New(w.service, api.Options{Version: "test", Limits: limits})
	return w
}

// token makes a token as an account would.
func (w *world) token(t testing.TB, maker accounts.Account, n accounts.NewToken) string {
	t.Helper()
	p := maker.Principal(netip.Addr{})
	p.Session = "test"
	secret, _, err := w.service.Accounts.AddToken(t.Context(), p, n)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func with(values edits.Values, key string, value any) edits.Values {
	all := edits.Values{key: value}
	for k, v := range values {
		if k != key {
			all[k] = v
		}
	}
	return all
}

func (w *world) set(t testing.TB, ref edits.Ref, values edits.Values) {
	t.Helper()
	r, err := w.store.Get(t.Context(), ref)
	if err != nil {
		r.List = ""
	}
	set := edits.ChangeSet{Edits: []edits.Edit{{Ref: ref, If: edits.Any, Action: edits.ActionSet, Values: values, List: r.List}}, Actor: "set-up"}
	if _, err := w.store.Apply(t.Context(), set); err != nil {
		t.Fatal(err)
	}
}

// served is the configuration of all records, with a server.
func (w *world) served(t testing.TB) *domains.Snapshot {
	t.Helper()
	list, err := edits.Snapshot(context.Background(), w.store)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	text.WriteString("[server]\nname = \"setup.hoster.example\"\nadmin_name = \"admin.hoster.example\"\nstate_dir = \"state\"\n")
	for i := range list {
		delete(list[i].Values, "domains_file")
	}
	if err := edits.Write(&text, "toml", list); err != nil {
		t.Fatal(err)
	}
	source, err := domains.Read("test.toml", map[string][]byte{"test.toml": text.Bytes()})
	if err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	return source.Snapshot
}

func (w *world) etag(t testing.TB, ref edits.Ref) string {
	t.Helper()
	r, err := w.store.Get(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return `"` + strings.ReplaceAll(string(r.Revision), " ", "%20") + `"`
}

// request is one to the API.
type request struct {
	method, path string
	as           string // account; empty for no token
	token        string // instead of that of as
	body         string
	header       map[string]string
}

func (q request) http() *http.Request {
	r := httptest.NewRequest(q.method, "http://localhost"+api.Prefix+q.path, strings.NewReader(q.body))
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	return r
}

func (w *world) send(t testing.TB, q request) *httptest.ResponseRecorder {
	t.Helper()
	r := q.http()
	if q.as != "" && q.token == "" {
		q.token = w.tokens[q.as]
		if q.token == "" {
			t.Fatalf("%s has no token", q.as)
		}
	}
	if q.token != "" {
		r.Header.Set("Authorization", "Bearer "+q.token)
	}
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, r)
	return answer
}

// problem decodes a problem.
func problem(t testing.TB, answer *httptest.ResponseRecorder) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal(answer.Body.Bytes(), &p); err != nil || p.Code == "" || p.Status != answer.Code || p.Detail == "" || answer.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("not a problem: %d %v\n%s", answer.Code, answer.Header(), answer.Body)
	}
	return p
}

func TestChangePath(t *testing.T) {
	w := newWorld(t, api.Limits{})
	ann := request{method: "GET", path: "/domains/ann.example", as: "ann"}
	got := w.send(t, ann)
	if got.Code != 200 || got.Header().Get("ETag") != w.etag(t, domain("ann.example")) {
		t.Fatalf("%d %s\n%s", got.Code, got.Header().Get("ETag"), got.Body)
	}
	var v api.View
	if err := json.Unmarshal(got.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	why := make(map[string]string)
	for _, k := range v.Keys {
		why[k.Name] = k.Why
		if k.Name == "imap" && (len(k.Effective) == 0 || k.From != "profile firms" || k.Own != nil) {
			t.Errorf("imap is %+v; want the value of the profile", k)
		}
	}
	if why["name"] != "" || why["imap"] != "" || why["login"] == "" || why["profile"] == "" || why["admins"] == "" || why["logo"] == "" {
		t.Errorf("the keys that ann may not change, and why: %v", why)
	}
	change := request{method: "PATCH", path: "/domains/ann.example?dry_run=true", as: "ann", body: `{"values":{"imap":"imap.ann.example","webmail":"https://mail.ann.example/"},"reason":"ticket"}`,
		header: map[string]string{"If-Match": got.Header().Get("ETag")}}
	dry := w.send(t, change)
	var planned api.Outcome
	if err := json.Unmarshal(dry.Body.Bytes(), &planned); err != nil || dry.Code != 200 || len(planned.Previews) < 7 || !strings.Contains(planned.Diff, "+imap = ") {
		t.Fatalf("the dry run: %d, %v\n%s", dry.Code, err, dry.Body)
	}
	for _, p := range planned.Previews {
		if p.Client == "thunderbird" && (p.Same || p.Before == nil || p.After == nil || !strings.Contains(p.After.Body, "imap.ann.example") || !strings.Contains(p.Diff, "imap.ann.example")) {
			t.Errorf("the preview of Thunderbird is %+v", p)
		}
	}
	change.path = "/domains/ann.example"
	done := w.send(t, change)
	if done.Code != 200 || done.Header().Get("ETag") == "" || done.Header().Get("ETag") != w.etag(t, domain("ann.example")) {
		t.Fatalf("the change: %d %s\n%s", done.Code, done.Header().Get("ETag"), done.Body)
	}
	again := w.send(t, change)
	if p := problem(t, again); again.Code != 412 || p.Code != "conflict" || p.Current == nil || *p.Current != done.Header().Get("ETag") || p.By == nil || p.By.Actor != "ann" {
		t.Errorf("the same again: %d %+v", again.Code, p)
	}
	back := w.send(t, request{method: "POST", path: "/domains/ann.example/restore", as: "ann", body: `{}`, header: map[string]string{"If-Match": done.Header().Get("ETag")}})
	if r, err := w.store.Get(t.Context(), domain("ann.example")); back.Code != 200 || err != nil || r.Values["imap"] != nil || r.Values["name"] != "Ann" {
		t.Errorf("the undo: %d %s: %v", back.Code, back.Body, r.Values)
	}
	history := w.send(t, request{method: "GET", path: "/domains/ann.example/history?details=true&limit=1", as: "ann"})
	if !strings.Contains(history.Body.String(), `"undoes":`) || strings.Count(history.Body.String(), `"number":`) != 1 || !strings.Contains(history.Body.String(), `"diff":"---`) {
		t.Errorf("the history: %s", history.Body)
	}
}

func TestAddRemoveRestore(t *testing.T) {
	w := newWorld(t, api.Limits{})
	add := request{method: "PUT", path: "/domains/B%C3%BCro.example", as: "panel", body: `{"values":{"profile":"shared"}}`, header: map[string]string{"If-None-Match": "*"}}
	made := w.send(t, add)
	_, router := described(t)
	checkAnswer(t, router, add.http(), made)
	if made.Code != 201 || made.Header().Get("ETag") != w.etag(t, domain("xn--bro-hoa.example")) {
		t.Fatalf("%d\n%s", made.Code, made.Body)
	}
	if again := w.send(t, add); again.Code != 412 {
		t.Errorf("added twice: %d\n%s", again.Code, again.Body)
	}
	gone := w.send(t, request{method: "DELETE", path: "/domains/xn--bro-hoa.example", as: "panel", header: map[string]string{"If-Match": made.Header().Get("ETag")}})
	if gone.Code != 200 || gone.Header().Get("ETag") != "" {
		t.Errorf("removed: %d %s\n%s", gone.Code, gone.Header().Get("ETag"), gone.Body)
	}
	back := w.send(t, request{method: "POST", path: "/domains/xn--bro-hoa.example/restore", as: "panel", body: `{}`, header: map[string]string{"If-None-Match": "*"}})
	if back.Code != 200 {
		t.Errorf("restored: %d\n%s", back.Code, back.Body)
	}
}

func TestPreconditions(t *testing.T) {
	w := newWorld(t, api.Limits{})
	tag := w.etag(t, domain("ann.example"))
	for _, test := range []struct {
		method, ifMatch, ifNoneMatch string
		status                       int
		code                         string
	}{
		{"PATCH", "", "", 428, "no-revision"}, {"PUT", "", "", 428, "no-revision"}, {"DELETE", "", "", 428, "no-revision"},
		{"PATCH", "*", "", 428, "no-revision"}, {"PUT", "*", "", 428, "no-revision"}, {"DELETE", "*", "", 428, "no-revision"},
		{"PATCH", "W/" + tag, "", 412, "conflict"}, {"DELETE", "W/" + tag, "", 412, "conflict"},
		{"PATCH", `"older"`, "", 412, "conflict"}, {"PUT", `"older"`, "", 412, "conflict"}, {"DELETE", `"older"`, "", 412, "conflict"},
		{"PATCH", strings.Trim(tag, `"`), "", 400, "request"}, {"PATCH", tag + ", " + tag, "", 400, "request"}, {"PATCH", `""`, "", 400, "request"}, {"PATCH", `"%"`, "", 400, "request"},
		{"PATCH", `"*"`, "", 400, "request"}, {"PATCH", `"%2A"`, "", 428, "no-revision"},
		{"PUT", tag, "*", 400, "request"}, {"PUT", "", tag, 400, "request"}, {"PUT", "", "*", 412, "exists"},
		{"PATCH", tag, "*", 400, "request"}, {"PATCH", tag, tag, 400, "request"}, {"DELETE", tag, "*", 400, "request"}, {"DELETE", "", "*", 400, "request"},
	} {
		q := request{method: test.method, path: "/domains/ann.example", as: "olga", header: map[string]string{}}
		if test.method != "DELETE" {
			q.body = `{"values":{"profile":"firms","name":"X"}}`
		}
		if test.ifMatch != "" {
			q.header["If-Match"] = test.ifMatch
		}
		if test.ifNoneMatch != "" {
			q.header["If-None-Match"] = test.ifNoneMatch
		}
		answer := w.send(t, q)
		if p := problem(t, answer); answer.Code != test.status || p.Code != test.code {
			t.Errorf("%s, If-Match %s, If-None-Match %s: %d %s, want %d %s (%s)", test.method, test.ifMatch, test.ifNoneMatch, answer.Code, p.Code, test.status, test.code, p.Detail)
		}
	}
	body := `{"edits":[{"kind":"domain","name":"ann.example","if":"*","values":{"profile":"firms"}}]}`
	if answer := w.send(t, request{method: "POST", path: "/changes", as: "olga", body: body}); answer.Code != 428 {
		t.Errorf("a set with an asterisk: %d %s", answer.Code, answer.Body)
	}
	body = `{"edits":[{"kind":"domain","name":"ann.example","values":{"profile":"firms"}}]}`
	if answer := w.send(t, request{method: "POST", path: "/changes", as: "olga", body: body}); answer.Code != 428 && answer.Code != 422 {
		t.Errorf("a set without a revision: %d %s", answer.Code, answer.Body)
	}
}

// A set that is refused says because of which record, also to those who are not told everything.
func TestRefusedSets(t *testing.T) {
	w := newWorld(t, api.Limits{})
	w.set(t, profile("shared"), edits.Values{"imap": "imap.shared.example", "smtp": "smtp.shared.example", "editable": []any{"imap", "pop3"}})
	revision := strings.ReplaceAll(strings.Trim(w.etag(t, domain("first.example")), `"`), "%20", " ")
	first := `{"kind":"domain","name":"first.example","if":"` + revision + `","values":{"profile":"shared","name":"First"}}`
	for name, test := range map[string]struct {
		as, edits string
		status    int
		code      string
		record    string
		says      []string // all of it in the answer
	}{
		"a mistake": {"panel", `{"kind":"domain","name":"new.test","if":"","values":{"profile":"shared","imap":"imaps://imap.new.test:143"}},
			{"kind":"domain","name":"newer.test","if":"","values":{"profile":"shared","pop3":"pop3s://pop.newer.test:110"}}`, 422, "invalid", "",
			[]string{`domains.\"new.test\".imap`, "143", `domains.\"newer.test\".pop3`, "110"}},
		"a key":            {"panel", first + `,{"kind":"domain","name":"new.test","if":"","values":{"profile":"shared","admins":["panel"]}}`, 403, "denied", "new.test", []string{"admins"}},
		"a foreign domain": {"panel", first + `,{"kind":"domain","name":"ben.example","if":"1","values":{"profile":"shared"}}`, 404, "not-found", "ben.example", nil},
		"no such domain":   {"panel", first + `,{"kind":"domain","name":"none.example","if":"1","values":{"profile":"shared"}}`, 404, "not-found", "none.example", nil},
		"a name in use":    {"panel", first + `,{"kind":"domain","name":"ann.example","if":"","values":{"profile":"shared"}}`, 404, "not-found", "ann.example", nil},
		"a conflict":       {"panel", strings.Replace(first, revision, "older", 1) + `,{"kind":"domain","name":"new.test","if":"","values":{"profile":"shared"}}`, 412, "conflict", "first.example", nil},
		"an operator": {"olga", first + `,{"kind":"domain","name":"new.test","if":"","values":{"profile":"shared","imap":"imaps://imap.new.test:143"}}`, 422, "invalid", "",
			[]string{`domains.\"new.test\".imap`, "143"}},
	} {
		answer := w.send(t, request{method: "POST", path: "/changes", as: test.as, body: `{"edits":[` + test.edits + `]}`})
		p := problem(t, answer)
		record := ""
		if p.Record != nil {
			record = p.Record.Name
		}
		if answer.Code != test.status || p.Code != test.code || record != test.record {
			t.Errorf("%s: %d %s about %q, want %d %s about %q\n%s", name, answer.Code, p.Code, record, test.status, test.code, test.record, answer.Body)
		}
		for _, part := range append(test.says, strings.ReplaceAll(test.record, `"`, `\"`)) {
			if !strings.Contains(answer.Body.String(), part) {
				t.Errorf("%s: %s is not in\n%s", name, part, answer.Body)
			}
		}
		if strings.Contains(answer.Body.String(), "test.toml") && test.as != "olga" {
			t.Errorf("%s: names a file\n%s", name, answer.Body)
		}
	}
	if r, err := w.store.Get(t.Context(), domain("first.example")); err != nil || string(r.Revision) != revision {
		t.Errorf("a refused set has changed something: %v", err)
	}
}

// Who may not apply snapshots is not told to.
func TestRefusedRemovals(t *testing.T) {
	w := newWorld(t, api.Limits{})
	var gone []string
	for i := range 11 {
		ref := domain(fmt.Sprintf("c%d.test", i))
		w.set(t, ref, edits.Values{"profile": "shared"})
		gone = append(gone, fmt.Sprintf(`{"kind":"domain","name":%q,"if":%q}`, ref.Name, strings.ReplaceAll(strings.Trim(w.etag(t, ref), `"`), "%20", " ")))
	}
	answer := w.send(t, request{method: "POST", path: "/changes", as: "panel", body: `{"edits":[` + strings.Join(gone, ",") + `]}`})
	if p := problem(t, answer); answer.Code != 409 || p.Code != "removals" || p.Removals == nil || *p.Removals != (api.Removals{Removed: 11, Before: 12, Allowed: 10, Hourly: true}) || !strings.Contains(p.Detail, "within an hour") || !strings.Contains(p.Fix, "an operator") {
		t.Errorf("11 removals by a provisioner: %d\n%s", answer.Code, answer.Body)
	}
	answer = w.send(t, request{method: "POST", path: "/apply", as: "olga", body: `{"kind":"profile","name":"shared","values":{"imap":"imap.shared.example","smtp":"smtp.shared.example"}}`, header: map[string]string{"Content-Type": "application/x-ndjson"}})
	if p := problem(t, answer); answer.Code != 409 || p.Removals == nil || p.Removals.Hourly || !strings.Contains(p.Fix, fmt.Sprintf("allow_removals=%d", p.Removals.Removed)) {
		t.Errorf("a snapshot without domains: %d\n%s", answer.Code, answer.Body)
	}
}

// text is a JSON text of a size.
func text(n int) string { return fmt.Sprintf("%q", strings.Repeat("a", n)) }

func TestHostileBodies(t *testing.T) {
	w := newWorld(t, api.Limits{Body: 100_000, Rate: 1e6, Burst: 1e6})
	deep := strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100)
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"not JSON":                   {`{`, 400},
		"nothing":                    {``, 400},
		"two values":                 {`{"values":{}} {"values":{}}`, 400},
		"duplicate name":             {`{"values":{"name":"a"},"values":{"name":"b"}}`, 400},
		"duplicate key":              {`{"values":{"name":"a","name":"b"}}`, 400},
		"duplicate in another case":  {`{"values":{"name":"a"},"VALUES":{"name":"b"}}`, 400},
		"another case":               {`{"VALUES":{"name":"b"}}`, 422},
		"deep":                       {`{"values":{"name":` + deep + `}}`, 400},
		"deep and wide":              {strings.Repeat(`{"a":`, 10_000) + `1` + strings.Repeat(`}`, 10_000), 400},
		"invalid UTF-8":              {"{\"values\":{\"name\":\"\xff\"}}", 400},
		"too large":                  {`{"values":{"name":` + text(200_000) + `}}`, 413},
		"unknown member":             {`{"values":{},"actor":"olga"}`, 422},
		"unknown key":                {`{"values":{"nmae":"x"}}`, 403},
		"long value":                 {`{"values":{"name":` + text(65_536) + `}}`, 422},
		"null values":                {`{"values":null}`, 422},
		"a list":                     {`[]`, 422},
		"number too large":           {`{"values":{"name":1e999}}`, 400},
		"a float":                    {`{"values":{"name":1.5}}`, 422},
		"long reason":                {`{"values":{"name":"x"},"reason":` + text(5000) + `}`, 422},
		"NUL":                        {`{"values":{"name":"a\u0000b"}}`, 422},
		"line feed out of its line":  {`{"values":{"name":"a\"\nimap = \"evil.example"}}`, 422},
		"three quotation marks":      {`{"values":{"name":"\"\"\""}}`, 200},
		"byte order mark":            {`{"values":{"name":"\ufeffa"}}`, 422},
		"right-to-left override":     {`{"values":{"name":"a\u202eb"}}`, 422},
		"table instead of a string":  {`{"values":{"name":{"a":"b"}}}`, 422},
		"markup, which is only text": {`{"values":{"name":"<script>alert(1)</script>"}}`, 200},
	} {
		q := request{method: "PATCH", path: "/domains/ann.example?dry_run=true", as: "ann", body: test.body, header: map[string]string{"If-Match": w.etag(t, domain("ann.example"))}}
		answer := w.send(t, q)
		if answer.Code != test.status {
			t.Errorf("%s: %d, want %d\n%s", name, answer.Code, test.status, answer.Body)
		}
		if answer.Code >= 400 {
			problem(t, answer)
		}
		if answer.Code != 200 && answer.Body.Len() > 2_000 {
			t.Errorf("%s: an answer of %d octets", name, answer.Body.Len())
		}
	}
}

func TestHostileRequests(t *testing.T) {
	w := newWorld(t, api.Limits{Rate: 1e6, Burst: 1e6, Wrong: 1e6})
	for name, test := range map[string]struct {
		q      request
		status int
	}{
		"encoded slash":                     {request{method: "GET", path: "/domains/ann.example%2Fhistory", as: "ann"}, 404},
		"encoded dots":                      {request{method: "GET", path: "/domains/%2e%2e/profiles", as: "ann"}, 404},
		"encoded dots, capitals":            {request{method: "GET", path: "/domains/%2E%2E/profiles", as: "ann"}, 404},
		"twice encoded":                     {request{method: "GET", path: "/domains/ann.example%252Fhistory", as: "ann"}, 404},
		"dots":                              {request{method: "GET", path: "/domains/../profiles", as: "ann"}, 404},
		"two slashes":                       {request{method: "GET", path: "//domains", as: "ann"}, 404},
		"capitals":                          {request{method: "GET", path: "/DOMAINS", as: "ann"}, 404},
		"slash at the end":                  {request{method: "GET", path: "/domains/", as: "ann"}, 404},
		"NUL":                               {request{method: "GET", path: "/domains/ann.example%00", as: "ann"}, 404},
		"line feed":                         {request{method: "GET", path: "/domains/ann.example%0a", as: "ann"}, 404},
		"unknown parameter":                 {request{method: "GET", path: "/domains?serach=x", as: "ann"}, 422},
		"negative limit":                    {request{method: "GET", path: "/domains?limit=-1", as: "ann"}, 422},
		"limit that is a word":              {request{method: "GET", path: "/domains?limit=all", as: "ann"}, 422},
		"long search":                       {request{method: "GET", path: "/domains?search=" + strings.Repeat("a", 5000), as: "ann"}, 422},
		"wrong method":                      {request{method: "POST", path: "/domains", as: "ann", body: "{}"}, 405},
		"no JSON":                           {request{method: "PATCH", path: "/domains/ann.example", as: "ann", body: "{}", header: map[string]string{"Content-Type": "text/plain"}}, 415},
		"a form":                            {request{method: "POST", path: "/tokens", as: "ann", body: "name=x", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 415},
		"from another site":                 {request{method: "POST", path: "/tokens", as: "ann", body: "{}", header: map[string]string{"Sec-Fetch-Site": "cross-site"}}, 403},
		"from another origin":               {request{method: "DELETE", path: "/domains/ann.example", as: "ann", header: map[string]string{"Origin": "https://evil.example"}}, 403},
		"no token":                          {request{method: "GET", path: "/domains"}, 401},
		"not a token":                       {request{method: "GET", path: "/domains", token: "mailhint_AAAA"}, 401},
		"two words":                         {request{method: "GET", path: "/domains", token: "a b"}, 401},
		"basic":                             {request{method: "GET", path: "/domains", header: map[string]string{"Authorization": "Basic YW5uOng="}}, 401},
		"cookie":                            {request{method: "GET", path: "/domains", header: map[string]string{"Cookie": "session=x"}}, 401},
		"token in the URL":                  {request{method: "GET", path: "/domains?access_token=" + w.tokens["olga"]}, 401},
		"own, spelled otherwise":            {request{method: "GET", path: "/domains/ANN.Example.", as: "ann"}, 200},
		"foreign":                           {request{method: "GET", path: "/domains/ben.example", as: "ann"}, 404},
		"foreign, in capitals":              {request{method: "GET", path: "/domains/BEN.Example", as: "ann"}, 404},
		"foreign, with a dot at the end":    {request{method: "GET", path: "/domains/ben.example.", as: "ann"}, 404},
		"foreign, in Unicode":               {request{method: "GET", path: "/domains/b%C3%BCcher.example", as: "ann"}, 404},
		"an alias of a foreign one":         {request{method: "GET", path: "/domains/ben.test", as: "ann"}, 404},
		"an alias of one's own":             {request{method: "GET", path: "/domains/ben.test", as: "ben"}, 404},
		"a foreign wildcard":                {request{method: "GET", path: "/domains/*.ben.example", as: "ann"}, 404},
		"below a foreign wildcard":          {request{method: "GET", path: "/domains/x.ben.example", as: "ann"}, 404},
		"below one's own wildcard, foreign": {request{method: "GET", path: "/domains/carl.ben.example", as: "ben"}, 404},
		"not a name":                        {request{method: "GET", path: "/domains/not%20a%20name", as: "ann"}, 404},
		"address that is another's":         {request{method: "GET", path: "/domains/ann.example/preview?address=a@ben.example", as: "ann"}, 422},
		"address below a wildcard that another entry answers for": {request{method: "GET", path: "/domains/*.ben.example/preview?address=a@carl.ben.example", as: "ben"}, 422},
		"address below a wildcard":                                {request{method: "GET", path: "/domains/*.ben.example/preview?address=a@other.ben.example", as: "ben"}, 200},
		"address of an alias":                                     {request{method: "GET", path: "/domains/ben.example/preview?address=a@ben.test", as: "ben"}, 200},
	} {
		answer := w.send(t, test.q)
		if answer.Code != test.status {
			t.Errorf("%s: %d, want %d\n%s", name, answer.Code, test.status, answer.Body)
		}
		if answer.Code >= 500 {
			t.Errorf("%s: a stranger's request gives %d", name, answer.Code)
		}
	}
}

func TestHeaders(t *testing.T) {
	w := newWorld(t, api.Limits{})
	for _, q := range []request{{method: "GET", path: "/domains", as: "ann"}, {method: "GET", path: "/domains"}, {method: "GET", path: "/nothing", as: "ann"}, {method: "GET", path: "/openapi.json"}} {
		h := w.send(t, q).Header()
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", q.path, name, got, want)
			}
		}
		if got := h.Get("Cache-Control"); got != "no-store" && q.path != "/openapi.json" {
			t.Errorf("%s: Cache-Control is %q", q.path, got)
		}
	}
	if got := w.send(t, request{method: "PUT", path: "/domains", as: "ann", body: "{}"}).Header().Get("Allow"); got != "GET" {
		t.Errorf("Allow of a wrong method is %q, want GET", got)
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, api.Limits{Rate: 0.001, Burst: 3, Wrong: 4})
	for i, want := range []int{200, 200, 200, 429} {
		if got := w.send(t, request{method: "GET", path: "/status", as: "ann"}); got.Code != want {
			t.Errorf("request %d of an account: %d, want %d", i, got.Code, want)
		} else if want == 429 && got.Header().Get("Retry-After") == "" {
			t.Error("429 has no Retry-After")
		}
	}
	for i, want := range []int{401, 401, 401, 401, 429, 429} {
		if got := w.send(t, request{method: "GET", path: "/status", token: "wrong"}); got.Code != want {
			t.Errorf("request %d without a valid token: %d, want %d", i, got.Code, want)
		}
	}
	if got := w.send(t, request{method: "GET", path: "/status", as: "ben"}); got.Code != 200 {
		t.Errorf("a valid token from the network of a stranger: %d, want 200", got.Code)
	}
}

func TestTokensEnd(t *testing.T) {
	w := newWorld(t, api.Limits{})
	olga := people[0]
	soon := w.token(t, olga, accounts.NewToken{Name: "soon", Role: accounts.Viewer, Expires: time.Now().Add(2 * time.Second)})
	if got := w.send(t, request{method: "GET", path: "/status", token: soon}); got.Code != 200 {
		t.Errorf("a new token: %d", got.Code)
	}
	if got := w.send(t, request{method: "DELETE", path: "/tokens/soon", as: "olga"}); got.Code != 204 {
		t.Fatalf("revoked: %d %s", got.Code, got.Body)
	}
	if got := w.send(t, request{method: "GET", path: "/status", token: soon}); got.Code != 401 {
		t.Errorf("a revoked token: %d, want 401", got.Code)
	}
	made := w.send(t, request{method: "POST", path: "/tokens", as: "ann", body: `{"name":"child","role":"domain-admin","domains":["ann.example"]}`})
	var token struct{ Secret string }
	if err := json.Unmarshal(made.Body.Bytes(), &token); err != nil || made.Code != 201 || token.Secret == "" {
		t.Fatalf("%d %s", made.Code, made.Body)
	}
	if got := w.send(t, request{method: "GET", path: "/tokens", as: "ann"}); strings.Contains(got.Body.String(), token.Secret) || !strings.Contains(got.Body.String(), `"child"`) {
		t.Errorf("the list of tokens: %s", got.Body)
	}
	if got := w.send(t, request{method: "GET", path: "/domains/ben.example", token: token.Secret}); got.Code != 404 {
		t.Errorf("ann's token for ben's domain: %d", got.Code)
	}
	for _, body := range []string{`{"name":"more","role":"operator"}`, `{"name":"more","role":"domain-admin","domains":["ben.example"]}`, `{"name":"more","role":"provisioner","profiles":["*"]}`} {
		if got := w.send(t, request{method: "POST", path: "/tokens", as: "ann", body: body}); got.Code != 422 && got.Code != 403 {
			t.Errorf("a token that can do more than ann: %d %s", got.Code, got.Body)
		}
	}
}

func TestPagesOfTokens(t *testing.T) {
	w := newWorld(t, api.Limits{})
	var names []string
	path := "/tokens?limit=2"
	for {
		var page struct {
			Tokens []api.Token
			Next   string
		}
		answer := w.send(t, request{method: "GET", path: path, as: "olga"})
		if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil || answer.Code != 200 || len(page.Tokens) > 2 || len(page.Tokens) == 0 {
			t.Fatalf("%s: %d %v\n%s", path, answer.Code, err, answer.Body)
		}
		for _, token := range page.Tokens {
			names = append(names, token.Name)
		}
		if page.Next == "" {
			break
		}
		path = "/tokens?limit=2&after=" + page.Next
	}
	if len(names) != len(w.tokens) || !slices.IsSorted(names) {
		t.Errorf("the pages have %q, want %d names in their order", names, len(w.tokens))
	}
}
