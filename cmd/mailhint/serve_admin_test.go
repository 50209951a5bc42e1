package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mailhint/accounts"
	"mailhint/accounts/file"
	"mailhint/admin/api"
	"mailhint/admin/page"
)

const withAdminName = `
[server]
name = "setup.hoster.example"
admin_name = "Admin.hoster.example"
http = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
trusted_proxies = ["127.0.0.2"]

[profiles.shared]
imap = "imap.hoster.example"
smtp = "smtp.hoster.example"
domains = ["listed.example"]

[domains."example.com"]
imap = "imap.example.com"
smtp = "smtp.example.com"
aliases = ["alias.example"]

[domains."*.wild.example"]
profile = "shared"
`

// request is one to a listener.
type request struct {
	method, host, path string
	body               string
	header             http.Header
}

func (q request) send(t *testing.T, address string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequest(q.method, "http://"+address+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = q.host
	for name, values := range q.header {
		r.Header[name] = values
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

// adminPaths are all paths of the admin page and the API, with their methods.
func adminPaths(t *testing.T) []request {
	t.Helper()
	text, err := api.Description("test")
	if err != nil {
		t.Fatal(err)
	}
	var described struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(text, &described); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{domain}", "example.com", "{profile}", "shared", "{token}", "panel", "{account}", "ann", "{code}", "D01")
	all := []request{{method: http.MethodGet, path: api.Prefix + "/openapi.json"}}
	for path, methods := range described.Paths {
		for method := range methods {
			all = append(all, request{method: strings.ToUpper(method), path: fill.Replace(path)})
		}
	}
	for _, route := range page.Routes() {
		all = append(all, request{method: route.Method, path: fill.Replace(route.Path)})
	}
	return all
}

// Only admin_name and the admin listener answer at the paths of the admin page and the API; no name of a customer does.
func TestAdminPathsOnlyUnderAdminName(t *testing.T) {
	r := startProgram(t, withAdminName)
	hosts := []string{"example.com", "EXAMPLE.com.", "autoconfig.example.com", "autodiscover.example.com", "www.example.com", "alias.example", "autoconfig.alias.example",
		"listed.example", "autoconfig.listed.example", "a.wild.example", "autoconfig.a.wild.example", "setup.hoster.example", "hoster.example", "unknown.example", "localhost",
		"127.0.0.1", r.public(), "admin.hoster.example.evil.example", "xadmin.hoster.example", ""}
	paths := adminPaths(t)
	if len(paths) < 60 {
		t.Fatalf("only %d paths are known", len(paths))
	}
	for _, host := range hosts {
		for _, q := range paths {
			q.host = host
			_, header, body := q.send(t, r.public())
			isAdmin := header.Get("WWW-Authenticate") != "" || strings.Contains(header.Get("Content-Type"), "problem") || strings.Contains(body, "openapi") ||
				strings.HasPrefix(header.Get("Location"), "/sign-in") || strings.Contains(body, "mailhint user add") || strings.Contains(body, "/sign-in")
			if isAdmin {
				t.Errorf("%s %s at %q is answered by the admin page or the API:\n%s", q.method, q.path, host, body)
			}
		}
	}
	for _, host := range []string{"admin.hoster.example", "ADMIN.hoster.example.", "admin.hoster.example:443"} {
		if status, header, body := (request{method: "GET", host: host, path: api.Prefix + "/domains"}).send(t, r.public()); status != 401 || header.Get("Strict-Transport-Security") == "" {
			t.Errorf("the API at %s: %d %s; want 401, because there is no token, and HSTS", host, status, body)
		}
	}
	if status, _, body := (request{method: "GET", host: "admin.hoster.example", path: "/-/metrics"}).send(t, r.public()); status != 404 {
		t.Errorf("/-/metrics at admin_name: %d %s", status, body)
	}
	if status, _, body := (request{method: "GET", host: "admin.hoster.example", path: "/mail/config-v1.1.xml?emailaddress=a@example.com"}).send(t, r.public()); status == 200 {
		t.Errorf("admin_name answers mail programs: %s", body)
	}
	if status, _, body := (request{method: "GET", host: "evil.example", path: api.Prefix + "/domains"}).send(t, r.admin()); status != http.StatusMisdirectedRequest {
		t.Errorf("the API at the admin listener under a foreign name: %d %s", status, body)
	}
	if status, _, _ := (request{method: "GET", host: r.admin(), path: api.Prefix + "/domains"}).send(t, r.admin()); status != 401 {
		t.Errorf("the API at the admin listener: %d, want 401", status)
	}
}

// Behind a proxy that speaks https with browsers, cookies are only for https, and no other host can set them.
func TestCookiesBehindProxy(t *testing.T) {
	r := startProgram(t, strings.Replace(withAdminName, "127.0.0.2", "127.0.0.1", 1))
	for _, test := range []struct {
		scheme string
		status int
		cookie string
	}{{"https", 303, "__Host-mailhint-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"}, {"http", 403, ""}} {
		q := request{method: "POST", host: "admin.hoster.example", path: "/sign-out"}
		q.header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Forwarded-Proto": {test.scheme}, "X-Forwarded-For": {"192.0.2.1"}}
		if status, header, body := q.send(t, r.public()); status != test.status || header.Get("Set-Cookie") != test.cookie {
			t.Errorf("%s: %d with the cookie %q\n%s", test.scheme, status, header.Get("Set-Cookie"), body)
		}
	}
	q := request{method: "POST", host: r.admin(), path: "/sign-out", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
	if _, header, _ := q.send(t, r.admin()); !strings.HasPrefix(header.Get("Set-Cookie"), "mailhint-session=;") || strings.Contains(header.Get("Set-Cookie"), "Secure") {
		t.Errorf("at the admin listener, by http: the cookie %q", header.Get("Set-Cookie"))
	}
}

// token makes a token for a server, as mailhint token add does.
func token(t testing.TB, dir, name string, role accounts.Role, domains ...string) string {
	t.Helper()
	secret, _, err := accounts.New(file.Open(dir), accounts.Options{}).AddToken(t.Context(), accounts.CommandLine("test"), accounts.NewToken{Name: name, Role: role, Domains: domains})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// An edit through the API is served when its answer comes.
func TestEditThroughAPIIsServed(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "domains.toml")
	write(t, config, strings.Replace(oneDomain, "[server]", "[server]\nstate_dir = "+quote(filepath.Join(dir, "state")), 1))
	r := startProgramOn(t, config)
	secret := token(t, filepath.Join(dir, "state"), "panel", accounts.Operator)
	header := http.Header{"Authorization": {"Bearer " + secret}, "Content-Type": {"application/json"}}
	at := request{method: "GET", host: r.admin(), path: api.Prefix + "/domains/example.com", header: header}
	status, got, body := at.send(t, r.admin())
	if status != 200 || got.Get("ETag") == "" {
		t.Fatalf("%d %v\n%s", status, got, body)
	}
	before, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	change := at
	change.method, change.body = "PATCH", `{"values":{"imap":"imap2.example.com"},"reason":"a test"}`
	change.header = header.Clone()
	change.header.Set("If-Match", got.Get("ETag"))
	start := time.Now()
	if status, _, body := change.send(t, r.admin()); status != 200 {
		t.Fatalf("the change: %d\n%s", status, body)
	}
	if _, answer := ask(t, r.public(), "autoconfig.example.com", path); !strings.Contains(answer, "imap2.example.com") {
		t.Errorf("after the answer to the change, clients still get\n%s", answer)
	}
	t.Logf("change and answer took %s", time.Since(start))
	after, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if want := bytes.Replace(before, []byte(`imap = "imap.example.com"`), []byte(`imap = "imap2.example.com"`), 1); !bytes.Equal(after, want) {
		t.Errorf("the file is\n%s", after)
	}
	if status, _, body := change.send(t, r.admin()); status != http.StatusPreconditionFailed {
		t.Errorf("the same If-Match again: %d %s", status, body)
	}
}

func quote(text string) string { return fmt.Sprintf("%q", text) }

// Edit commands and imports with --server change the configuration of a running server, which serves it when they end.
func TestCommandsWithServer(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "domains.toml")
	state := filepath.Join(dir, "state")
	write(t, config, strings.Replace(oneDomain, "[server]", "[server]\nstate_dir = "+quote(state), 1))
	r := startProgramOn(t, config)
	secret := filepath.Join(dir, "token")
	write(t, secret, token(t, state, "panel", accounts.Operator)+"\n")
	run := func(args ...string) (string, error) {
		t.Helper()
		root := newRoot()
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(append(args, "--server", "http://"+r.admin(), "--token-file", secret))
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	for _, step := range []struct {
		args string
		want string // part of the output
		host string // part of what Thunderbird then gets for new.example
	}{
		{"add new.example imap=imap.new.example smtp=smtp.new.example --reason ticket", "saved by the server at http://", "imap.new.example"},
		{"set new.example imap=imap2.new.example --dry-run", "+imap = \"imap2.new.example\"", "imap.new.example"},
		{"set new.example imap=imap2.new.example", "to undo: mailhint undo new.example --server ", "imap2.new.example"},
		{"list", "new.example", "imap2.new.example"},
		{"history new.example", "token:panel", "imap2.new.example"},
		{"disable new.example", "saved by", ""},
		{"enable new.example", "saved by", "imap2.new.example"},
		{"undo new.example 2", "saved by", "imap.new.example"},
		{"rm new.example", "saved by", ""},
		{"undo new.example", "saved by", "imap.new.example"},
		{"snapshot", `"name":"new.example"`, "imap.new.example"},
	} {
		out, err := run(strings.Fields(step.args)...)
		if err != nil || !strings.Contains(out, step.want) {
			t.Fatalf("%s: %v\n%s\nwant %q", step.args, err, out, step.want)
		}
		_, answer := ask(t, r.public(), "autoconfig.new.example", path)
		if has := strings.Contains(answer, "<hostname>"); step.host == "" && has || step.host != "" && !strings.Contains(answer, "<hostname>"+step.host) {
			t.Fatalf("after %s, clients get\n%s", step.args, answer)
		}
	}
	snapshot := filepath.Join(dir, "snapshot.json")
	write(t, snapshot, `{"name":"example.com","values":{"imap":"imap.example.com","smtp":"smtp9.example.com"}}`+"\n")
	if out, err := run("apply", snapshot, "--dry-run"); err != nil || !strings.Contains(out, "1 to change, 1 to remove") {
		t.Errorf("apply --dry-run: %v\n%s", err, out)
	}
	if out, err := run("apply", snapshot, "--allow-removals", "1"); err != nil || !strings.Contains(out, "saved by the server") {
		t.Errorf("apply: %v\n%s", err, out)
	}
	if out, err := run("set", "none.example", "imap=a.example"); err == nil || !strings.Contains(err.Error(), "not configured") {
		t.Errorf("set of a domain that does not exist: %v\n%s", err, out)
	}
	if out, err := run("set", "example.com", "smtp=imaps://x.example"); err == nil {
		t.Errorf("a bad value: %s", out)
	}
	table := filepath.Join(dir, "customers.csv")
	write(t, table, "domain,imap,smtp\nbakery.example,imap.hoster.example,smtp.hoster.example\nflorist.example,imap.hoster.example,smtp.hoster.example\n"+
		"example.com,imap.other.example,smtp.other.example\n")
	if out, err := run("import", "csv", table, "--apply", "--dry-run"); err != nil || !strings.Contains(out, "3 to add, 0 to change, 0 to remove") {
		t.Errorf("import --apply --dry-run: %v\n%s", err, out)
	}
	if out, err := run("import", "csv", table, "--apply"); err != nil || !strings.Contains(out, "saved by the server") || !strings.Contains(out, "example.com is configured already") {
		t.Errorf("import --apply: %v\n%s", err, out)
	}
	for domain, want := range map[string]string{"bakery.example": "imap.hoster.example", "florist.example": "imap.hoster.example", "example.com": "imap.example.com"} {
		if _, answer := ask(t, r.public(), "autoconfig."+domain, path); !strings.Contains(answer, "<hostname>"+want) {
			t.Errorf("after the import, clients of %s get\n%s", domain, answer)
		}
	}
	if out, err := run("import", "csv", table, "--apply"); err != nil || !strings.Contains(out, "nothing to change") {
		t.Errorf("import --apply again: %v\n%s", err, out)
	}
	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := run("list"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a token that others can read: %v", err)
	}
}

// timed is true if times are limited and everything is as large as it should be: nothing else must run on the machine then.
var timed = os.Getenv("SOAK") != ""

// many starts a program with so many entries in the file, and so many names in a list, and returns a request to its API. There are a hundred
// times fewer unless times are limited.
func many(t *testing.T, entries, listed int) (*running, request) {
	t.Helper()
	if !timed {
		entries, listed = entries/100, listed/100
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "domains.toml")
	var text, names strings.Builder
	text.WriteString("[server]\nhttp = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\nstate_dir = " + quote(filepath.Join(dir, "state")) + "\n")
	text.WriteString("[profiles.shared]\nimap = \"imap.hoster.example\"\nsmtp = \"smtp.hoster.example\"\ndomains_file = \"names.txt\"\n")
	for i := range entries {
		fmt.Fprintf(&text, "[domains.\"d%d.example\"]\nimap = \"imap.d%[1]d.example\"\nsmtp = \"smtp.d%[1]d.example\"\n", i)
	}
	for i := range listed {
		fmt.Fprintf(&names, "n%d.example\n", i)
	}
	write(t, filepath.Join(dir, "names.txt"), names.String())
	write(t, config, text.String())
	header := http.Header{"Authorization": {"Bearer " + token(t, filepath.Join(dir, "state"), "panel", accounts.Operator)}, "Content-Type": {"application/json"}}
	r := startProgramOn(t, config)
	return r, request{method: "GET", host: r.admin(), header: header}
}

// atMost fails if times are limited and the best of a few attempts takes longer. The best counts because the machine may have other work.
func atMost(t *testing.T, limit time.Duration, what string, attempt func(i int)) {
	t.Helper()
	least := time.Hour
	for i := range 8 {
		start := time.Now()
		attempt(i)
		least = min(least, time.Since(start))
	}
	t.Logf("%s: %s", what, least)
	if timed && least > limit {
		t.Errorf("%s takes %s, want at most %s", what, least, limit)
	}
}

// A page of 100,000 domains takes at most a fifth of a second.
func TestAPIListsQuickly(t *testing.T) {
	r, get := many(t, 10_000, 90_000)
	for what, query := range map[string]string{"the first page": "", "a page in the middle": "&after=n5", "a search": "&search=n8999", "a search for what is not there": "&search=zzz", "a profile": "&profile=shared"} {
		atMost(t, 200*time.Millisecond, what+" of 100,000 domains", func(int) {
			q := get
			q.path = api.Prefix + "/domains?limit=100" + query
			if status, _, body := q.send(t, r.admin()); status != 200 {
				t.Fatalf("%d %s", status, body)
			}
		})
	}
}

// With 10,000 entries in the file, clients get an edit within half a second.
func TestAPIEditsQuickly(t *testing.T) {
	r, get := many(t, 10_000, 0)
	get.path = api.Prefix + "/domains/d50.example"
	_, got, _ := get.send(t, r.admin())
	tag := got.Get("ETag")
	atMost(t, 500*time.Millisecond, "an edit, until clients get it", func(i int) {
		change := get
		host := fmt.Sprintf("imap%d.example.com", i)
		change.method, change.body, change.header = "PATCH", `{"values":{"imap":"`+host+`"}}`, get.header.Clone()
		change.header.Set("If-Match", tag)
		status, got, body := change.send(t, r.admin())
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		tag = got.Get("ETag")
		if _, answer := ask(t, r.public(), "autoconfig.d50.example", path); !strings.Contains(answer, host) {
			t.Fatalf("clients do not get %s", host)
		}
	})
}

// TestAPIDocs runs the commands that docs/api.md shows, against a server of its own.
func TestAPIDocs(t *testing.T) {
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s: %v", program, err)
		}
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "domains.toml")
	write(t, config, strings.Replace(oneDomain, "[server]", "[server]\nstate_dir = "+quote(filepath.Join(dir, "state")), 1))
	r := startProgramOn(t, config)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 3 {
		t.Fatalf("the page has %d blocks, want 3", len(blocks))
	}
	var outputs []string
	for _, b := range blocks {
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(b[1], "127.0.0.1:8081", r.admin()))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "MAILHINT_CONFIG="+config)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", b[1], err, out)
		}
		outputs = append(outputs, string(out))
	}
	if !strings.Contains(outputs[1], "saved by the server") {
		t.Errorf("mailhint add prints\n%s", outputs[1])
	}
	if strings.Count(outputs[2], `"revision"`) < 2 || !strings.Contains(outputs[2], `"previews"`) {
		t.Errorf("curl prints\n%s", outputs[2])
	}
	if _, answer := ask(t, r.public(), "autoconfig.new.example", path); !strings.Contains(answer, "imap2.new.example") {
		t.Errorf("after all of it, clients get\n%s", answer)
	}
}
