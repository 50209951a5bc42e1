package ldap

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"mailhint/keypairs/keypairtest"
	"mailhint/logins"
	"mailhint/logins/ldap/slapdtest"
	"mailhint/settings"
)

const people = 5000

// directory is the LDIF of 5,000 people and of a few whose entries cannot be used.
func directory() string {
	var b strings.Builder
	for i := range people {
		b.WriteString(slapdtest.Person(fmt.Sprintf("ab%04d", i), "mail", fmt.Sprintf("person.%04d@uni.example", i)))
	}
	b.WriteString(slapdtest.Person("twice1", "mail", "twice@uni.example") + slapdtest.Person("twice2", "mail", "twice@uni.example"))
	b.WriteString(slapdtest.Person("nickname", "uid", "ab9999", "mail", "several@uni.example"))
	for name, text := range hostile {
		b.WriteString(slapdtest.Person("h"+name, "mail", name+"@uni.example", "description:", base64.StdEncoding.EncodeToString([]byte(text))))
	}
	return b.String()
}

// hostile are values of the attribute description.
var hostile = map[string]string{
	"control": "ab\x1b[2J", "nul": "ab\x00", "long": strings.Repeat("a", 64<<10), "markup": "<script>alert(1)</script>", "bidi": "ab\u202e21",
}

func configFor(s *slapdtest.Server, urls ...string) Config {
	return Config{URLs: urls, CA: s.CA, BindDN: slapdtest.BindDN, PasswordFile: s.PasswordFile, Base: slapdtest.Base, Filter: "(mail=%EMAILADDRESS%)", Attribute: "uid"}
}

func openFor(t testing.TB, c Config) *Source {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func question(local string) logins.Question {
	return logins.Question{Address: settings.Address{Local: local, Domain: "uni.example"}, Primary: "uni.example"}
}

func TestFind(t *testing.T) {
	server := slapdtest.Start(t, directory())
	for _, url := range []string{server.Secure, server.Plain, server.Socket} {
		s := openFor(t, configFor(server, url))
		for local, want := range map[string]string{
			"person.0000": "ab0000", "person.4999": "ab4999", "person.5000": "", "twice": ",", "several": "ab9999,nickname",
		} {
			got, err := s.Find(t.Context(), question(local))
			slices.Sort(got)
			if err != nil || strings.Join(got, ",") != want {
				t.Errorf("%s: %s: got %q, %v; want %q", url, local, got, err, want)
			}
		}
		if n := len(s.pool.idle); n != 1 {
			t.Errorf("%s: %d connections for one question after another", url, n)
		}
	}

	// What somebody enters is a value, whatever it looks like.
	s := openFor(t, configFor(server, server.Secure))
	for _, local := range []string{
		"*", "person.*", "*)(uid=*", "person.0000@uni.example)(|(uid=*", "*)(objectClass=*))(&(uid=*", `\2a`, `\`, "\x00", "person.0000\x00", "(", ")", "&", "'", `"`, "' OR '1'='1",
		strings.Repeat("a", 254), strings.Repeat("*", 254), "ｐerson.0000", "реrson.0000", "pérson.0000", "person.0000 ", "uid=ab0000,ou=people",
	} {
		if got, err := s.Find(t.Context(), question(local)); len(got) != 0 || err != nil {
			t.Errorf("%q finds %q, %v", local, got, err)
		}
	}
	if r := s.request(question("ann")); r.SizeLimit != 2 || r.TimeLimit != 3 || r.DerefAliases != ldap.NeverDerefAliases || !slices.Equal(r.Attributes, []string{"uid"}) {
		t.Errorf("the search is %+v", r)
	}
	// Letters beyond ASCII are not searched for: no server is asked.
	if got, err := openFor(t, configFor(server, "ldaps://127.0.0.1:1")).Find(t.Context(), question("pérson.0000")); got != nil || err != nil {
		t.Errorf("with an accent: %q, %v", got, err)
	}
	// Other filters, with all placeholders.
	c := configFor(server, server.Secure)
	c.Filter = "(&(objectClass=inetOrgPerson)(|(mail=%EMAILLOCALPART%@%PRIMARYDOMAIN%)(mail=%EMAILLOCALPART%@%EMAILDOMAIN%)))"
	q := logins.Question{Address: settings.Address{Local: "person.0007", Domain: "alias.example"}, Primary: "uni.example"}
	if got, err := openFor(t, c).Find(t.Context(), q); err != nil || !slices.Equal(got, []string{"ab0007"}) {
		t.Errorf("by the primary domain: %q, %v", got, err)
	}

	// Hostile values of the attribute are never used.
	c = configFor(server, server.Secure)
	c.Attribute = "Description"
	s = openFor(t, c)
	for local, text := range hostile {
		name, _, err := logins.Try(t.Context(), s, settings.PersonQuestion{Address: question(local).Address, Primary: "uni.example"})
		if name != "" || !errors.Is(err, logins.ErrUnclear) || strings.Contains(err.Error(), text) {
			t.Errorf("%s: %.40q, %v", local, name, err)
		}
	}
	if got, err := s.Find(t.Context(), question("person.0001")); len(got) != 0 || err != nil {
		t.Errorf("an entry without the attribute: %q, %v", got, err)
	}
}

// A client certificate is what to bind with, or is shown beside a name and a password.
func TestClientCertificate(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Person("ab0001", "mail", "ann@uni.example"))
	otherCert, otherKey := keypairtest.Write(t, t.TempDir(), "other", keypairtest.New(t, keypairtest.Options{Names: []string{"other.example"}}))
	for _, url := range []string{server.Secure, server.Plain} {
		c := configFor(server, url)
		c.Cert, c.Key = server.ClientCert, server.ClientKey
		for _, external := range []bool{false, true} {
			if external {
				c.BindDN, c.PasswordFile = "", ""
			}
			if got, err := openFor(t, c).Find(t.Context(), question("ann")); err != nil || !slices.Equal(got, []string{"ab0001"}) {
				t.Errorf("%s, EXTERNAL %t: %q, %v", url, external, got, err)
			}
		}
		c.Cert, c.Key = otherCert, otherKey
		if got, err := openFor(t, c).Find(t.Context(), question("ann")); got != nil || err == nil || !strings.Contains(err.Error(), url) {
			t.Errorf("%s with a certificate of another CA: %q, %v", url, got, err)
		}
	}
	c := configFor(server, server.Socket) // which has no TLS, and knows the user of the process instead
	c.Cert, c.Key, c.BindDN, c.PasswordFile = server.ClientCert, server.ClientKey, "", ""
	if got, err := openFor(t, c).Find(t.Context(), question("ann")); got != nil || err == nil {
		t.Errorf("over a socket: %q, %v", got, err)
	}
}

// Referrals are not followed, whatever they refer to.
func TestReferrals(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var contacted atomic.Bool
	go func() {
		if c, err := listener.Accept(); err == nil {
			contacted.Store(true)
			c.Close()
		}
	}()
	other := "ldap://" + listener.Addr().String() + "/ou=elsewhere,dc=uni,dc=example"
	server := slapdtest.Start(t, slapdtest.Person("ab0001", "mail", "ann@uni.example")+slapdtest.Referral("elsewhere", other))
	s := openFor(t, configFor(server, server.Secure))
	for local, want := range map[string]string{"ann": "ab0001", "bob": ""} {
		if got, err := s.Find(t.Context(), question(local)); err != nil || strings.Join(got, "") != want {
			t.Errorf("%s: %q, %v", local, got, err)
		}
	}
	c := configFor(server, server.Secure)
	c.Base = "ou=elsewhere," + slapdtest.Base
	if got, err := openFor(t, c).Find(t.Context(), question("ann")); len(got) != 0 || err == nil || !strings.Contains(err.Error(), "refers to another server") || strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("below a referral: %q, %v", got, err)
	}
	if contacted.Load() {
		t.Error("a referral was followed")
	}
}

// Several servers are asked in their order. One that hangs or dies costs the request little time, and is left out for a while.
func TestServersInOrder(t *testing.T) {
	entry := func(uid string) string { return slapdtest.Person(uid, "mail", "ann@uni.example") }
	first, second := slapdtest.Start(t, entry("first")), slapdtest.Start(t, entry("second"))
	both := filepath.Join(t.TempDir(), "ca.pem")
	concatenate(t, both, first.CA, second.CA)
	c := configFor(first, first.Plain, second.Secure)
	c.CA = both
	s := openFor(t, c)
	const next = 5 * time.Second // on a busy machine the first server takes longer than nextAfter
	s.pool.next = next
	expect := func(when, want string) time.Duration {
		t.Helper()
		began := time.Now()
		got, err := s.Find(t.Context(), question("ann"))
		if err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %q, %v; want %s", when, got, err, want)
		}
		return time.Since(began)
	}
	expect("at first", "first")
	first.Hang(t)
	if took := expect("while the first hangs", "second"); took < next {
		t.Errorf("the first server got %s only", took)
	}
	for range 5 {
		if took := expect("while the first is left out", "second"); took >= next {
			t.Errorf("took %s, as if the first had been waited for", took)
		}
	}
	first.Resume(t)
	s.pool.servers[0].until = time.Now() // the pause is over
	expect("when it has come back", "first")
	first.Kill()
	expect("when the first has died", "second")
	second.Kill()
	if got, err := s.Find(t.Context(), question("ann")); err == nil || !strings.Contains(err.Error(), first.Plain) || !strings.Contains(err.Error(), second.Secure) {
		t.Errorf("without a server: %q, %v", got, err)
	}
	second.Restart(t)
	expect("when the second has come back", "second")
}

// An idle connection that the server has closed is replaced.
func TestRestart(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Person("ab0001", "mail", "ann@uni.example"))
	s := openFor(t, configFor(server, server.Plain))
	for range 3 {
		if got, err := s.Find(t.Context(), question("ann")); err != nil || !slices.Equal(got, []string{"ab0001"}) {
			t.Fatalf("%q, %v", got, err)
		}
		server.Kill()
		server.Restart(t)
	}
}

// Many questions at once share a few connections.
func TestManyAtOnce(t *testing.T) {
	server := slapdtest.Start(t, directory())
	s := openFor(t, configFor(server, server.Secure))
	var asking sync.WaitGroup
	for i := range 200 {
		asking.Go(func() {
			if got, err := s.Find(t.Context(), question(fmt.Sprintf("person.%04d", i))); err != nil || !slices.Equal(got, []string{fmt.Sprintf("ab%04d", i)}) {
				t.Errorf("%d: %q, %v", i, got, err)
			}
		})
	}
	asking.Wait()
	if n := len(s.pool.idle); n > maxConns {
		t.Errorf("%d connections", n)
	}
	s.Close()
	if _, err := s.Find(t.Context(), question("person.0000")); !errors.Is(err, errClosed) {
		t.Errorf("a closed look-up: %v", err)
	}
}

func TestMistakes(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Person("ab0001", "mail", "ann@uni.example"))
	dir := t.TempDir()
	wrong := filepath.Join(dir, "wrong")
	if err := os.WriteFile(wrong, []byte("not the password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	otherCA, _ := keypairtest.Write(t, dir, "other", keypairtest.New(t, keypairtest.Options{}))
	_, port, _ := strings.Cut(strings.TrimPrefix(server.Secure, "ldaps://"), ":")
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"password":       {func(c *Config) { c.PasswordFile = wrong }, "refuses bind_dn or its password"},
		"anonymous":      {func(c *Config) { c.BindDN, c.PasswordFile = "", "" }, "has no base that this bind_dn may see"},
		"base":           {func(c *Config) { c.Base = "ou=nobody,dc=uni,dc=example" }, "has no base"},
		"other base":     {func(c *Config) { c.Base = "ou=people,dc=other,dc=example" }, "has no base"},
		"ca":             {func(c *Config) { c.CA = otherCA }, "certificate"},
		"system's ca":    {func(c *Config) { c.CA = "" }, "certificate"},
		"other name":     {func(c *Config) { c.URLs = []string{"ldaps://localhost:" + port} }, "certificate"},
		"STARTTLS there": {func(c *Config) { c.URLs = []string{strings.Replace(server.Secure, "ldaps", "ldap", 1)} }, "STARTTLS"},
		"TLS there":      {func(c *Config) { c.URLs = []string{strings.Replace(server.Plain, "ldap", "ldaps", 1)} }, "TLS"},
		"no server":      {func(c *Config) { c.URLs = []string{"ldaps://127.0.0.1:1"} }, "refused"},
	} {
		c := configFor(server, server.Secure)
		test.change(&c)
		got, err := openFor(t, c).Find(t.Context(), question("ann"))
		if got != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, test.want)
			continue
		}
		for _, secret := range []string{"ann", slapdtest.Password, "not the password"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v contains %q", name, err, secret)
			}
		}
	}
}

// What can be seen to be wrong without a server is refused at once.
func TestOpenMistakes(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, []byte("secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cert, key := keypairtest.Write(t, dir, "client", keypairtest.New(t, keypairtest.Options{}))
	good := Config{URLs: []string{"ldaps://127.0.0.1:1"}, BindDN: "cn=x", PasswordFile: secret, Base: "dc=x", Filter: "(mail=%EMAILADDRESS%)", Attribute: "uid"}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"good": {func(*Config) {}, ""},
		"long filter": {func(c *Config) {
			c.Filter = "(&(objectClass=person)(|(mail=%EMAILADDRESS%)(proxyAddresses=smtp:%EMAILADDRESS%)))"
		}, ""},
		"extensible filter": {func(c *Config) { c.Filter = "(mail:caseExactIA5Match:=%EMAILADDRESS%)" }, ""},
		"filter":            {func(c *Config) { c.Filter = "(mail=%EMAILADDRESS%" }, "is not a valid LDAP filter"},
		"attribute":         {func(c *Config) { c.Filter = "(%EMAILLOCALPART%=x)" }, "before an equals sign"},
		"domain":            {func(c *Config) { c.Filter = "(&(mail=%EMAILADDRESS%)(%EMAILDOMAIN%=x))" }, "before an equals sign"},
		"no parentheses":    {func(c *Config) { c.Filter = "%EMAILADDRESS%" }, "LDAP filter"},
		"mode":              {func(c *Config) { c.PasswordFile = open }, "run chmod 600"},
		"no password":       {func(c *Config) { c.PasswordFile = secret + ".gone" }, "no such file"},
		"ca":                {func(c *Config) { c.CA = secret }, "contains no certificate"},
		"certificate":       {func(c *Config) { c.Cert, c.Key = cert, key }, ""},
		"no certificate":    {func(c *Config) { c.Cert, c.Key = secret, key }, "failed to find any PEM data"},
		"key's mode":        {func(c *Config) { c.Cert, c.Key = cert, open }, "run chmod 600"},
		"no key":            {func(c *Config) { c.Cert, c.Key = cert, key+".gone" }, "no such file"},
		"key is a folder":   {func(c *Config) { c.Cert, c.Key = cert, dir }, "is not a regular file"},
	} {
		c := good
		test.change(&c)
		s, err := Open(c)
		if err == nil {
			s.Close()
		}
		if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), `"secret"`)) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func concatenate(t *testing.T, to string, files ...string) {
	t.Helper()
	var all []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	if err := os.WriteFile(to, all, 0o600); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
