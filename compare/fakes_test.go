package compare

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// newOld starts an old server.
func newOld(t *testing.T, handler http.Handler) *Server {
	t.Helper()
	old := httptest.NewServer(handler)
	t.Cleanup(old.Close)
	s, err := NewServer(old.URL)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func xmlText(w http.ResponseWriter, kind, text string) {
	w.Header().Set("Content-Type", kind)
	io.WriteString(w, text)
}

var posted = regexp.MustCompile(`<EMailAddress>([^<]*)</EMailAddress>`)

// addressIn returns the address in an Autodiscover request.
func addressIn(r *http.Request) string {
	body, _ := io.ReadAll(r.Body) // an incomplete body has no address
	if found := posted.FindSubmatch(body); found != nil {
		return string(found[1])
	}
	return ""
}

// automx2 answers like automx2 2025: whatever the Host, by the address alone; without one with 400, for unknown domains with 204. Its
// Autodiscover has no SPA, which Outlook takes for "on", and no answer in the schema of phones. It has one profile for each address.
func automx2(domains ...string) http.Handler {
	known := func(address string) (local, domain string, ok bool) {
		local, domain, _ = strings.Cut(address, "@")
		for _, d := range domains {
			ok = ok || d == domain
		}
		return local, domain, ok
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mail/config-v1.1.xml", func(w http.ResponseWriter, r *http.Request) {
		address := r.URL.Query().Get("emailaddress")
		_, domain, ok := known(address)
		switch {
		case address == "":
			http.Error(w, `Missing request argument "emailaddress"`, http.StatusBadRequest)
		case !ok:
			w.WriteHeader(http.StatusNoContent)
		default:
			server := func(way, kind, host string, port int, tls string) string {
				return fmt.Sprintf(`<%sServer type="%s"><hostname>%s.%s</hostname><port>%d</port><socketType>%s</socketType>`+
					`<username>%%EMAILADDRESS%%</username><authentication>password-cleartext</authentication></%[1]sServer>`, way, kind, host, domain, port, tls)
			}
			xmlText(w, "application/xml", `<clientConfig version="1.1"><emailProvider id="automx2-1000"><identity /><domain>`+domain+
				`</domain><displayName>Big Corporation</displayName><displayShortName>BigCorp</displayShortName>`+
				server("incoming", "imap", "imap", 143, "STARTTLS")+server("outgoing", "smtp", "smtp", 587, "STARTTLS")+`</emailProvider></clientConfig>`)
		}
	})
	pox := func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Content-Type"), "xml") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		address := addressIn(r)
		_, domain, ok := known(address)
		if !ok {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		protocol := func(kind, host string, port int) string {
			return fmt.Sprintf(`<Protocol><Type>%s</Type><Server>%s.%s</Server><Port>%d</Port><LoginName>%s</LoginName><SSL>on</SSL>`+
				`<Encryption>TLS</Encryption></Protocol>`, kind, host, domain, port, address)
		}
		xmlText(w, "application/xml", `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">`+
			`<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><Account>`+
			`<AccountType>email</AccountType><Action>settings</Action>`+protocol("IMAP", "imap", 143)+protocol("SMTP", "smtp", 587)+
			`</Account></Response></Autodiscover>`)
	}
	mux.HandleFunc("POST /autodiscover/autodiscover.xml", pox)
	mux.HandleFunc("POST /AutoDiscover/AutoDiscover.xml", pox)
	mux.HandleFunc("GET /mobileconfig/{$}", func(w http.ResponseWriter, r *http.Request) {
		address := r.URL.Query().Get("emailaddress")
		_, domain, ok := known(address)
		if !ok {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		xmlText(w, profileType, profileFor(address, "imap."+domain, 143, "smtp."+domain, 587))
	})
	return mux
}

func profileFor(address, imap string, imapPort int, smtp string, smtpPort int) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>PayloadContent</key><array><dict>
<key>PayloadType</key><string>com.apple.mail.managed</string><key>EmailAccountType</key><string>EmailTypeIMAP</string>
<key>IncomingMailServerAuthentication</key><string>EmailAuthPassword</string><key>IncomingMailServerHostName</key><string>%s</string>
<key>IncomingMailServerPortNumber</key><integer>%d</integer><key>IncomingMailServerUseSSL</key><true/>
<key>IncomingMailServerUsername</key><string>%s</string>
<key>OutgoingMailServerAuthentication</key><string>EmailAuthPassword</string><key>OutgoingMailServerHostName</key><string>%s</string>
<key>OutgoingMailServerPortNumber</key><integer>%d</integer><key>OutgoingMailServerUseSSL</key><true/>
<key>OutgoingMailServerUsername</key><string>%[3]s</string><key>PayloadVersion</key><real>1</real>
</dict></array><key>PayloadType</key><string>Configuration</string></dict></plist>`, imap, imapPort, address, smtp, smtpPort)
}

// monogramm answers like Monogramm's autodiscover-email-settings of 2024: the same servers for every Host and address, SPA "on", SSL "off" for
// STARTTLS, and its answer for Outlook to phones too.
func monogramm(imap, smtp string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mail/config-v1.1.xml", func(w http.ResponseWriter, _ *http.Request) {
		server := func(way, kind, host string, port int, tls string) string {
			return fmt.Sprintf(`<%sServer type="%s"><hostname>%s</hostname><port>%d</port><socketType>%s</socketType>`+
				`<authentication>password-cleartext</authentication><username>%%EMAILADDRESS%%</username></%[1]sServer>`, way, kind, host, port, tls)
		}
		xmlText(w, "application/xml", `<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="`+smtp+`"><domain>`+smtp+
			`</domain><displayName>%EMAILADDRESS%</displayName>`+server("incoming", "imap", imap, 993, "SSL")+
			server("outgoing", "smtp", smtp, 587, "STARTTLS")+`</emailProvider></clientConfig>`)
	})
	pox := func(w http.ResponseWriter, r *http.Request) {
		address := addressIn(r)
		protocol := func(kind, host string, port int, ssl, encryption string) string {
			return fmt.Sprintf(`<Protocol><Type>%s</Type><Server>%s</Server><Port>%d</Port><LoginName>%s</LoginName><DomainRequired>on</DomainRequired>`+
				`<SPA>on</SPA><SSL>%s</SSL><Encryption>%s</Encryption><AuthRequired>on</AuthRequired></Protocol>`, kind, host, port, address, ssl, encryption)
		}
		xmlText(w, "application/xml", `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">`+
			`<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><User><DisplayName>Example</DisplayName></User>`+
			`<Account><AccountType>email</AccountType><Action>settings</Action>`+protocol("IMAP", imap, 993, "on", "SSL")+
			protocol("SMTP", smtp, 587, "off", "TLS")+`</Account></Response></Autodiscover>`)
	}
	mux.HandleFunc("/autodiscover/autodiscover.xml", pox)
	mux.HandleFunc("/Autodiscover/Autodiscover.xml", pox)
	mux.HandleFunc("GET /email.mobileconfig", func(w http.ResponseWriter, r *http.Request) {
		xmlText(w, profileType+"; charset=utf-8", profileFor(r.URL.Query().Get("email"), imap, 993, smtp, 587))
	})
	return mux
}

// mailcow answers like mailcow: it takes the domain from the Host, gives IMAP and POP3 with both TLS modes, asks for a password before it
// answers Autodiscover, wants people to sign in for a profile, knows ActiveSync in JSON, and redirects to SOGo's calendars.
func mailcow(host string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mail/config-v1.1.xml", func(w http.ResponseWriter, _ *http.Request) {
		var servers string
		for _, s := range []struct {
			way, kind string
			port      int
			tls       string
		}{{"incoming", "imap", 993, "SSL"}, {"incoming", "imap", 143, "STARTTLS"}, {"incoming", "pop3", 995, "SSL"},
			{"incoming", "pop3", 110, "STARTTLS"}, {"outgoing", "smtp", 465, "SSL"}, {"outgoing", "smtp", 587, "STARTTLS"}} {
			servers += fmt.Sprintf(`<%sServer type="%s"><hostname>%s</hostname><port>%d</port><socketType>%s</socketType>`+
				`<username>%%EMAILADDRESS%%</username><authentication>password-cleartext</authentication></%[1]sServer>`, s.way, s.kind, host, s.port, s.tls)
		}
		xmlText(w, "application/xml", `<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="`+host+
			`"><domain>%EMAILDOMAIN%</domain><displayName>A mailcow mail server</displayName>`+servers+`</emailProvider></clientConfig>`)
	})
	pox := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+r.Host+`"`)
		w.WriteHeader(http.StatusUnauthorized)
	}
	mux.HandleFunc("/autodiscover/autodiscover.xml", pox)
	mux.HandleFunc("GET /autodiscover/autodiscover.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("Protocol") == "ActiveSync" {
			fmt.Fprintf(w, `{"Protocol":"ActiveSync","Url":"https://%s/Microsoft-Server-ActiveSync"}`, host)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"ErrorCode":"InvalidProtocol","ErrorMessage":"invalid"}`)
	})
	mux.Handle("GET /mobileconfig", http.RedirectHandler("index.php?mobileconfig", http.StatusFound))
	mux.HandleFunc("GET /index.php", func(w http.ResponseWriter, _ *http.Request) {
		xmlText(w, "text/html", "<!doctype html><title>Sign in</title>")
	})
	mux.Handle("/.well-known/caldav", http.RedirectHandler("/SOGo/dav/", http.StatusMovedPermanently))
	mux.Handle("/.well-known/carddav", http.RedirectHandler("/SOGo/dav/", http.StatusMovedPermanently))
	return mux
}
