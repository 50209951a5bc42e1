package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// status is whether the server works, and who asks, as an answer.
type status struct {
	Body struct {
		Account string `json:"account" doc:"Who the token acts for."`
		Role    string `json:"role"`
		Token   string `json:"token"`
		OK      bool   `json:"ok" doc:"False if the configuration can be neither read nor written at the moment."`
		Problem string `json:"problem,omitempty" doc:"Why not; only operators see it."`
	}
}

func (a *api) registerStatus() {
	huma.Register(a.API, operation(http.MethodGet, "/status", "get-status", "access", "Check the token and the server",
		"Says whom the token acts for, and whether the configuration can be read and written.", reads), a.getStatus)
}

func (a *api) getStatus(ctx context.Context, _ *struct{}) (*status, error) {
	p := principal(ctx)
	answer := new(status)
	answer.Body.Account, answer.Body.Role, answer.Body.Token = p.Name, string(p.Role), p.Token
	err := a.Health(ctx, p)
	answer.Body.OK = err == nil
	if err != nil {
		answer.Body.Problem = err.Error()
	}
	return answer, nil
}

// tagOf is the ETag of an answer that is not a record.
func tagOf(body any) string {
	text, err := json.Marshal(body)
	if err != nil { // it is about to be encoded again, which fails visibly
		return ""
	}
	return etagOf(text)
}
