package api

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/edits"
)

// applyPath takes snapshots, which may be larger than other bodies.
const applyPath = Prefix + "/apply"

type applyInput struct {
	DryRun   bool   `query:"dry_run" doc:"Save nothing; answer with the diff."`
	Removals int    `query:"allow_removals" minimum:"-1" default:"-1" doc:"How many records may be removed; without it a tenth of them, or ten if that is more, but never all."`
	Reason   string `query:"reason" maxLength:"1000" doc:"Why, for the history."`
	RawBody  []byte `contentType:"application/x-ndjson" doc:"The snapshot."`
}

func (a *api) registerApply() {
	op := operation(http.MethodPost, "/apply", "apply-snapshot", "many", "Bring everything to the state of a snapshot",
		"Takes all profiles and domains that there are to be, as mailhint snapshot prints them: NDJSON, or TOML. What is not in it is removed. Only operators may do that.", writes)
	huma.Register(a.API, op, a.applySnapshot)
	huma.Register(a.API, operation(http.MethodGet, "/snapshot", "get-snapshot", "many", "Read everything",
		"Answers with all profiles and domains that this account may see, as mailhint snapshot prints them.", reads), a.getSnapshot)
}

func (a *api) applySnapshot(ctx context.Context, in *applyInput) (*outcome, error) {
	if !principal(ctx).May(accounts.Apply, accounts.Target{}) { // before reading what may be large
		return nil, problemOf(admin.ErrDenied)
	}
	wanted, err := edits.Read(bytes.NewReader(in.RawBody), "body")
	if err != nil {
		return nil, problemOf(err)
	}
	done, err := a.Apply(ctx, principal(ctx), wanted, in.Removals, admin.Options{Via: edits.API, Reason: in.Reason, DryRun: in.DryRun})
	if err != nil {
		return nil, problemOf(err)
	}
	answer := outcomeAs(http.StatusOK, done.Outcome, true)
	answer.Body.Counts = &AppliedCounts{done.Added, done.Changed, done.Removed, done.Same}
	return answer, nil
}

// snapshot is everything as an answer.
type snapshot struct {
	ContentType string `header:"Content-Type"`
	ETag        string `header:"ETag"`
	Body        []byte
}

func (a *api) getSnapshot(ctx context.Context, _ *struct{}) (*snapshot, error) {
	list, err := a.Snapshot(ctx, principal(ctx))
	if err != nil {
		return nil, problemOf(err)
	}
	var text bytes.Buffer
	if err := edits.Write(&text, "json", list); err != nil {
		return nil, problemOf(err)
	}
	return &snapshot{"application/x-ndjson", etagOf(text.Bytes()), text.Bytes()}, nil
}
