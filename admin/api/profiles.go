package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"mailhint/admin"
	"mailhint/edits"
)

// ProfilePath is the profile in the path of a request.
type ProfilePath struct {
	Profile string `path:"profile" maxLength:"300" doc:"The name of the profile." example:"shared"`
}

func (p ProfilePath) ref() edits.Ref { return edits.Ref{Kind: edits.Profile, Name: p.Profile} }

type putProfileInput struct {
	ProfilePath
	ChangeParams
	IfNoneMatch string `header:"If-None-Match" doc:"Only * is possible, for a profile that is to be added."`
	Body        putBody
}

type patchProfileInput struct {
	ProfilePath
	ChangeParams
	Body patchBody
}

type deleteProfileInput struct {
	ProfilePath
	IfMatch string `header:"If-Match" doc:"The ETag of the record as it was read. Weak ETags and * are refused."`
	DryRun  bool   `query:"dry_run" doc:"Save nothing; answer with the diff."`
	Reason  string `query:"reason" maxLength:"1000" doc:"Why, for the history."`
}

type restoreProfileInput struct {
	ProfilePath
	ChangeParams
	IfNoneMatch string `header:"If-None-Match" doc:"Only * is possible, for a profile that was removed."`
	Body        restoreBody
}

type profileHistoryInput struct {
	ProfilePath
	HistoryParams
	DetailsParam
}

// profiles is the answer to a list.
type profiles struct {
	ETag string `header:"ETag"`
	Body struct {
		Profiles []ProfileRow `json:"profiles" doc:"Ordered by name."`
	}
}

// ProfileRow is a profile in a list.
type ProfileRow struct {
	Record
	Domains int `json:"domains" doc:"How many domains inherit from it, as far as this account may see them."`
}

func (a *api) registerProfiles() {
	describe := func(method, path, id, summary, description string, problems []int) huma.Operation {
		return operation(method, "/profiles"+path, id, "profiles", summary, description, problems)
	}
	huma.Register(a.API, describe(http.MethodGet, "", "list-profiles", "List profiles", "Lists the profiles that this account may see, with how many domains each touches.", reads), a.listProfiles)
	huma.Register(a.API, describe(http.MethodGet, "/{profile}", "get-profile", "Read a profile", "Answers with the profile's values and keys.", reads), a.getProfile)
	huma.Register(a.API, describe(http.MethodPut, "/{profile}", "put-profile", "Add or replace a profile", "Gives a profile new values, all of them. A dry run says how many domains that touches.", writes), a.putProfile)
	huma.Register(a.API, describe(http.MethodPatch, "/{profile}", "patch-profile", "Change keys of a profile", "Changes single keys and keeps the others. A dry run says how many domains that touches.", writes), a.patchProfile)
	huma.Register(a.API, describe(http.MethodDelete, "/{profile}", "delete-profile", "Remove a profile", "Removes a profile that no domain inherits from.", writes), a.deleteProfile)
	huma.Register(a.API, describe(http.MethodPost, "/{profile}/restore", "restore-profile", "Undo changes of a profile", "Returns a profile to how it was before a change.", writes), a.restoreProfile)
	huma.Register(a.API, describe(http.MethodGet, "/{profile}/history", "profile-history", "List the changes of a profile", "", reads), a.profileHistory)
}

func (a *api) listProfiles(ctx context.Context, _ *struct{}) (*profiles, error) {
	all, err := a.Profiles(ctx, principal(ctx))
	if err != nil {
		return nil, problemOf(err)
	}
	answer := new(profiles)
	answer.Body.Profiles = make([]ProfileRow, len(all))
	for i, v := range all {
		answer.Body.Profiles[i] = ProfileRow{recordOf(v.Record), v.Domains}
	}
	answer.ETag = tagOf(answer.Body)
	return answer, nil
}

func (a *api) getProfile(ctx context.Context, in *ProfilePath) (*view, error) {
	v, err := a.Profile(ctx, principal(ctx), in.Profile)
	if err != nil {
		return nil, problemOf(err)
	}
	return viewAs(v), nil
}

func (a *api) putProfile(ctx context.Context, in *putProfileInput) (*outcome, error) {
	if in.Body.List != nil {
		return nil, problemOf(&admin.InvalidError{Problems: []admin.Problem{{Key: "list", Text: "a profile cannot be in a list; leave it out"}}})
	}
	return a.put(ctx, in.ref(), in.ChangeParams, in.IfNoneMatch, in.Body)
}

func (a *api) patchProfile(ctx context.Context, in *patchProfileInput) (*outcome, error) {
	return a.patch(ctx, in.ref(), in.ChangeParams, in.Body)
}

func (a *api) deleteProfile(ctx context.Context, in *deleteProfileInput) (*outcome, error) {
	return a.remove(ctx, in.ref(), in.IfMatch, in.DryRun, in.Reason)
}

func (a *api) restoreProfile(ctx context.Context, in *restoreProfileInput) (*outcome, error) {
	return a.restore(ctx, in.ref(), in.ChangeParams, in.IfNoneMatch, in.Body)
}

func (a *api) profileHistory(ctx context.Context, in *profileHistoryInput) (*changes, error) {
	all, err := a.History(ctx, principal(ctx), in.ref(), admin.HistoryQuery{Before: in.Before, Limit: in.Limit})
	if err != nil {
		return nil, problemOf(err)
	}
	return changesAs(all, in.Details), nil
}
