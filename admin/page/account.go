package page

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"rsc.io/qr"

	"mailhint/accounts"
	"mailhint/mobileconfig"
	"mailhint/templates"
)

var (
	selfTemplate     = templates.AdminHTML("self.html.tmpl")
	setUpTemplate    = templates.AdminHTML("codes.html.tmpl")
	recoveryTemplate = templates.AdminHTML("recovery.html.tmpl")
)

// selfContent is what self.html.tmpl is filled with.
type selfContent struct {
	Name, Grant string
	Local       bool // there is a password here, not only at an identity provider
	App         bool // codes are asked for
	Recovery    int  // recovery codes that are left
	Wrong       map[string]string
	Sessions    []sessionRow
	MinPassword int
}

type sessionRow struct {
	ID, Browser, Address string
	Back                 string // the page to show afterwards; empty for one's own
	Begun, Used          string
	This                 bool
}

func (h *Handler) showSelf(v *visit) error {
	return h.selfPage(v, http.StatusOK, nil, doneNotice(v))
}

// selfPage is one's own account. Wrong says what is wrong, by the form it is about.
func (h *Handler) selfPage(v *visit, status int, wrong map[string]string, n *notice) error {
	c := selfContent{Name: v.who.Name, Grant: grantText(v.who.Role, v.who.Domains, v.who.Profiles), Wrong: wrong, MinPassword: accounts.MinPassword}
	a, err := h.Accounts.Account(v.Context(), v.who, v.who.Name)
	switch {
	case err == nil:
		c.Local, c.App, c.Recovery = true, a.TOTP != "", len(a.RecoveryCodes)
	case !errors.Is(err, accounts.ErrNotFound) && !errors.Is(err, accounts.ErrDenied):
		return err
	}
	sessions, err := h.Accounts.Sessions(v.Context(), v.who, v.who.Name)
	if err != nil {
		return err
	}
	c.Sessions = sessionRows(sessions, v.session.ID)
	return h.show(v, status, selfTemplate, document{Title: "Your account", Notice: n, Content: c})
}

func sessionRows(sessions []accounts.Session, this string) []sessionRow {
	var rows []sessionRow
	for _, s := range sessions {
		row := sessionRow{ID: s.ID, Browser: browserName(s.UserAgent), Begun: moment(s.Created), Used: ago(s.LastUse.Time), This: s.ID == this}
		if s.LastUse.Address.IsValid() {
			row.Address = s.LastUse.Address.String()
		}
		rows = append(rows, row)
	}
	return rows
}

// browserName makes a guess at the browser and system behind a User-Agent.
func browserName(agent string) string {
	name := func(marks ...string) string {
		for i := 0; i < len(marks); i += 2 {
			if strings.Contains(agent, marks[i]) {
				return marks[i+1]
			}
		}
		return ""
	}
	browser := name("Edg/", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari", "curl/", "curl")
	system := name("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS X", "Mac", "Linux", "Linux")
	switch {
	case browser == "":
		return agent
	case system == "":
		return browser
	}
	return browser + " on " + system
}

// grantText says in words what somebody may do.
func grantText(role accounts.Role, domains, profiles []string) string {
	list := func(names []string) string {
		const most = 5
		if more := len(names) - most; more > 0 {
			return strings.Join(names[:most], ", ") + " and " + counted(more, "more", "more")
		}
		return strings.Join(names, ", ")
	}
	switch role {
	case accounts.Operator:
		return "Operator: may do everything"
	case accounts.DomainAdmin:
		if len(domains) == 0 {
			return "Domain admin of the domains whose key admins has this name"
		}
		return "Domain admin of " + list(domains)
	case accounts.Provisioner:
		text := "Provisioner: adds and removes domains on "
		if slices.Contains(profiles, accounts.AllProfiles) {
			text += "all profiles"
		} else {
			text += "the profiles " + list(profiles)
		}
		if len(domains) > 0 {
			text += ", only " + list(domains)
		}
		return text
	case accounts.Viewer:
		if len(domains) > 0 {
			return "Viewer: looks at " + list(domains)
		}
		return "Viewer: looks at all domains"
	}
	return string(role)
}

// again is how a form proves once more who sends it.
func (v *visit) again() accounts.Again {
	return accounts.Again{Client: v.client(), Password: v.PostForm.Get("password"), Code: v.field("again")}
}

// wrongSelf shows the page again if the form about something was not accepted, or fails.
func (h *Handler) wrongSelf(v *visit, form string, err error) error {
	var invalid *accounts.InvalidError
	if errors.As(err, &invalid) {
		return h.selfPage(v, http.StatusUnprocessableEntity, map[string]string{form: sentence(invalid.Text)}, nil)
	}
	status, text, err := wrongSignIn(v, err)
	if err != nil {
		return err
	}
	if status == http.StatusForbidden {
		text = "The current password, or the code, is not right. Nothing was changed."
	}
	return h.selfPage(v, status, map[string]string{form: text}, nil)
}

func (h *Handler) changePassword(v *visit) error {
	if v.PostForm.Get("new") != v.PostForm.Get("repeated") {
		return h.selfPage(v, http.StatusUnprocessableEntity, map[string]string{"password": "The new password is not the same in both fields. Nothing was changed."}, nil)
	}
	opened, err := h.Accounts.ChangePassword(v.Context(), v.who, v.again(), v.PostForm.Get("new"))
	if err != nil {
		return h.wrongSelf(v, "password", err)
	}
	v.open(opened)
	return v.to("/account", url.Values{"done": {"password"}})
}

// codesContent is what codes.html.tmpl is filled with.
type codesContent struct {
	Secret string // in groups of four, for people
	Hidden string
	Code   template.HTML // the QR code
	App    bool
	Wrong  string
}

func (h *Handler) beginCodes(v *visit) error {
	secret, err := h.Accounts.NewTOTP(v.who)
	if err != nil {
		return err
	}
	return h.codesPage(v, http.StatusOK, secret, "")
}

func (h *Handler) codesPage(v *visit, status int, secret, wrong string) error {
	a, err := h.Accounts.Account(v.Context(), v.who, v.who.Name)
	if err != nil {
		return err
	}
	code, err := qr.Encode(accounts.OTPAuth("mailhint", v.who.Name, secret), qr.M)
	if err != nil {
		return err
	}
	c := codesContent{Hidden: secret, Code: template.HTML(mobileconfig.SVG(code, "QR code for the app")), App: a.TOTP != "", Wrong: wrong} // it has no text of a stranger
	for group := range slices.Chunk([]byte(secret), 4) {
		c.Secret += string(group) + " "
	}
	c.Secret = strings.TrimSpace(c.Secret)
	return h.show(v, status, setUpTemplate, document{Title: "Set up an authenticator app", Content: c})
}

func (h *Handler) confirmCodes(v *visit) error {
	secret := v.field("secret")
	if err := accounts.CheckTOTP(secret); err != nil {
		return v.to("/account", nil)
	}
	opened, codes, err := h.Accounts.ConfirmTOTP(v.Context(), v.who, v.again(), secret, v.field("code"))
	var invalid *accounts.InvalidError
	switch {
	case errors.As(err, &invalid):
		return h.codesPage(v, http.StatusUnprocessableEntity, secret, "The code "+invalid.Text+".")
	case err != nil:
		status, text, err := wrongSignIn(v, err)
		if err != nil {
			return err
		}
		if status == http.StatusForbidden {
			text = "The password, or the code of the present app, is not right."
		}
		return h.codesPage(v, status, secret, text)
	}
	v.open(opened)
	return h.show(v, http.StatusOK, recoveryTemplate, document{Title: "Your recovery codes", Content: codes})
}

func (h *Handler) removeCodes(v *visit) error {
	opened, err := h.Accounts.RemoveTOTP(v.Context(), v.who, v.again())
	if err != nil {
		return h.wrongSelf(v, "codes", err)
	}
	v.open(opened)
	return v.to("/account", url.Values{"done": {"codes"}})
}

func (h *Handler) endSession(v *visit) error {
	if err := h.Accounts.EndSession(v.Context(), v.who, v.field("session")); err != nil {
		return err
	}
	if back := v.field("back"); back != "" {
		return v.to(local(back), url.Values{"done": {"session"}})
	}
	return v.to("/account", url.Values{"done": {"session"}})
}

// moment spells a time for people.
func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// ago spells how long ago something was.
func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	switch d := time.Since(t); {
	case d < 2*time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return counted(int(d.Minutes()), "minute", "minutes") + " ago"
	case d < 48*time.Hour:
		return counted(int(d.Hours()), "hour", "hours") + " ago"
	}
	return moment(t)
}

// Again is the part of a form in which people prove once more who they are.
func (c selfContent) Again(id string) any {
	return struct {
		ID  string
		App bool
	}{id, c.App}
}

// RecoveryText says how many recovery codes are left.
func (c selfContent) RecoveryText() string {
	switch c.Recovery {
	case 0:
		return "No recovery code is left: set the app up again to get new ones."
	case 1:
		return "1 recovery code is left: set the app up again to get new ones."
	}
	return counted(c.Recovery, "", "recovery codes are left.")
}
