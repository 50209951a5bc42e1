package page

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/edits"
	"mailhint/templates"
)

// errorPage says what is wrong, and where to go from there.
type errorPage struct {
	Title, Text string
	// Detail is what an error says, line by line.
	Detail []string
	Links  []link
}

// notFoundText does not say which of the two it is.
const notFoundText = "There is nothing of this name, or this account may not see it."

var messageTemplate = templates.AdminHTML("message.html.tmpl")

// message answers with a page that only says something.
func (h *Handler) message(w http.ResponseWriter, r *http.Request, status int, m errorPage) {
	v := &visit{ResponseWriter: w, Request: r}
	_ = h.identify(v, Route{Open: true}) // the message is the same for everyone; without a name the heading is missing
	h.tell(v, status, m)
}

func (h *Handler) tell(v *visit, status int, m errorPage) {
	if m.Links == nil {
		m.Links = []link{{Title: "To the domains", Path: "/domains"}}
		if v.who.Name == "" {
			m.Links = []link{{Title: "To the sign-in", Path: "/sign-in"}}
		}
	}
	if err := h.show(v, status, messageTemplate, document{Title: m.Title, Content: m}); err != nil {
		h.Log.Error("a page could not be shown", "error", err)
	}
}

func (h *Handler) notFound(w http.ResponseWriter, r *http.Request) {
	h.message(w, r, http.StatusNotFound, errorPage{Title: "There is no such page", Text: "The address may be old, or mistyped."})
}

// foreign answers a form that another web site has sent.
func (h *Handler) foreign(w http.ResponseWriter, r *http.Request) {
	h.tell(&visit{ResponseWriter: w, Request: r}, http.StatusForbidden, errorPage{Title: "This form came from another site",
		Text: "Nothing was done. If you did not expect this, a web page has tried to use your sign-in here. Otherwise open the page again, and repeat what you did."})
}

// fail answers with the page for an error.
func (h *Handler) fail(v *visit, err error) {
	var busy *admin.BusyError
	var later *accounts.TryLaterError
	var denied *admin.DeniedError
	var mistakes *admin.InvalidError
	switch {
	case errors.Is(err, accounts.ErrSignedOut):
		h.askToSignIn(v)
	case errors.Is(err, admin.ErrNotFound), errors.Is(err, accounts.ErrNotFound), errors.Is(err, edits.ErrNotFound):
		h.tell(v, http.StatusNotFound, errorPage{Title: "Not found", Text: notFoundText})
	case errors.Is(err, edits.ErrNoHistory):
		h.tell(v, http.StatusNotFound, errorPage{Title: "This change cannot be undone", Detail: []string{err.Error()}})
	case errors.As(err, &denied):
		h.tell(v, http.StatusForbidden, errorPage{Title: "This account may not do that", Detail: []string{denied.Error()},
			Text: "Nothing was changed. Somebody with the role operator can do it, or give this account another role."})
	case errors.Is(err, admin.ErrDenied), errors.Is(err, accounts.ErrDenied):
		h.tell(v, http.StatusForbidden, errorPage{Title: "This account may not do that",
			Text: "Nothing was changed. Somebody with the role operator can do it, or give this account another role."})
	case errors.As(err, &busy):
		h.later(v, busy.Retry, busy.Error())
	case errors.As(err, &later):
		h.later(v, later.After, later.Error())
	case errors.As(err, &mistakes):
		h.tell(v, http.StatusUnprocessableEntity, errorPage{Title: "This cannot be saved", Text: "Nothing was changed.", Detail: linesOf(err)})
	case errors.Is(err, edits.ErrConflict), errors.Is(err, accounts.ErrConflict):
		h.tell(v, http.StatusConflict, errorPage{Title: "Changed meanwhile", Text: "Somebody else has changed this since you opened the page. Nothing was saved: look at it again.", Detail: linesOf(err)})
	case errors.Is(err, edits.ErrReadOnly), errors.Is(err, edits.ErrUnsafe):
		h.tell(v, http.StatusConflict, errorPage{Title: "This cannot be written here", Text: "Nothing was saved. Make the change by hand.", Detail: byHand(err)})
	case errors.As(err, new(*edits.RemovalsError)):
		h.tell(v, http.StatusConflict, errorPage{Title: "Too many removals", Detail: linesOf(err),
			Text: "This protects against mistakes. Wait an hour; or an operator removes them on the server, with mailhint apply --allow-removals."})
	case errors.Is(err, edits.ErrUnchanged):
		h.tell(v, http.StatusConflict, errorPage{Title: "Nothing to change", Detail: linesOf(err)})
	case errors.Is(err, admin.ErrUnavailable):
		h.tell(v, http.StatusServiceUnavailable, errorPage{Title: "Not available on this server", Text: "This server is set up without what is needed for this page."})
	case errors.Is(err, errNotForm):
		h.tell(v, http.StatusUnsupportedMediaType, errorPage{Title: "This is not a form of this page", Text: "Open the page again, and use its form."})
	case errors.Is(err, errTooLarge):
		h.tell(v, http.StatusRequestEntityTooLarge, errorPage{Title: "The form is too large", Text: fmt.Sprintf("A form may have at most %d KB.", maxBody>>10)})
	case v.Context().Err() != nil: // the browser is gone
		v.WriteHeader(http.StatusServiceUnavailable)
	default:
		h.Log.Error("a page of the admin page failed", "path", v.URL.Path, "error", err)
		h.tell(v, http.StatusInternalServerError, errorPage{Title: "This did not work", Text: "It is not your fault. The log of the server says why."})
	}
}

func (h *Handler) later(v *visit, after time.Duration, text string) {
	v.Header().Set("Retry-After", strconv.Itoa(max(1, int(after.Seconds()))))
	h.tell(v, http.StatusTooManyRequests, errorPage{Title: "Too much at once", Text: "Wait a moment, then try again.", Detail: []string{text}})
}

// byHand is what to do about a change that cannot be written here.
func byHand(err error) []string {
	list := linesOf(err)
	var unwritten *edits.NotWrittenError
	if errors.As(err, &unwritten) && unwritten.Diff != "" {
		list = append(list, unwritten.Diff)
	}
	return list
}
