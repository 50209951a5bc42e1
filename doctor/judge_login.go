package doctor

import (
	"fmt"
	"strings"

	"mailhint/settings"
)

// judgeLogin looks for login names that clients get wrong: other forms than the address and its local part, and two forms in one
// document.
func (j *judgement) judgeLogin() {
	known := make(map[settings.Login]bool)
	for _, server := range j.Servers {
		if server.Protocol == settings.ManageSieve || server.Auth[0] == settings.NoAuth {
			continue
		}
		if login := server.Login.For(j.Found.Domain, j.Primary); !known[login] {
			known[login] = true
			j.judgeForm(login)
		}
	}
	if len(known) > 1 {
		j.addLogin(Warning, "the servers have different login names; FairEmail uses the last one in the document for all of them",
			"Configure all mail servers to accept the same login name, preferably the address:")
	}
}

// judgeForm judges one form of login.
func (j *judgement) judgeForm(login settings.Login) {
	text := string(login)
	switch {
	case login.IsPlain():
	case j.Primary != j.Found.Domain && text == settings.EmailLocalPart+"@"+string(j.Primary): // usual for an alias domain
	case !strings.Contains(text, "%"):
		about := fmt.Sprintf("the login name is %q for everyone", clip(text))
		if strings.Trim(text, "0123456789") == "" {
			about += "; Thunderbird also reads digits as a number and drops leading zeros"
		}
		j.addLogin(Problem, about, "Use a placeholder:")
	default:
		j.addLogin(Warning, fmt.Sprintf("the login name %q is neither the address nor its local part: SRV records and PACC cannot express it, "+
			"and clients that ask without an address receive the placeholder", clip(text)),
			"Configure the mail servers to accept the address too, and write:")
	}
}

func (j *judgement) addLogin(severity Severity, text, fix string) {
	j.add(LoginForm, severity, string(j.Found.Domain), text, fix, fmt.Sprintf("login = %q", settings.EmailAddress))
}
