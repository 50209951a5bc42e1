package domains

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestAdvertised(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "users.txt", "ann@firm.example\n")
	s, err := Load(write(t, dir, "domains.toml", `
[profiles.own]
imap = "imaps://mail.%EMAILDOMAIN%"
smtp = "submissions://smtp.hoster.example"
domains = ["b.example", "a.example"]
[profiles.other]
imap = "imaps://imap.moved.example"
smtp = "submissions://smtp.moved.example"
[profiles.left]
imap = "imaps://imap.left.example"
smtp = "submissions://smtp.left.example"
domains = ["only.example"]
[domains."only.example"]
profile = "own"
[domains."firm.example"]
imap = ["imaps://imap.firm.example", "imap+plain://imap.firm.example"]
smtp = "submissions://smtp.%PRIMARYDOMAIN%"
aliases = ["firma.example"]
allow_plaintext = ["10.0.0.0/8"]
[[domains."firm.example".rules]]
users_file = "users.txt"
profile = "other"
[domains."*.wild.example"]
profile = "own"
[domains."closed.example"]
enabled = false
imap = "imaps://imap.closed.example"
smtp = "submissions://smtp.closed.example"
[[domains."closed.example".rules]]
from = "192.0.2.0/24"
imap = "imaps://imap-intern.closed.example"
[fallback]
profile = "own"
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for host, server := range s.Advertised() {
		if text := fmt.Sprintf("%s %d %s", host, server.Port, server.Security); !slices.Contains(got, text) {
			got = append(got, text)
		}
	}
	const want = `smtp.hoster.example 465 implicit TLS
imap.firm.example 993 implicit TLS
imap.firm.example 143 no encryption
imap.moved.example 993 implicit TLS
smtp.moved.example 465 implicit TLS
mail.a.example 993 implicit TLS
mail.b.example 993 implicit TLS
smtp.firm.example 465 implicit TLS
mail.only.example 993 implicit TLS`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	for range s.Advertised() { // a caller may stop anywhere
		break
	}
	for host := range s.Advertised() {
		if host == "mail.a.example" {
			break
		}
	}
}
