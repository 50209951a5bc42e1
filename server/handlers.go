package server

import (
	"context"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"os"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/domains"
	"mailhint/help"
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/settings"
	"mailhint/wellknown"
)

// handlers answer the requests of clients. They live as long as the server, and look settings up in what it serves at the moment. A nil
// handler answers 404.
type handlers struct {
	autoconfig       http.Handler
	autodiscover     http.Handler
	autodiscoverJSON http.Handler
	mobileconfig     *mobileconfig.Handler
	pacc             http.Handler
	wellKnown        http.Handler
	help             http.Handler
	helpFiles        http.Handler
	page             *help.Handler // help itself
	pageFiles        *help.Assets  // helpFiles itself
}

func newHandlers(config domains.Server, state *current, signer mobileconfig.Signer, log *slog.Logger) *handlers {
	// Settings are looked up in the domains that are served at the moment.
	lookup := func(ctx context.Context, q settings.Question) (settings.Found, error) {
		d := state.domains()
		if d == nil {
			return settings.Found{}, settings.ErrUnavailable
		}
		return d.Lookup(ctx, q)
	}
	outlook := autodiscover.New(lookup, log)
	outlook.ID = hostID()
	page := help.New(lookup, log)
	page.Own, page.Unsigned = config.Name, signer == nil
	logo := func(name string) *settings.Logo {
		if d := state.domains(); d != nil {
			return d.Logo(name)
		}
		return nil
	}
	h := &handlers{
		autoconfig:       autoconfig.New(lookup, log),
		autodiscover:     outlook,
		autodiscoverJSON: outlook.JSON(),
		mobileconfig:     mobileconfig.New(lookup, signer, log),
		pacc:             pacc.New(lookup, log),
		wellKnown:        wellknown.New(lookup, log),
		help:             page,
		page:             page,
		pageFiles:        help.NewAssets(page, logo),
	}
	h.helpFiles = h.pageFiles
	if config.NoHelpPage {
		h.help, h.helpFiles = http.HandlerFunc(noPage), nil
	}
	return h
}

// noPage answers at "/" if there is no page for people.
func noPage(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		notFound(w, r)
		return
	}
	plain(w, http.StatusOK, "This server tells mail programs which servers to use.\n")
}

// hostID is a number for this machine in Autodiscover's error answers.
func hostID() uint32 {
	name, _ := os.Hostname() // without a name it is the number of the empty name, which does no harm
	h := fnv.New32a()
	io.WriteString(h, name)
	return h.Sum32()
}
