package mailcow

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/imports"
	"mailhint/imports/importstest"
)

func assignments(t testing.TB, list ...string) []edits.Assignment {
	t.Helper()
	a, err := edits.ParseAssignments(edits.Domain, list)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// files converts files with values.
func files(t *testing.T, host string, values []edits.Assignment, names ...string) string {
	t.Helper()
	return importstest.Convert(t, func(c *imports.Collection) error {
		i := New(c, values)
		for _, name := range names {
			if err := i.ReadFile(filepath.Join("testdata", name)); err != nil {
				return err
			}
		}
		return i.Add(host)
	})
}

func TestFiles(t *testing.T) {
	importstest.Golden(t, "usual.txt", files(t, "mail.hoster.example", nil, "domains.json", "aliases.json"))
	importstest.Golden(t, "conf.txt", files(t, "", nil, "domains.json", "mailcow.conf"))
	importstest.Golden(t, "profile.txt", files(t, "", assignments(t, "profile=shared"), "domains.json"))
	importstest.Golden(t, "values.txt", files(t, "mail.hoster.example", assignments(t, "pop3=", "activesync=", "smtp=smtp.hoster.example"), "domains.json"))
	importstest.Golden(t, "hostile.txt", files(t, "mail.hoster.example", nil, "hostile.json", "none.json", "error.json", "page.html", "cut.json"))
	i := New(imports.New(func(domains.Position, string) {}), nil)
	if err := i.Add(""); !errors.Is(err, ErrHost) {
		t.Errorf("without a host: %v", err)
	}
}

// api is a mailcow that has a key.
func api(t *testing.T, key string, answers map[string]string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method != http.MethodGet || r.Header.Get("X-API-Key") != key {
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(`{"type":"error","msg":"authentication failed"}`))
			return
		}
		text, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Write([]byte(text))
	}))
	t.Cleanup(s.Close)
	return s
}

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const (
	domainsPath = "/api/v1/get/domain/all"
	aliasesPath = "/api/v1/get/alias-domain/all"
	key         = "4F1C2A-SECRET-998877"
)

func TestFetch(t *testing.T) {
	s := api(t, key, map[string]string{domainsPath: read(t, "domains.json"), aliasesPath: read(t, "aliases.json")})
	got := importstest.Convert(t, func(c *imports.Collection) error {
		u, err := ParseURL(s.URL)
		if err != nil {
			return err
		}
		i := New(c, nil)
		if err := i.Fetch(t.Context(), u, key); err != nil {
			return err
		}
		return i.Add("mail.hoster.example")
	})
	importstest.Golden(t, "live.txt", strings.ReplaceAll(got, s.URL, "http://mailcow"))
}

// TestFetchErrors: whatever is wrong is said, and the key is never in it.
func TestFetchErrors(t *testing.T) {
	maxAnswer = 1 << 20
	t.Cleanup(func() { maxAnswer = imports.MaxInput })
	redirected := false
	serve := func(handler http.HandlerFunc) string {
		s := httptest.NewServer(handler)
		t.Cleanup(s.Close)
		return s.URL
	}
	trap := serve(func(http.ResponseWriter, *http.Request) { redirected = true })
	good := api(t, key, map[string]string{domainsPath: "{}", aliasesPath: "{}"})
	for name, c := range map[string]struct {
		url, key, want string
	}{
		"another key":         {good.URL, "wrong-key", "status 401; is the key right"},
		"an error with 200":   {api(t, key, map[string]string{domainsPath: `{"type":"error","msg":"api access denied for ip 192.0.2.1"}`}).URL, key, "api access denied"},
		"another program":     {api(t, key, nil).URL, key, "status 404; is this the URL of mailcow?"},
		"a page":              {api(t, key, map[string]string{domainsPath: "<html>"}).URL, key, "neither an answer of mailcow's API"},
		"a redirect":          {serve(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, trap+"/x", http.StatusFound) }), key, "/x, which is not followed"},
		"nobody":              {"http://127.0.0.1:1", key, "connection refused"},
		"only the second bad": {api(t, key, map[string]string{domainsPath: "[]"}).URL, key, "alias-domain/all: status 404"},
		"too large":           {serve(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20+1)) }), key, "larger than 1 MB"},
		"cut": {serve(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("["))
		}), key, "incomplete"},
		"endless headers": {serve(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<17)) }), key, "header"},
	} {
		u, err := ParseURL(c.url)
		if err != nil {
			t.Fatal(err)
		}
		err = New(imports.New(func(domains.Position, string) {}), nil).Fetch(t.Context(), u, c.key)
		if !errors.Is(err, imports.ErrUnread) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), key) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if redirected {
		t.Error("a redirect was followed")
	}
}

// TestSlowServer: a server that never ends is given up with the command.
func TestSlowServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("["))
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	}))
	defer s.Close()
	u, err := ParseURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := New(imports.New(func(domains.Position, string) {}), nil).Fetch(ctx, u, key); !errors.Is(err, imports.ErrUnread) {
		t.Errorf("got %v", err)
	}
}

func TestParseURL(t *testing.T) {
	for _, bad := range []string{"", "mail.example.com", "ftp://mail.example.com", "https://", "https://u:" + key + "@mail.example.com", "https://mail.example.com/?x",
		"https://mail.example.com/#x", "http://mail.example.com", "http://10.0.0.1"} {
		if u, err := ParseURL(bad); !errors.Is(err, ErrURL) || strings.Contains(err.Error(), key) {
			t.Errorf("%q: %v, %v", bad, u, err)
		}
	}
	if _, err := ParseURL("https://mail.example.com:8443/"); err != nil {
		t.Error(err)
	}
}

func TestReadKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(key+"\n", 0o600)
	if got, err := ReadKey(file); err != nil || got != key {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []struct {
		text string
		mode os.FileMode
	}{{key, 0o644}, {"", 0o600}, {key + "\r\nX-Other: 1", 0o600}, {strings.Repeat("x", 1<<20), 0o600}, {key + " 2", 0o600}} {
		write(bad.text, bad.mode)
		if got, err := ReadKey(file); err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("%.20q: got %q, %v", bad.text, got, err)
		}
	}
	if _, err := ReadKey(filepath.Dir(file)); err == nil {
		t.Error("a folder is a key")
	}
}

func FuzzParse(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.*")
	for _, name := range names {
		f.Add([]byte(read(f, filepath.Base(name))))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		importstest.Fuzz(t, func(c *imports.Collection) {
			i := New(c, assignments(t, "imap=imap.example.com", "smtp=smtp.example.com"))
			i.Parse("f", text)
			if i.conf == nil {
				i.Add("") // a host of mailcow.conf that is not valid is an error
			}
		})
	})
}
