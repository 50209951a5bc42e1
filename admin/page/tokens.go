package page

import (
	"net/http"
	"net/url"
	"time"

	"mailhint/accounts"
	"mailhint/templates"
)

var (
	tokensTemplate = templates.AdminHTML("tokens.html.tmpl")
	secretTemplate = templates.AdminHTML("secret.html.tmpl")
)

// tokensContent is what tokens.html.tmpl is filled with.
type tokensContent struct {
	pager
	Tokens  []tokenRow
	Name    string
	Expires string // days; empty for never
	Grant   grantForm
	Field   string
	Wrong   string
	CanAdd  bool
}

type tokenRow struct {
	Name, Grant, By, Expires, Used string
	Expired                        bool
}

func (h *Handler) showTokens(v *visit) error {
	role := accounts.Viewer // not more than is needed, unless somebody chooses it
	if v.who.Role == accounts.Provisioner {
		role = accounts.Provisioner
	}
	return h.tokensPage(v, http.StatusOK, tokensContent{Grant: newGrantForm(role, v.who.Domains, v.who.Profiles), Expires: "90"}, doneNotice(v))
}

func (h *Handler) tokensPage(v *visit, status int, c tokensContent, n *notice) error {
	all, err := h.Accounts.Tokens(v.Context(), v.who)
	if err != nil {
		return err
	}
	all, c.pager = pageOf(v, "/tokens", all, func(t accounts.Token) string { return t.Name })
	for _, t := range all {
		row := tokenRow{Name: t.Name, Grant: grantText(t.Role, t.Domains, t.Profiles), By: t.Creator, Used: ago(t.LastUse.Time), Expires: "never"}
		if row.By == "" {
			row.By = "the command line"
		}
		if t.LastUse.Address.IsValid() {
			row.Used += " from " + t.LastUse.Address.String()
		}
		if !t.Expires.IsZero() {
			row.Expires, row.Expired = moment(t.Expires), !time.Now().Before(t.Expires)
		}
		c.Tokens = append(c.Tokens, row)
	}
	c.CanAdd = v.who.May(accounts.ManageTokens, accounts.Target{Account: v.who.Name})
	return h.show(v, status, tokensTemplate, document{Title: "Tokens", Notice: n, Content: c})
}

// secretContent is what secret.html.tmpl is filled with.
type secretContent struct{ Name, Secret, Grant, Expires string }

func (h *Handler) addToken(v *visit) error {
	c := tokensContent{Name: v.field("name"), Expires: v.field("expires"), Grant: v.grant()}
	n := accounts.NewToken{Name: c.Name, Role: accounts.Role(c.Grant.Role), Domains: c.Grant.domains(), Profiles: c.Grant.profiles()}
	days, known := map[string]int{"": 0, "1": 1, "30": 30, "90": 90, "365": 365}[c.Expires]
	if !known {
		c.Field, c.Wrong = "expires", "Choose one of the times."
		return h.tokensPage(v, http.StatusUnprocessableEntity, c, nil)
	}
	if days > 0 {
		n.Expires = time.Now().Add(time.Duration(days) * 24 * time.Hour).Truncate(time.Second)
	}
	secret, t, err := h.Accounts.AddToken(v.Context(), v.who, n)
	if err != nil {
		if c.Field, c.Wrong = invalidGrant(err); c.Wrong == "" {
			return err
		}
		return h.tokensPage(v, http.StatusUnprocessableEntity, c, nil)
	}
	s := secretContent{t.Name, secret, grantText(t.Role, t.Domains, t.Profiles), "It does not expire."}
	if !t.Expires.IsZero() {
		s.Expires = "It expires on " + moment(t.Expires) + "."
	}
	return h.show(v, http.StatusOK, secretTemplate, document{Title: "Token " + t.Name, Content: s}) // not a redirect: it is not stored
}

func (h *Handler) revokeToken(v *visit) error {
	if err := h.Accounts.RevokeToken(v.Context(), v.who, v.field("token")); err != nil {
		return err
	}
	return v.to("/tokens", url.Values{"done": {"revoked"}})
}
