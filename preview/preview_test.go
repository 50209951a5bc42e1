package preview

import (
	"errors"
	"strings"
	"testing"

	"mailhint/settings"
)

var (
	ann   = settings.Address{Local: "ann", Domain: "example.com"}
	found = settings.Found{Settings: &settings.Settings{
		Servers: []settings.Server{
			{Protocol: settings.IMAP, Host: "imap.example.com", Port: 993, Security: settings.ImplicitTLS, Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}},
			{Protocol: settings.Submission, Host: "smtp.example.com", Port: 465, Security: settings.ImplicitTLS, Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}},
		},
		Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password},
	}, Domain: "example.com", Primary: "example.com"}
)

// TestAnswer: each client gets a good answer with the server in it, in the words of its format.
func TestAnswer(t *testing.T) {
	for name, want := range map[string]string{
		"thunderbird":  "<hostname>imap.example.com</hostname>",
		"outlook":      "<Server>imap.example.com</Server>",
		"outlook-json": `"Url":"https://autodiscover.example.com/`,
		"apple":        "<string>imap.example.com</string>",
		"pacc":         `"host":"imap.example.com"`,
		"srv":          "993 imap.example.com.",
	} {
		c, ok := Named(name)
		if !ok {
			t.Fatalf("there is no client %s", name)
		}
		a, err := c.Answer(found, ann)
		if err != nil || a.Status != 200 || !strings.Contains(string(a.Text()), want) {
			t.Errorf("%s: got %d %v\n%s\nwant %q", name, a.Status, err, a.Text(), want)
		}
	}
	if len(Names()) != 6 {
		t.Errorf("%q are not the six clients of this test", Names())
	}
	if _, ok := Named("gnus"); ok {
		t.Error("gnus is not a client that is known")
	}
}

func TestAnswerIsNotGood(t *testing.T) {
	apple, _ := Named("apple")
	if _, err := apple.Answer(found, settings.Address{}); !errors.Is(err, ErrNeedsAddress) {
		t.Errorf("got %v, want ErrNeedsAddress", err)
	}
	outlook, _ := Named("outlook")
	empty := settings.Found{Settings: &settings.Settings{}, Domain: "example.com", Primary: "example.com"}
	if _, err := outlook.Answer(empty, ann); !errors.Is(err, settings.ErrNotExpressible) {
		t.Errorf("got %v, want settings.ErrNotExpressible", err)
	}
	moved := settings.Found{Settings: &settings.Settings{AutodiscoverRedirect: "https://elsewhere.example/"}, Domain: "example.com", Primary: "example.com"}
	if a, err := outlook.Answer(moved, ann); err != nil || string(a.Text()) != "302 https://elsewhere.example/\n" {
		t.Errorf("got %q, %v, want a redirect", a.Text(), err)
	}
}
