package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"mailhint/choices"
	"mailhint/compare"
	"mailhint/domains"
	"mailhint/imports"
	"mailhint/imports/importstest"
	"mailhint/settings"
)

// old is an old server: answers by host and path.
type old map[string]func(w http.ResponseWriter, address string)

var posted = regexp.MustCompile(`<EMailAddress>([^<]*)</EMailAddress>`)

func (o old) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // an incomplete body has no address
	address := r.URL.Query().Get("emailaddress")
	if found := posted.FindSubmatch(body); found != nil {
		address = string(found[1])
	}
	path := strings.ToLower(r.URL.Path)
	if strings.Contains(string(body), "mobilesync") {
		path = "mobile"
	}
	host, _, _ := strings.Cut(r.Host, ":")
	for _, key := range []string{host + " " + path, path} {
		if answer, ok := o[key]; ok {
			answer(w, address)
			return
		}
	}
	http.NotFound(w, r)
}

func xmlText(text string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, address string) {
		w.Header().Set("Content-Type", "text/xml")
		_, domain, _ := strings.Cut(address, "@")
		io.WriteString(w, strings.NewReplacer("{ADDRESS}", address, "{DOMAIN}", domain).Replace(text))
	}
}

func redirect(to string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) { w.Header().Set("Location", to); w.WriteHeader(http.StatusFound) }
}

func server(kind, host string, port int, socket string) string {
	element := "incomingServer"
	if kind == "smtp" {
		element = "outgoingServer"
	}
	return fmt.Sprintf(`<%s type=%q><hostname>%s</hostname><port>%d</port><socketType>%s</socketType><authentication>password-cleartext</authentication><username>{ADDRESS}</username></%[1]s>`,
		element, kind, host, port, socket)
}

func config(domain string, servers ...string) string {
	return `<clientConfig version="1.1"><emailProvider id="hoster.example"><domain>` + domain + `</domain><displayName>Hoster</displayName>` + strings.Join(servers, "\n") + `</emailProvider></clientConfig>`
}

func pox(servers ...string) string {
	return `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"><Response><Account><Action>settings</Action>` + strings.Join(servers, "") + `</Account></Response></Autodiscover>`
}

func poxServer(kind, host string, port int, encryption, login string) string {
	return fmt.Sprintf("<Protocol><Type>%s</Type><Server>%s</Server><Port>%d</Port><LoginName>%s</LoginName><SPA>off</SPA><Encryption>%s</Encryption></Protocol>", kind, host, port, login, encryption)
}

const (
	configPath = "/mail/config-v1.1.xml"
	poxPath    = "/autodiscover/autodiscover.xml"
	paccPath   = "/.well-known/user-agent-configuration.json"
)

func people(names ...settings.Domain) []settings.Address {
	var list []settings.Address
	for _, d := range names {
		list = append(list, settings.Address{Local: "postmaster", Domain: d})
	}
	return list
}

// convert imports from a server.
func convert(t *testing.T, handler http.Handler, who []settings.Address) string {
	t.Helper()
	s := httptest.NewServer(handler)
	defer s.Close()
	got := importstest.Convert(t, func(c *imports.Collection) error {
		asked, err := compare.NewServer(s.URL)
		if err != nil {
			return err
		}
		return Read(t.Context(), c, asked, who)
	})
	return strings.ReplaceAll(got, s.URL, "http://old")
}

// TestServers imports from servers that answer in different ways.
func TestServers(t *testing.T) {
	two := []string{server("imap", "imap.hoster.example", 993, "SSL"), server("smtp", "smtp.hoster.example", 587, "STARTTLS")}
	profile := `<plist version="1.0"><dict><key>PayloadContent</key><array><dict><key>PayloadType</key><string>com.apple.mail.managed</string>
<key>EmailAccountType</key><string>EmailTypeIMAP</string><key>IncomingMailServerHostName</key><string>old.hoster.example</string>
<key>IncomingMailServerPortNumber</key><integer>993</integer><key>IncomingMailServerUseSSL</key><true/><key>IncomingMailServerUsername</key><string>postmaster</string>
<key>OutgoingMailServerHostName</key><string>smtp.hoster.example</string><key>OutgoingMailServerPortNumber</key><integer>587</integer>
<key>OutgoingMailServerUseSSL</key><true/><key>OutgoingMailServerUsername</key><string>postmaster</string></dict></array></dict></plist>`
	for name, c := range map[string]struct {
		handler old
		people  []settings.Address
	}{
		// All formats agree, for two domains; the answers have the person's address as the login name.
		"agreeing": {old{
			configPath: xmlText(config("{DOMAIN}", two...)),
			poxPath:    xmlText(pox(poxServer("IMAP", "imap.hoster.example", 993, "SSL", "{ADDRESS}"), poxServer("SMTP", "smtp.hoster.example", 587, "TLS", "{ADDRESS}"))),
			"mobile":   xmlText(`<Autodiscover><Response><Action><Settings><Server><Type>MobileSync</Type><Url>https://eas.hoster.example/Microsoft-Server-ActiveSync</Url></Server></Settings></Action></Response></Autodiscover>`),
			paccPath: func(w http.ResponseWriter, _ string) {
				io.WriteString(w, `{"protocols":{"imap":{"host":"imap.hoster.example"}},"authentication":{"password":true}}`)
			},
			"/.well-known/caldav":  redirect("https://dav.hoster.example/calendars/"),
			"/.well-known/carddav": redirect("http://dav.hoster.example/contacts/"),
		}, people("bakery.example", "florist.example")},
		// Every other format says something else.
		"contradicting": {old{
			configPath:            xmlText(config("other.example", append(two, server("pop3", "pop.hoster.example", 995, "SSL"))...)),
			poxPath:               xmlText(pox(poxServer("IMAP", "imap.hoster.example", 143, "TLS", "{ADDRESS}"), poxServer("SMTP", "smtp.hoster.example", 587, "TLS", "CORP\\postmaster"), poxServer("EXCH", "ex.hoster.example", 443, "", ""))),
			"/apple.mobileconfig": xmlText(profile), "/email.mobileconfig": xmlText(profile), "/mobileconfig/": xmlText(profile),
			paccPath: func(w http.ResponseWriter, _ string) {
				io.WriteString(w, `{"protocols":{"submit":{"host":"submit.hoster.example"},"pop3":{"host":"pop.hoster.example"}},"authentication":{"password":true}}`)
			},
		}, people("bakery.example")},
		// Only Autodiscover, and as mailcow writes the domain.
		"autodiscover only": {old{poxPath: xmlText(pox(poxServer("POP3", "pop.hoster.example", 995, "SSL", "postmaster"), poxServer("SMTP", "smtp.hoster.example", 465, "SSL", "postmaster")))}, people("bakery.example")},
		"placeholder":       {old{configPath: xmlText(strings.ReplaceAll(config("%EMAILDOMAIN%", two...), "{ADDRESS}", "%EMAILADDRESS%"))}, people("bakery.example")},
		// The hosts follow the domain.
		"relative": {old{configPath: xmlText(config("{DOMAIN}", server("imap", "mail.{DOMAIN}", 993, "SSL"), server("smtp", "mail.{DOMAIN}", 465, "SSL")))}, people("bakery.example", "florist.example", "butcher.example")},
		// Nothing that can be used.
		"hostile": {old{
			configPath:          xmlText(`<html><script>alert("x")</script><clientConfig/></html>`),
			poxPath:             xmlText(strings.Repeat("<a>", 100_000)),
			paccPath:            func(w http.ResponseWriter, _ string) { w.Write(make([]byte, 1<<20)) },
			"/.well-known/jmap": redirect("http://169.254.169.254/latest/meta-data/"),
		}, people("bakery.example")},
		"empty":       {old{configPath: xmlText(""), poxPath: xmlText(`<Autodiscover><Response><Error><ErrorCode>600</ErrorCode><Message>Bad &#x1b;[31m</Message></Error></Response></Autodiscover>`)}, people("bakery.example")},
		"private":     {old{configPath: redirect("http://127.0.0.1:1/secret"), poxPath: redirect("http://10.0.0.1/")}, people("bakery.example")},
		"wrong types": {old{paccPath: func(w http.ResponseWriter, _ string) { io.WriteString(w, `{"protocols":{"imap":["a"]}}`) }, configPath: xmlText(config("{DOMAIN}", server("imap", "-bad-", 99999, "TLSv9")))}, people("bakery.example")},
	} {
		t.Run(name, func(t *testing.T) {
			importstest.Golden(t, strings.ReplaceAll(name, " ", "-")+".txt", convert(t, c.handler, c.people))
		})
	}
}

// TestSilentServer: a server that accepts and says nothing is given up.
func TestSilentServer(t *testing.T) {
	blocked := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-blocked:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(blocked)
	asked, err := compare.NewServer(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	asked.Timeout = 20 * time.Millisecond
	c := imports.New(func(domains.Position, string) {})
	var many []settings.Address
	for i := range 100 {
		many = append(many, people(settings.Domain(fmt.Sprintf("d%d.example", i)))...)
	}
	if err := Read(t.Context(), c, asked, many); !errors.Is(err, compare.ErrSilent) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Read(ctx, c, asked, many); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(config("bakery.example", server("imap", "imap.hoster.example", 993, "SSL")), pox(poxServer("IMAP", "imap.hoster.example", 143, "TLS", "x")), `{"protocols":{"imap":{"host":"a.example"}}}`)
	f.Fuzz(func(t *testing.T, autoconfig, autodiscover, pacc string) {
		page := func(text string) compare.Page {
			return compare.Page{Answer: choices.Answer{Status: 200, Body: []byte(text), Good: true}, Via: []string{pacc}}
		}
		importstest.Fuzz(t, func(c *imports.Collection) {
			Parse(c, "https://old", people("bakery.example")[0], compare.Answers{Web: map[choices.Place]compare.Page{
				choices.ConfigHost: page(autoconfig), choices.POXHost: page(autodiscover), choices.PACCHost: page(pacc), choices.ProfileHost: page(autodiscover),
				choices.MobilePOX: page(autodiscover), choices.JSONEWS: page(pacc), choices.CalDAVBare: page(""),
			}})
		})
	})
}
