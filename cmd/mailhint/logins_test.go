package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailhint/domains"
	"mailhint/logins"
	"mailhint/server"
)

const loginsConfig = `
[server]
http = ["127.0.0.1:0"]
admin = "127.0.0.1:0"

[domains."uni.example"]
imap = "imap.uni.example"
smtp = "smtp.uni.example"
activesync = "https://eas.uni.example/Microsoft-Server-ActiveSync"
login = { lookup = "people", hint = "your UniID, for example ab123" }
[[domains."uni.example".rules]]
from = ["192.0.2.0/24"]
login = "%EMAILADDRESS%"

[lookups.people]
type = "file"
file = "logins.txt"
unknown = "%EMAILLOCALPART%"
`

// uuids are made of the address.
var uuids = regexp.MustCompile(`[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}`)

// post sends a body to the program.
func post(t *testing.T, address, host, path, kind, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// loginAnswers are the requests whose answers have the login name, each with the address of a person.
var loginAnswers = map[string]func(t *testing.T, address, who string) *http.Response{
	"autoconfig": func(t *testing.T, address, who string) *http.Response {
		r, err := http.NewRequest(http.MethodGet, "http://"+address+"/mail/config-v1.1.xml?emailaddress="+url.QueryEscape(who), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "autoconfig.uni.example"
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return response
	},
	"pox": func(t *testing.T, address, who string) *http.Response {
		return post(t, address, "autodiscover.uni.example", "/autodiscover/autodiscover.xml", "text/xml",
			`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>`+who+
				`</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`)
	},
	"apple": func(t *testing.T, address, who string) *http.Response {
		return post(t, address, "autoconfig.uni.example", "/mobileconfig", "application/x-www-form-urlencoded", "emailaddress="+url.QueryEscape(who))
	},
	"page": func(t *testing.T, address, who string) *http.Response {
		return post(t, address, "autoconfig.uni.example", "/", "application/x-www-form-urlencoded", "email="+url.QueryEscape(who))
	},
}

// Every format that has the login name has the one that was looked up. The answer for an address that is not found differs in the name alone.
func TestServeLookedUpLogins(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "logins.txt"), "zann@uni.example ab123\n")
	write(t, filepath.Join(dir, "domains.toml"), loginsConfig)
	p := startProgramOn(t, filepath.Join(dir, "domains.toml"))
	for name, send := range loginAnswers {
		text := make(map[string]string)
		for who, login := range map[string]string{"zann@uni.example": "ab123", "ZAnn@Uni.Example": "ab123", "zeve@uni.example": "zeve", `"*)(uid=*"@uni.example`: `"*)(uid=*"`} {
			response := send(t, p.public(), who)
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("%s: status %d, %v\n%s", name, response.StatusCode, err, body)
			}
			for _, header := range []string{"Date", "Content-Length", "Etag"} {
				response.Header.Del(header)
			}
			local, _, _ := strings.Cut(who, "@")
			whole := fmt.Sprint(response.Header) + "\n" + string(body)
			if name == "page" {
				if !strings.Contains(whole, "User name: your UniID, for example ab123.") {
					t.Errorf("%s for %s does not say what the login name is:\n%s", name, who, whole)
				}
				whole = strings.ReplaceAll(whole, "for example ab123", "for example")
			}
			if strings.HasPrefix(who, `"`) {
				if strings.Contains(whole, "ab123") {
					t.Errorf("%s for %s has somebody's login name:\n%s", name, who, whole)
				}
				continue
			}
			if !strings.Contains(whole, ">"+login+"<") && !strings.Contains(whole, `"`+login+`"`) {
				t.Errorf("%s for %s does not have the login name %s:\n%s", name, who, login, whole)
			}
			if who == "ZAnn@Uni.Example" {
				continue
			}
			text[who] = uuids.ReplaceAllString(strings.NewReplacer(login, "NAME", local, "NAME").Replace(whole), "UUID")
		}
		if text["zann@uni.example"] != text["zeve@uni.example"] {
			t.Errorf("%s: the answers differ:\n%s\n%s", name, text["zann@uni.example"], text["zeve@uni.example"])
		}
	}
	_, body := ask(t, p.public(), "autoconfig.uni.example", path)
	if !strings.Contains(body, "<username>%EMAILLOCALPART%</username>") {
		t.Errorf("without an address:\n%s", body)
	}
	if status, body := ask(t, p.public(), "ua-auto-config.uni.example", "/.well-known/user-agent-configuration.json"); status != http.StatusNotFound {
		t.Errorf("PACC, which cannot express it: %d\n%s", status, body)
	}
	if _, body := ask(t, p.admin(), "localhost", "/-/readyz"); !strings.Contains(body, "login names from people: ok\n") {
		t.Errorf("/-/readyz:\n%s", body)
	}
	if _, body := ask(t, p.admin(), "localhost", "/-/metrics"); !strings.Contains(body, `mailhint_login_requests_total{lookup="people",result="found"} `) {
		t.Errorf("metrics:\n%s", body)
	}
	for _, secret := range []string{"ab123", "zann", "zeve"} {
		if strings.Contains(strings.ToLower(p.log.String()), secret) {
			t.Errorf("%s is in the log:\n%s", secret, p.log)
		}
	}

	// A look-up that cannot be opened is a mistake in the configuration.
	write(t, p.config, strings.Replace(loginsConfig, "logins.txt", "gone.txt", 1))
	if err := p.file.Reload(); err == nil || !strings.Contains(err.Error(), "domains.toml:15: lookups.people: ") || !strings.Contains(err.Error(), "gone.txt") {
		t.Errorf("got %v", err)
	}
	if _, body := ask(t, p.public(), "autoconfig.uni.example", path+"?emailaddress=zann@uni.example"); !strings.Contains(body, "ab123") {
		t.Errorf("the configuration before is not used any more:\n%s", body)
	}
	if _, err := open(p.config, systemNetwork(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("serve starts with a look-up that cannot be opened")
	}
}

// Domains without a look-up are answered as fast as if there were none at all, and with as little memory.
func TestLookupsCostOthersNothing(t *testing.T) {
	const round, rounds = 20, 600 // a round is so short that some are not interrupted, however busy the machine is
	dir := t.TempDir()
	write(t, filepath.Join(dir, "logins.txt"), "zann@uni.example ab123\n")
	other := "\n[domains.\"other.example\"]\nimap = \"imap.other.example\"\nsmtp = \"smtp.other.example\"\n"
	handlers := make(map[string]http.Handler)
	for name, text := range map[string]string{"with": loginsConfig + other, "without": other} {
		file := filepath.Join(dir, name+".toml")
		write(t, file, text)
		s, err := domains.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		all := logins.New(slog.New(slog.DiscardHandler))
		t.Cleanup(all.Close)
		find, err := all.Use(lookupConfigs(s, slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		s.FindLoginNames(find)
		srv, err := server.New(domains.Server{TLS: "off"}, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		srv.Configure(s, nil)
		handlers[name] = srv.Handler(true)
	}
	n := 0
	get := func(handler http.Handler) {
		n++ // the same request again and again would be refused
		r := httptest.NewRequest(http.MethodGet, "https://autoconfig.other.example"+path+"?emailaddress=a"+strconv.Itoa(n)+"@other.example", nil)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("status %d", w.Code)
		}
	}
	best := make(map[string]time.Duration)
	allocations := make(map[string]float64)
	for range rounds { // the best round is one in which nothing else ran
		for name, handler := range handlers {
			began := time.Now()
			for range round {
				get(handler)
			}
			if took := time.Since(began); best[name] == 0 || took < best[name] {
				best[name] = took
			}
		}
	}
	for name, handler := range handlers {
		allocations[name] = testing.AllocsPerRun(1000, func() { get(handler) })
	}
	ratio := float64(best["with"]) / float64(best["without"])
	t.Logf("%.3f times the time, %.1f and %.1f allocations", ratio, allocations["with"], allocations["without"])
	if ratio > 1.15 || allocations["with"] > allocations["without"]+0.5 {
		t.Errorf("with a look-up for another domain a request takes %.2f times as long, and %.1f allocations instead of %.1f", ratio, allocations["with"], allocations["without"])
	}
}
