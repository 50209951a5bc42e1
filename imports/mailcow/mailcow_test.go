package mailcow

import (
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
	"mailhint/imports/web"
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
		u, err := web.ParseServer(s.URL)
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
	redirect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/"+r.Header.Get("X-API-Key")[:0], http.StatusFound)
	}))
	defer redirect.Close()
	good := api(t, key, map[string]string{domainsPath: "{}", aliasesPath: "{}"})
	for name, c := range map[string]struct {
		url, key, want string
	}{
		"another key":         {good.URL, "wrong-key", "status 401; is the key right"},
		"an error with 200":   {api(t, key, map[string]string{domainsPath: `{"type":"error","msg":"api access denied for ip 192.0.2.1"}`}).URL, key, "api access denied"},
		"another program":     {api(t, key, nil).URL, key, "status 404; is this the URL of mailcow?"},
		"a page":              {api(t, key, map[string]string{domainsPath: "<html>"}).URL, key, "neither an answer of mailcow's API"},
		"a redirect":          {redirect.URL, key, "redirects to http://127.0.0.1:1/, which is not followed"},
		"without encryption":  {"http://mail.example.com", key, "only sent over https"},
		"nobody":              {"http://127.0.0.1:1", key, "no answer from 127.0.0.1:1"},
		"only the second bad": {api(t, key, map[string]string{domainsPath: "[]"}).URL, key, "alias-domain/all with status 404"},
	} {
		u, err := web.ParseServer(c.url)
		if err != nil {
			t.Fatal(err)
		}
		err = New(imports.New(func(domains.Position, string) {}), nil).Fetch(t.Context(), u, c.key)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), key) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if unread := errors.Is(err, imports.ErrUnread); unread == (name == "without encryption") {
			t.Errorf("%s: %v", name, err)
		}
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
	}{{key, 0o644}, {"", 0o600}, {key + "\r\nX-Other: 1", 0o600}, {strings.Repeat("x", maxKeyFile+1), 0o600}} {
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
