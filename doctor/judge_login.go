package doctor

import (
	"fmt"
	"strings"

	"mailhint/settings"
)

// judgeLogin looks for login names that programs get wrong: other forms than the address and its local part, and two forms in one
// document.
func (j *judgement) judgeLogin() {
	forms := make(map[settings.Login]settings.Server)
	var first settings.Login
	for _, server := range j.Servers {
		if server.Protocol == settings.ManageSieve || server.Auth[0] == settings.NoAuth {
			continue
		}
		login := server.Login.For(j.Found.Domain, j.Primary)
		if _, done := forms[login]; done {
			continue
		}
		forms[login] = server
		if first == "" {
			first = login
		}
		j.judgeForm(login)
	}
	if len(forms) > 1 {
		j.add(LoginForm, Warning, string(j.Found.Domain),
			"the servers take different login names; FairEmail uses the last one in the document for all of them",
			"Have all mail servers take the same login, best the address:", fmt.Sprintf("login = %q", settings.EmailAddress))
	}
}

func (j *judgement) judgeForm(login settings.Login) {
	text := string(login)
	switch {
	case login.IsPlain():
	case j.Primary != j.Found.Domain && text == settings.EmailLocalPart+"@"+string(j.Primary): // the usual thing for an alias
	case !strings.Contains(text, "%"):
		text := fmt.Sprintf("everybody's login name is %q, the same for all", clip(text))
		if strings.Trim(string(login), "0123456789") == "" {
			text += "; and Thunderbird reads digits as a number, without the zeros before it"
		}
		j.add(LoginForm, Problem, string(j.Found.Domain), text, "Write a form with a placeholder:",
			fmt.Sprintf("login = %q", settings.EmailAddress))
	default:
		j.add(LoginForm, Warning, string(j.Found.Domain),
			fmt.Sprintf("the login name %q is neither the address nor its local part: SRV records and PACC cannot tell it, "+
				"and programs that send no address with their question get it with the placeholder", clip(text)),
			"Have the mail servers take the address too, and write:", fmt.Sprintf("login = %q", settings.EmailAddress))
	}
}
