// Package api is the HTTP interface for programs that manage domains, /api/v1. Package admin decides what an account may do; this package only
// translates: requests into its calls, and its answers and errors into JSON.
//
// A client sends the secret of a token as "Authorization: Bearer …". Every record has an ETag, and a change names it in If-Match, so that nobody
// overwrites what somebody else has saved in the meantime. Errors are problem details (RFC 9457) with a code for programs, and with what to do for
// people. The OpenAPI 3.1 description, /api/v1/openapi.json, is made from the types in this package.
//
// The files, in the order in which they are best read:
//
//   - api.go: the handler; guard.go and slots.go: who may ask, how much and how often; strict.go: JSON without surprises
//   - problem.go: errors; etag.go: revisions
//   - types.go: what requests and answers consist of
//   - domains.go, profiles.go, changes.go, apply.go, tokens.go, status.go: the operations
//   - reference.go: the documentation as a page; metrics.go: what is counted
package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"

	"mailhint/admin"
)

// Prefix is the path that all paths of the API begin with.
const Prefix = "/api/v1"

// MaxPage is the largest page of a list.
const MaxPage = admin.MaxPage

// Options are how an API is served. The zero value stands for the defaults.
type Options struct {
	// Version is the version of the program, for the description.
	Version string
	// Limits are how much clients may ask.
	Limits Limits
	// Log gets what others do not see; nil for none.
	Log *slog.Logger
}

// api has the operations.
type api struct {
	*admin.Service
	huma.API
}

// New returns the handler of the API, for paths that begin with Prefix.
func New(s *admin.Service, o Options) *Handler {
	router, _ := build(s, o)
	m := newMetrics()
	return &Handler{m.count(newGuard(s, o, m, router)), m}
}

// Description returns the OpenAPI document, as it is served.
func Description(version string) ([]byte, error) {
	_, api := build(new(admin.Service), Options{Version: version})
	return json.MarshalIndent(api.OpenAPI(), "", "  ")
}

// build registers all operations.
func build(s *admin.Service, o Options) (*mux.Router, huma.API) {
	useProblems()
	router := mux.NewRouter().SkipClean(true)
	router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { write(w, notFound("there is nothing at this path")) })
	a := &api{Service: s}
	a.API = humamux.New(router, a.config(o))
	for _, register := range []func(){a.registerDomains, a.registerProfiles, a.registerChanges, a.registerApply, a.registerTokens, a.registerStatus} {
		register()
	}
	for _, item := range a.OpenAPI().Paths {
		if op := item.Put; op != nil { // it adds records, too
			added := *op.Responses["200"]
			added.Description = http.StatusText(http.StatusCreated)
			op.Responses["201"] = &added
		}
	}
	router.HandleFunc(Prefix+"/openapi.json", a.describe).Methods(http.MethodGet, http.MethodHead)
	router.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { methodNotAllowed(w, r, a.OpenAPI()) })
	return router, a.API
}

func (a *api) config(o Options) huma.Config {
	c := huma.DefaultConfig("mailhint", o.Version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	c.RejectUnknownQueryParameters = true
	c.Info.Description = "Manage the domains of a mailhint server. Every request but that for this document carries the secret of a token, which\n" +
		"mailhint token add makes. A change names the state that it is meant for: the ETag of the record in If-Match, or If-None-Match: * for one\n" +
		"that is to be added. Errors are problem details (RFC 9457)."
	c.Info.License = nil
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", Description: "The secret of a token."}}
	c.Security = []map[string][]string{{"token": {}}}
	c.Tags = []*huma.Tag{
		{Name: "domains", Description: "Domains: the settings that mail programs get."},
		{Name: "profiles", Description: "Profiles: settings that domains inherit."},
		{Name: "many", Description: "Changes of several records at once, and following changes."},
		{Name: "access", Description: "Tokens, and who has done what."},
	}
	return c
}

// schemaName names the schema of a type. Types of other packages have the package's name in front.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if from := path.Base(t.PkgPath()); t.Name() != "" && from != "api" && from != "." {
		name = strings.ToUpper(from[:1]) + from[1:] + name
	}
	return name
}

// describe serves the OpenAPI document.
func (a *api) describe(w http.ResponseWriter, r *http.Request) {
	text, err := sync.OnceValues(func() ([]byte, error) { return json.MarshalIndent(a.OpenAPI(), "", "  ") })()
	if err != nil {
		write(w, internal())
		return
	}
	tag := etagOf(text)
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text) // the client is gone if this fails
}
