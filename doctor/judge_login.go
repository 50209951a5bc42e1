package doctor

import (
	"fmt"
	"strings"

	"mailhint/settings"
)

// loginForms finds login names that clients get wrong: other forms than the address and its local part, and two forms in one document.
func (o *observations) loginForms() (findings []Finding) {
	known := make(map[settings.Login]bool)
	for _, server := range o.Servers {
		if server.Protocol == settings.ManageSieve || server.Auth[0] == settings.NoAuth {
			continue
		}
		if login := server.Login.For(o.Found.Domain, o.Primary); !known[login] {
			known[login] = true
			findings = append(findings, o.loginForm(login)...)
		}
	}
	if len(known) > 1 {
		findings = append(findings, o.loginFinding(Warning,
			"the servers have different login names; FairEmail uses the last one in the document for all of them",
			"Configure all mail servers to accept the same login name, preferably the address:"))
	}
	return findings
}

// loginForm judges one form of login.
func (o *observations) loginForm(login settings.Login) []Finding {
	text := string(login)
	switch {
	case login.IsPlain(), login.Lookup() != "": // the admin knows that the address is not enough
		return nil
	case o.Primary != o.Found.Domain && text == settings.EmailLocalPart+"@"+string(o.Primary): // usual for an alias domain
		return nil
	case !strings.Contains(text, "%"):
		about := fmt.Sprintf("the login name is %q for everyone", clip(text))
		if strings.Trim(text, "0123456789") == "" {
			about += "; Thunderbird also reads digits as a number and drops leading zeros"
		}
		return []Finding{o.loginFinding(Problem, about, "Use a placeholder:")}
	}
	about := fmt.Sprintf("the login name %q is neither the address nor its local part: SRV records and PACC cannot express it, "+
		"and clients that ask without an address receive the placeholder", clip(text))
	return []Finding{o.loginFinding(Warning, about, "Configure the mail servers to accept the address too, and write:")}
}

func (o *observations) loginFinding(severity Severity, text, fix string) Finding {
	return newFinding(LoginForm, severity, string(o.Found.Domain), text, fix, fmt.Sprintf("login = %q", settings.EmailAddress))
}
