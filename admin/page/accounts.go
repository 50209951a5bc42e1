package page

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"mailhint/accounts"
	"mailhint/templates"
)

var (
	accountsTemplate = templates.AdminHTML("accounts.html.tmpl")
	accountTemplate  = templates.AdminHTML("account.html.tmpl")
)

// grantForm are the controls for a role, and on what.
type grantForm struct {
	Role              string
	Domains, Profiles string // one a line
	Roles             []option
}

// roles are the roles to choose from, with what they are for.
func roles(chosen string) []option {
	list := []option{
		{Value: "domain-admin", Label: "Domain admin – edits some domains"},
		{Value: "provisioner", Label: "Provisioner – adds and removes"},
		{Value: "viewer", Label: "Viewer – only looks"},
		{Value: "operator", Label: "Operator – everything"},
	}
	for i := range list {
		list[i].Chosen = list[i].Value == chosen
	}
	return list
}

func newGrantForm(role accounts.Role, domains, profiles []string) grantForm {
	return grantForm{string(role), strings.Join(domains, "\n"), strings.Join(profiles, "\n"), roles(string(role))}
}

// grant reads the controls.
func (v *visit) grant() grantForm {
	f := grantForm{Role: v.field("role"), Domains: v.PostForm.Get("domains"), Profiles: v.PostForm.Get("profiles")}
	f.Roles = roles(f.Role)
	return f
}

func (f grantForm) domains() []string  { return splitWords(f.Domains) }
func (f grantForm) profiles() []string { return splitWords(f.Profiles) }

// accountsContent is what accounts.html.tmpl is filled with.
type accountsContent struct {
	pager
	Accounts []accountRow
	Sessions []sessionRow // of people who sign in elsewhere
	Name     string
	Grant    grantForm
	Wrong    string
	Field    string // that Wrong is about
	Min      int
}

type accountRow struct {
	Name, Path, Grant, Created string
	App, Disabled, Self        bool
}

// accountPath is the path of an account's page. The name is not in it, since it may be an address.
func accountPath(name, below string) string { return "/accounts/" + accountID(name) + below }

func accountID(name string) string {
	sum := sha256.Sum256([]byte("account " + name))
	return hex.EncodeToString(sum[:8])
}

func (h *Handler) showAccounts(v *visit) error {
	return h.accountsPage(v, http.StatusOK, accountsContent{Grant: newGrantForm(accounts.DomainAdmin, nil, nil)}, doneNotice(v))
}

func (h *Handler) accountsPage(v *visit, status int, c accountsContent, n *notice) error {
	all, err := h.Accounts.Accounts(v.Context(), v.who)
	if err != nil {
		return err
	}
	all, c.pager = pageOf(v, "/accounts", all, func(a accounts.Account) string { return a.Name })
	for _, a := range all {
		c.Accounts = append(c.Accounts, accountRow{Name: a.Name, Path: accountPath(a.Name, ""), Grant: grantText(a.Role, a.Domains, a.Profiles),
			Created: moment(a.Created), App: a.TOTP != "", Disabled: a.Disabled, Self: a.Name == v.who.Name})
	}
	c.Min = accounts.MinPassword
	return h.show(v, status, accountsTemplate, document{Title: "Accounts", Notice: n, Content: c})
}

func (h *Handler) addAccount(v *visit) error {
	c := accountsContent{Name: v.field("name"), Grant: v.grant()}
	a := accounts.Account{Name: c.Name, Role: accounts.Role(c.Grant.Role), Domains: c.Grant.domains(), Profiles: c.Grant.profiles()}
	_, err := h.Accounts.AddAccount(v.Context(), v.who, a, v.PostForm.Get("password"))
	if err != nil {
		if c.Field, c.Wrong = invalidGrant(err); c.Wrong == "" {
			return err
		}
		return h.accountsPage(v, http.StatusUnprocessableEntity, c, nil)
	}
	return v.to("/accounts", url.Values{"done": {"added"}})
}

// invalidGrant says what is wrong with an account or token; "" for errors that are not about that.
func invalidGrant(err error) (field, text string) {
	var invalid *accounts.InvalidError
	switch {
	case errors.As(err, &invalid):
		return invalid.Field, sentence(invalid.Text)
	case errors.Is(err, accounts.ErrExists):
		return "name", "There is one of this name already; choose another."
	case errors.Is(err, accounts.ErrLastOperator):
		return "role", "This is the last operator that is not disabled: without it, nobody could manage accounts here."
	case errors.Is(err, accounts.ErrConflict):
		return "", "Somebody else has changed this account meanwhile. Nothing was saved; these are its present values."
	}
	return "", ""
}

// accountContent is what account.html.tmpl is filled with.
type accountContent struct {
	Account     accountRow
	Action      string
	Revision    string
	Grant       grantForm
	Wrong       string
	Field       string
	Sessions    []sessionRow
	MinPassword int
}

// accountNamed returns the account whose page is asked for.
func (h *Handler) accountNamed(v *visit) (accounts.Account, error) {
	all, err := h.Accounts.Accounts(v.Context(), v.who)
	if err != nil {
		return accounts.Account{}, err
	}
	for _, a := range all {
		if accountID(a.Name) == v.part("account") {
			return a, nil
		}
	}
	return accounts.Account{}, accounts.ErrNotFound
}

func (h *Handler) showAccount(v *visit) error {
	a, err := h.accountNamed(v)
	if err != nil {
		return err
	}
	return h.accountPage(v, http.StatusOK, a, accountContent{Grant: newGrantForm(a.Role, a.Domains, a.Profiles)}, doneNotice(v))
}

func (h *Handler) accountPage(v *visit, status int, a accounts.Account, c accountContent, n *notice) error {
	sessions, err := h.Accounts.Sessions(v.Context(), v.who, a.Name)
	if err != nil {
		return err
	}
	c.Sessions, c.Action, c.Revision, c.MinPassword = sessionRows(sessions, v.session.ID), accountPath(a.Name, ""), string(a.Revision), accounts.MinPassword
	for i := range c.Sessions {
		c.Sessions[i].Back = c.Action
	}
	c.Account = accountRow{Name: a.Name, Grant: grantText(a.Role, a.Domains, a.Profiles), Created: moment(a.Created), App: a.TOTP != "",
		Disabled: a.Disabled, Self: a.Name == v.who.Name}
	// The name is not in the title, since it may be an address and browsers keep titles in their history.
	return h.show(v, status, accountTemplate, document{Title: "Account", Notice: n, Content: c})
}

// changeAccount does one of the things that the page of an account has buttons for.
func (h *Handler) changeAccount(v *visit) error {
	a, err := h.accountNamed(v)
	if err != nil {
		return err
	}
	c := accountContent{Grant: newGrantForm(a.Role, a.Domains, a.Profiles)}
	switch v.field("do") {
	case "password":
		err = h.Accounts.SetPassword(v.Context(), v.who, a.Name, v.PostForm.Get("password"))
	case "codes":
		err = h.Accounts.ResetTOTP(v.Context(), v.who, a.Name)
	default:
		c.Grant = v.grant()
		changed := a
		changed.Revision = accounts.Revision(v.field("revision"))
		changed.Role, changed.Domains, changed.Profiles = accounts.Role(c.Grant.Role), c.Grant.domains(), c.Grant.profiles()
		changed.Disabled = v.PostForm.Has("disabled")
		_, err = h.Accounts.ChangeAccount(v.Context(), v.who, changed)
	}
	if err != nil {
		if c.Field, c.Wrong = invalidGrant(err); c.Wrong == "" {
			return err
		}
		if errors.Is(err, accounts.ErrConflict) {
			c.Grant = newGrantForm(a.Role, a.Domains, a.Profiles)
		}
		return h.accountPage(v, http.StatusUnprocessableEntity, a, c, nil)
	}
	return v.to(accountPath(a.Name, ""), url.Values{"done": {"account"}})
}

func (h *Handler) removeAccount(v *visit) error {
	a, err := h.accountNamed(v)
	if err != nil {
		return err
	}
	if !v.PostForm.Has("sure") {
		return h.accountPage(v, http.StatusUnprocessableEntity, a, accountContent{Grant: newGrantForm(a.Role, a.Domains, a.Profiles),
			Field: "sure", Wrong: "Nothing was removed: mark that you are sure first."}, nil)
	}
	if err := h.Accounts.RemoveAccount(v.Context(), v.who, a.Name); err != nil {
		field, wrong := invalidGrant(err)
		if wrong == "" {
			return err
		}
		return h.accountPage(v, http.StatusUnprocessableEntity, a, accountContent{Grant: newGrantForm(a.Role, a.Domains, a.Profiles), Field: field, Wrong: wrong}, nil)
	}
	return v.to("/accounts", url.Values{"done": {"removed"}})
}
