package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mailhint/accounts"
)

// Token is a token, without its secret.
type Token struct {
	Name     string     `json:"name"`
	Role     string     `json:"role" enum:"operator,domain-admin,provisioner,viewer"`
	Domains  []string   `json:"domains,omitempty" doc:"The domains that it is for."`
	Profiles []string   `json:"profiles,omitempty" doc:"The profiles on which a provisioner's may add domains."`
	Creator  string     `json:"creator,omitempty" doc:"The account that has made it: it can never do more than that."`
	Created  time.Time  `json:"created"`
	Expires  *time.Time `json:"expires,omitempty" doc:"Missing for never."`
	LastUse  *time.Time `json:"last_use,omitempty" doc:"Missing if it was not used yet."`
	LastFrom string     `json:"last_from,omitempty" doc:"The network address that it was last used from."`
}

func tokenOf(t accounts.Token) Token {
	of := Token{Name: t.Name, Role: string(t.Role), Domains: t.Domains, Profiles: t.Profiles, Creator: t.Creator, Created: t.Created}
	if !t.Expires.IsZero() {
		of.Expires = &t.Expires
	}
	if !t.LastUse.Time.IsZero() {
		of.LastUse = &t.LastUse.Time
	}
	if t.LastUse.Address.IsValid() {
		of.LastFrom = t.LastUse.Address.String()
	}
	return of
}

type tokens struct {
	ETag string `header:"ETag"`
	Body struct {
		Tokens []Token `json:"tokens" doc:"Ordered by name."`
		Next   string  `json:"next,omitempty" doc:"What to send as after for the next page; missing on the last one."`
	}
}

type tokensInput struct {
	After string `query:"after" maxLength:"100" doc:"Only names after this one: next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"At most so many."`
}

type newTokenInput struct {
	Body struct {
		Name     string    `json:"name" maxLength:"100"`
		Role     string    `json:"role" enum:"operator,domain-admin,provisioner,viewer"`
		Domains  []string  `json:"domains,omitempty" maxItems:"1000"`
		Profiles []string  `json:"profiles,omitempty" maxItems:"1000"`
		Expires  time.Time `json:"expires,omitempty" doc:"When it ends; never without this."`
	}
}

// newToken is a token that was just made, as an answer.
type newToken struct {
	Status int
	Body   struct {
		Token
		Secret string `json:"secret" doc:"What to send after Bearer. It is not stored, and cannot be shown again."`
	}
}

type tokenPath struct {
	Token string `path:"token" maxLength:"100" doc:"The name of the token."`
}

// AuditEvent is one line of the audit trail.
type AuditEvent struct {
	Number   int64     `json:"number"`
	Time     time.Time `json:"time"`
	Actor    string    `json:"actor"`
	Token    string    `json:"token,omitempty"`
	Address  string    `json:"address,omitempty" doc:"The network address of the client."`
	Action   string    `json:"action"`
	Refused  bool      `json:"refused,omitempty" doc:"True if it was tried in vain."`
	Domain   string    `json:"domain,omitempty"`
	Subject  string    `json:"subject,omitempty" doc:"The account, token or session that it was done to."`
	Revision string    `json:"revision,omitempty" doc:"The revision that the domain has afterwards."`
	Detail   string    `json:"detail,omitempty"`
}

type auditInput struct {
	HistoryParams
	Actor  string    `query:"actor" maxLength:"200" doc:"Only what this account has done."`
	Domain string    `query:"domain" maxLength:"300" doc:"Only what was done to this domain."`
	Since  time.Time `query:"since" doc:"Only events at or after this time, as in RFC 3339."`
}

type audit struct {
	ETag string `header:"ETag"`
	Body struct {
		Events []AuditEvent `json:"events" doc:"The newest first."`
	}
}

func (a *api) registerTokens() {
	describe := func(method, path, id, summary, description string, problems []int) huma.Operation {
		return operation(method, path, id, "access", summary, description, problems)
	}
	huma.Register(a.API, describe(http.MethodGet, "/tokens", "list-tokens", "List tokens", "Lists the tokens that this account may revoke, a page at a time.", reads), a.listTokens)
	made := describe(http.MethodPost, "/tokens", "add-token", "Make a token", "Makes a token, which can never do more than the one that makes it.", writes)
	made.DefaultStatus = http.StatusCreated
	huma.Register(a.API, made, a.addToken)
	revoke := describe(http.MethodDelete, "/tokens/{token}", "revoke-token", "Revoke a token", "The token, and those that were made with it, are not valid any more.", writes)
	revoke.DefaultStatus = http.StatusNoContent
	huma.Register(a.API, revoke, a.revokeToken)
	huma.Register(a.API, describe(http.MethodGet, "/audit", "read-audit", "Read the audit trail", "Lists who has done what, or has tried to: for accounts that are not operators what they have done themselves.", reads), a.readAudit)
}

func (a *api) listTokens(ctx context.Context, in *tokensInput) (*tokens, error) {
	all, err := a.Accounts.Tokens(ctx, principal(ctx))
	if err != nil {
		return nil, problemOf(err)
	}
	answer := new(tokens)
	all = slices.DeleteFunc(all, func(t accounts.Token) bool { return t.Name <= in.After })
	if len(all) > in.Limit {
		all = all[:in.Limit]
		answer.Body.Next = all[in.Limit-1].Name
	}
	answer.Body.Tokens = make([]Token, len(all))
	for i, t := range all {
		answer.Body.Tokens[i] = tokenOf(t)
	}
	answer.ETag = tagOf(answer.Body)
	return answer, nil
}

func (a *api) addToken(ctx context.Context, in *newTokenInput) (*newToken, error) {
	b := in.Body
	secret, t, err := a.Accounts.AddToken(ctx, principal(ctx), accounts.NewToken{Name: b.Name, Role: accounts.Role(b.Role), Domains: b.Domains, Profiles: b.Profiles, Expires: b.Expires})
	if err != nil {
		return nil, problemOf(err)
	}
	answer := &newToken{Status: http.StatusCreated}
	answer.Body.Token, answer.Body.Secret = tokenOf(t), secret
	return answer, nil
}

func (a *api) revokeToken(ctx context.Context, in *tokenPath) (*struct{}, error) {
	return nil, problemOf(a.Accounts.RevokeToken(ctx, principal(ctx), in.Token))
}

func (a *api) readAudit(ctx context.Context, in *auditInput) (*audit, error) {
	all, err := a.Accounts.Audit(ctx, principal(ctx), accounts.AuditQuery{Actor: in.Actor, Domain: in.Domain, Since: in.Since, Before: in.Before, Limit: in.Limit})
	if err != nil {
		return nil, problemOf(err)
	}
	answer := new(audit)
	answer.Body.Events = make([]AuditEvent, len(all))
	for i, e := range all {
		answer.Body.Events[i] = AuditEvent{Number: e.Number, Time: e.Time, Actor: e.Actor, Token: e.Token, Action: e.Action, Refused: e.Refused, Domain: e.Domain, Subject: e.Subject, Revision: e.Revision, Detail: e.Detail}
		if e.Address.IsValid() {
			answer.Body.Events[i].Address = e.Address.String()
		}
	}
	answer.ETag = tagOf(answer.Body)
	return answer, nil
}
