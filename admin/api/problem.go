package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gorilla/mux"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/tomledit"
	"mailhint/untrusted"
)

// Problem is an error, as RFC 9457 has it.
type Problem struct {
	Type   string `json:"type" doc:"Always about:blank: code says what kind of problem it is."`
	Title  string `json:"title" doc:"The status in words."`
	Status int    `json:"status" doc:"The status of the answer."`
	Code   string `json:"code" doc:"What kind of problem it is, for programs: see Problems."`
	Detail string `json:"detail" doc:"What is wrong, for people."`
	Fix    string `json:"fix,omitempty" doc:"What to do, for people."`
	Errors []Flaw `json:"errors,omitempty" doc:"The single mistakes."`
	Record *Ref   `json:"record,omitempty" doc:"With the code conflict: the record that has changed. For a set of changes: the one that was refused."`
	// Current is the revision that a record has now.
	Current *string `json:"current,omitempty" doc:"With the code conflict: the ETag that the record has now; empty if it is gone."`
	// By is the change that has led to it.
	By *Change `json:"by,omitempty" doc:"With the code conflict: the latest change of the record."`
	// Diff is what to change by hand.
	Diff     string    `json:"diff,omitempty" doc:"With the codes read-only and unsafe: what to change by hand, as a unified diff."`
	Removals *Removals `json:"removals,omitempty" doc:"With the code removals: how many records would be removed."`

	retry int // seconds
}

// Flaw is one mistake.
type Flaw struct {
	Field string `json:"field,omitempty" doc:"The key of the record, such as imap or oauth2.issuer, or the part of the request. If the configuration as a whole would have a mistake, the whole key, such as domains.\"example.com\".imap."`
	Text  string `json:"text" doc:"What is wrong and what to write, as mailhint check says it."`
}

// Removals are the numbers of a change that would remove too much.
type Removals struct {
	Removed int `json:"removed" doc:"Records that would be removed."`
	Before  int `json:"before" doc:"Records that there are."`
	Allowed int `json:"allowed" doc:"Removals that are allowed."`
	// Hourly is that of edits.RemovalsError.
	Hourly bool `json:"hourly,omitempty" doc:"True if removed also counts what the account has removed or disabled within the last hour."`
}

// The codes of problems. Those of changes are the words of edits.Refusal.
const (
	codeSignedOut     = "signed-out"
	codeDenied        = "denied"
	codeNoRevision    = "no-revision"
	codeBusy          = "busy"
	codeUnavailable   = "unavailable"
	codeInternal      = "internal"
	codeRequest       = "request"
	codeNotAcceptable = "not-acceptable"
	codeTooLarge      = "too-large"
	codeMethod        = "method"
	codeMediaType     = "media-type"
)

func (p *Problem) Error() string  { return p.Detail }
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := make(http.Header)
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retry))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="mailhint"`)
	}
	return h
}

func problem(status int, code, detail, fix string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Fix: fix}
}

func notFound(detail string) *Problem {
	return problem(http.StatusNotFound, edits.RefusedNotFound, detail, "Look at the list, GET "+Prefix+"/domains, and at the spelling.")
}

func internal() *Problem {
	return problem(http.StatusServiceUnavailable, codeInternal, "this server cannot do that at the moment", "Try again; its log says what is wrong.")
}

// write writes a problem outside of an operation.
func write(w http.ResponseWriter, p *Problem) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // the client is gone if this fails
}

// useProblems makes huma answer with problems of our form. What it says of a request must not repeat the request, which may be long or hostile.
var useProblems = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		p := problem(status, codeOf(status), message, fixOf(status))
		if status == http.StatusInternalServerError { // something of ours: a stranger's request never causes one
			return internal()
		}
		const most = 20
		for _, err := range errs[:min(len(errs), most)] {
			var ours *Problem
			if errors.As(err, &ours) {
				return ours
			}
			flaw := Flaw{Text: untrusted.Clip(err.Error(), 300)}
			var detailer huma.ErrorDetailer
			if errors.As(err, &detailer) {
				d := detailer.ErrorDetail()
				flaw = Flaw{Field: untrusted.Clip(strings.TrimPrefix(d.Location, "body."), 100), Text: untrusted.Clip(d.Message, 300)}
			}
			p.Errors = append(p.Errors, flaw)
		}
		return p
	}
})

func codeOf(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return codeTooLarge
	case http.StatusUnsupportedMediaType:
		return codeMediaType
	case http.StatusNotAcceptable:
		return codeNotAcceptable
	case http.StatusNotFound:
		return edits.RefusedNotFound
	}
	return codeRequest
}

func fixOf(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "Send less at a time."
	case http.StatusUnsupportedMediaType:
		return "Send application/json."
	case http.StatusNotAcceptable:
		return "Accept application/json."
	}
	return "Compare the request with " + Prefix + "/openapi.json."
}

// methodNotAllowed answers a request whose path exists, but not with this method.
func methodNotAllowed(w http.ResponseWriter, r *http.Request, described *huma.OpenAPI) {
	var allowed []string
	for path, item := range described.Paths {
		match := new(mux.RouteMatch)
		if !mux.NewRouter().SkipClean(true).Path(path).Match(r, match) && match.MatchErr == nil {
			continue
		}
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPut: item.Put, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete} {
			if op != nil {
				allowed = append(allowed, method)
			}
		}
	}
	if allowed == nil {
		allowed = []string{http.MethodGet}
	}
	slices.Sort(allowed)
	w.Header().Set("Allow", strings.Join(slices.Compact(allowed), ", "))
	write(w, problem(http.StatusMethodNotAllowed, codeMethod, "this path does not have that method", "Use "+strings.Join(allowed, " or ")+"."))
}

// problemOf translates an error of package admin.
func problemOf(err error) error {
	if err == nil {
		return nil
	}
	var (
		ours       *Problem
		conflict   *edits.ConflictError
		exists     *edits.ExistsError
		removals   *edits.RemovalsError
		invalid    *admin.InvalidError
		problems   domains.Problems
		busy       *admin.BusyError
		notWritten *edits.NotWrittenError
		refused    *accounts.InvalidError
		later      *accounts.TryLaterError
		missing    *edits.NotFoundError
		about      *admin.RecordError
	)
	switch {
	case errors.As(err, &about):
		return problemAbout(about)
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &conflict):
		p := problem(http.StatusPreconditionFailed, edits.RefusedConflict, conflict.Error(), "Read the record again, see whether the change is still right, and send it with the new ETag.")
		current := etag(conflict.Current)
		p.Current, p.Record = &current, &Ref{string(conflict.Kind), conflict.Name}
		if conflict.By != nil {
			by := changeOf(*conflict.By)
			p.By = &by
		}
		return p
	case errors.As(err, &exists):
		return problem(http.StatusPreconditionFailed, edits.RefusedExists, exists.Error(), "Read the record, and send its ETag in If-Match to change it.")
	case errors.Is(err, accounts.ErrExists):
		return problem(http.StatusConflict, edits.RefusedExists, "there is one of that name already", "Choose another name.")
	case errors.As(err, &removals):
		fix := fmt.Sprintf("If all of these are meant to go, send allow_removals=%d.", removals.Removed)
		if removals.Hourly {
			fix = "Wait an hour; or let an operator remove them with a snapshot, POST " + applyPath + ", and allow_removals."
		}
		p := problem(http.StatusConflict, edits.RefusedRemovals, removals.Error(), fix)
		p.Removals = &Removals{removals.Removed, removals.Before, removals.Allowed, removals.Hourly}
		return p
	case errors.As(err, &invalid):
		p := problem(http.StatusUnprocessableEntity, edits.RefusedInvalid, invalid.Error(), "Fix what errors lists, and send it again. Nothing was saved.")
		for _, flaw := range invalid.Problems {
			p.Errors = append(p.Errors, Flaw{flaw.Key, flaw.Text})
		}
		return p
	case errors.As(err, &problems) && !errors.Is(err, domains.ErrUnread):
		p := problem(http.StatusUnprocessableEntity, edits.RefusedInvalid, "the configuration would have mistakes", "Fix what errors lists, and send it again. Nothing was saved.")
		for _, flaw := range problems {
			p.Errors = append(p.Errors, Flaw{flaw.Key, flaw.String()})
		}
		return p
	case errors.Is(err, tomledit.ErrOutside):
		return problem(http.StatusUnprocessableEntity, edits.RefusedInvalid, "the text is not that of the record alone", "Send the text of the record, or none.")
	case errors.As(err, &busy):
		return later429(busy.Error(), int(busy.Retry.Seconds()))
	case errors.As(err, &later):
		return later429(later.Error(), int(later.After.Seconds()))
	case errors.As(err, &refused):
		p := problem(http.StatusUnprocessableEntity, edits.RefusedInvalid, refused.Error(), "Fix what errors lists, and send it again.")
		p.Errors = []Flaw{{refused.Field, refused.Text}}
		return p
	case errors.Is(err, admin.ErrRevision):
		return noRevision()
	case errors.As(err, &missing):
		return notFound(missing.Error())
	case errors.Is(err, admin.ErrNotFound), errors.Is(err, edits.ErrNotFound):
		return notFound(admin.ErrNotFound.Error())
	case errors.Is(err, accounts.ErrNotFound):
		return notFound("there is none of that name, or it is not visible to this account")
	case errors.Is(err, edits.ErrNoHistory):
		return notFound(err.Error())
	case errors.Is(err, admin.ErrDenied), errors.Is(err, accounts.ErrDenied):
		p := problem(http.StatusForbidden, codeDenied, err.Error(), "Ask an operator, or use an account that may do this.")
		if denied := (*admin.DeniedError)(nil); errors.As(err, &denied) && denied.Key != "" {
			p.Errors = []Flaw{{denied.Key, denied.Why}}
		}
		return p
	case errors.As(err, &notWritten):
		code, fix := edits.Refusal(err), "Make the change in diff by hand, on the server."
		p := problem(http.StatusConflict, code, notWritten.Error(), fix)
		p.Diff = notWritten.Diff
		return p
	case errors.Is(err, admin.ErrUnavailable):
		return problem(http.StatusNotImplemented, codeUnavailable, err.Error(), "Ask an operator to set it up.")
	}
	p := internal()
	p.Detail = untrusted.Clip(err.Error(), 1000)
	return p
}

// problemAbout names the record of a set that a problem is about.
func problemAbout(about *admin.RecordError) error {
	err := problemOf(about.Err)
	var p *Problem
	if errors.As(err, &p) {
		p.Detail, p.Record = about.Ref.String()+": "+p.Detail, &Ref{string(about.Kind), about.Name}
	}
	return err
}

func later429(detail string, seconds int) *Problem {
	p := problem(http.StatusTooManyRequests, codeBusy, detail, "Try again later, as Retry-After says.")
	p.retry = max(1, seconds)
	return p
}

func noRevision() *Problem {
	return problem(http.StatusPreconditionRequired, codeNoRevision, "a change must say which state of the record it is meant for",
		"Read the record, and send its ETag as If-Match: \"…\"; to add a record, send If-None-Match: *. If-Match: * is not accepted, because it would overwrite what others have saved.")
}
