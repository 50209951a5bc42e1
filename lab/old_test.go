//go:build linux

package lab

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
)

// oldV4 is old.example.com in the pages: a server from which a hoster moves, which answers as automx2 does.
const oldV4 = "203.0.113.92"

var postedAddress = regexp.MustCompile(`<EMailAddress>([^<]*)</EMailAddress>`)

// oldServer answers whatever the Host, and only requests with an address.
func oldServer(w http.ResponseWriter, r *http.Request) {
	server := func(element, kind string, port int) string {
		return fmt.Sprintf(`<%[1]sServer type=%[2]q><hostname>mail.example.com</hostname><port>%[3]d</port><socketType>STARTTLS</socketType>`+
			`<username>%%EMAILADDRESS%%</username><authentication>password-cleartext</authentication></%[1]sServer>`, element, kind, port)
	}
	protocol := func(kind string, port int, address string) string {
		return fmt.Sprintf(`<Protocol><Type>%s</Type><Server>mail.example.com</Server><Port>%d</Port><LoginName>%s</LoginName><SSL>on</SSL>`+
			`<Encryption>TLS</Encryption></Protocol>`, kind, port, address)
	}
	switch {
	case r.URL.Path == "/mail/config-v1.1.xml" && r.URL.Query().Get("emailaddress") == "":
		w.WriteHeader(http.StatusBadRequest)
	case r.URL.Path == "/mail/config-v1.1.xml":
		w.Header().Set("Content-Type", "application/xml")
		io.WriteString(w, `<clientConfig version="1.1"><emailProvider id="automx2-1"><domain>example.com</domain>`+
			server("incoming", "imap", 143)+server("outgoing", "smtp", 587)+`</emailProvider></clientConfig>`)
	case r.URL.Path == "/autodiscover/autodiscover.xml" && r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body) // an incomplete body has no address
		found := postedAddress.FindSubmatch(body)
		if found == nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		address := string(found[1])
		w.Header().Set("Content-Type", "application/xml")
		io.WriteString(w, `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">`+
			`<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><Account><AccountType>email</AccountType>`+
			`<Action>settings</Action>`+protocol("IMAP", 143, address)+protocol("SMTP", 587, address)+`</Account></Response></Autodiscover>`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}
