package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mailhint/admin"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
)

// changesPath takes changes of many records.
const changesPath = Prefix + "/changes"

// eventsPath waits for changes.
const eventsPath = Prefix + "/events"

// Edit is what one record should become.
type Edit struct {
	Kind   string  `json:"kind" enum:"domain,profile"`
	Name   string  `json:"name" maxLength:"300"`
	If     *string `json:"if" nullable:"false" maxLength:"600" doc:"The revision that the record must have, as it was read; empty for one that is to be added. An asterisk is refused."`
	Action string  `json:"action,omitempty" maxLength:"30" pattern:"^[a-z]*$" doc:"What the history calls the change: add, set, rm, edit, undo …"`
	Values *Values `json:"values,omitempty" doc:"All the record's own keys and values; without them the record is removed."`
	List   string  `json:"list,omitempty" maxLength:"300" doc:"The profile whose list is to have the domain; empty for none."`
	Text   string  `json:"text,omitempty" maxLength:"1000000" doc:"How the record should be written; only operators can say that."`
	File   string  `json:"file,omitempty" maxLength:"1000" doc:"For an undo: where a file had the record."`
	Undoes int64   `json:"undoes,omitempty" minimum:"0" doc:"The number of the change that this one reverts."`
}

type changeInput struct {
	DryRun bool `query:"dry_run" doc:"Save nothing; answer with the diff."`
	Config bool `query:"config" doc:"Also answer with what clients of the changed domains get, as a configuration."`
	Body   struct {
		Edits  []Edit `json:"edits" minItems:"0" maxItems:"100000"`
		Reason string `json:"reason,omitempty" maxLength:"1000" doc:"Why, for the history."`
	}
}

type allHistoryInput struct {
	HistoryParams
	DetailsParam
	Kind  string    `query:"kind" enum:"domain,profile" doc:"With name: only changes of this record."`
	Name  string    `query:"name" maxLength:"300" doc:"With kind: only changes of this record."`
	Since time.Time `query:"since" doc:"Only changes at or after this time, as in RFC 3339."`
}

type eventsInput struct {
	After int64 `query:"after" minimum:"0" doc:"The number of the latest change that is known already."`
	Wait  int   `query:"wait" minimum:"0" maximum:"60" default:"30" doc:"How many seconds to wait for a change."`
}

// Event says that records have changed.
type Event struct {
	Number int64 `json:"number" doc:"Of the last change that it covers."`
	Refs   []Ref `json:"records,omitempty" doc:"The records; missing if any may have changed, so that all must be read again."`
}

// Ref names a record.
type Ref struct {
	Kind string `json:"kind" enum:"domain,profile"`
	Name string `json:"name"`
}

type events struct {
	Body struct {
		Events []Event `json:"events" doc:"Empty if there was no change."`
	}
}

func (a *api) registerChanges() {
	describe := func(method, path, id, summary, description string, problems []int) huma.Operation {
		return operation(method, path, id, "many", summary, description, problems)
	}
	huma.Register(a.API, describe(http.MethodGet, "/changes", "list-changes", "List all changes", "Lists the changes of all records; only for accounts that see every domain.", reads), a.listChanges)
	huma.Register(a.API, describe(http.MethodPost, "/changes", "change-records", "Change several records", "Saves all edits or, after a mistake, none of them. Each is judged as if it were made alone.", writes), a.changeRecords)
	huma.Register(a.API, describe(http.MethodGet, "/events", "wait-for-changes", "Wait for changes", "Answers as soon as there is a change after the given one; only for accounts that see every domain.", reads), a.waitForChanges)
}

func (a *api) listChanges(ctx context.Context, in *allHistoryInput) (*changes, error) {
	all, err := a.AllHistory(ctx, principal(ctx), edits.HistoryQuery{Ref: edits.Ref{Kind: edits.Kind(in.Kind), Name: in.Name}, Since: in.Since, Before: in.Before, Limit: in.Limit})
	if err != nil {
		return nil, problemOf(err)
	}
	return changesAs(all, in.Details), nil
}

func (a *api) changeRecords(ctx context.Context, in *changeInput) (*outcome, error) {
	list := make([]edits.Edit, len(in.Body.Edits))
	for i, e := range in.Body.Edits {
		if e.If == nil {
			return nil, noRevision()
		}
		list[i] = edits.Edit{Ref: edits.Ref{Kind: edits.Kind(e.Kind), Name: e.Name}, If: edits.Revision(*e.If), Action: e.Action, List: e.List, Text: e.Text, File: e.File, Undoes: e.Undoes}
		if e.Values != nil {
			list[i].Values = edits.Values(*e.Values)
		}
		if list[i].Kind == edits.Domain {
			ref, err := edits.ParseDomain(e.Name)
			if err != nil {
				return nil, problemOf(&admin.InvalidError{Problems: []admin.Problem{{Key: "name", Text: err.Error()}}})
			}
			list[i].Ref = ref
		}
	}
	done, err := a.Change(ctx, principal(ctx), list, admin.Options{Via: edits.API, Reason: in.Body.Reason, DryRun: in.DryRun})
	if err != nil {
		return nil, problemOf(err)
	}
	answer := outcomeAs(http.StatusOK, done, true)
	if in.Config {
		if answer.Body.Config, err = configOf(done); err != nil {
			return nil, problemOf(err)
		}
	}
	return answer, nil
}

// configOf prints what clients of changed domains get.
func configOf(o admin.Outcome) (string, error) {
	var names []settings.Domain
	for _, c := range o.Changes {
		if c.Kind == edits.Domain && c.After != nil && !strings.HasPrefix(c.Name, "*.") {
			names = append(names, settings.Domain(c.Name))
		}
	}
	if o.Config == nil || names == nil {
		return "", nil
	}
	entries, err := o.Config.EntriesFor(names)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, e := range entries {
		text, err := domains.Printer{}.Entry(e)
		if errors.Is(err, domains.ErrNeedsFile) {
			e.Rules = nil // they are for some users only, who are in a file
			text, err = domains.Printer{}.Entry(e)
		}
		if err != nil {
			return "", err
		}
		b.WriteString(text + "\n")
	}
	return b.String(), nil
}

func (a *api) waitForChanges(ctx context.Context, in *eventsInput) (*events, error) {
	found, err := a.Await(ctx, principal(ctx), in.After, time.Duration(in.Wait)*time.Second)
	if err != nil {
		return nil, problemOf(err)
	}
	answer := new(events)
	answer.Body.Events = make([]Event, len(found))
	for i, e := range found {
		answer.Body.Events[i].Number = e.Number
		for _, ref := range e.Refs {
			answer.Body.Events[i].Refs = append(answer.Body.Events[i].Refs, Ref{string(ref.Kind), ref.Name})
		}
	}
	return answer, nil
}
