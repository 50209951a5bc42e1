package page

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"
)

// Route is a path of the page.
type Route struct {
	Method string // GET, which stands for HEAD too, or POST
	Path   string // with {domain}, {profile}, {account} and {token} for what a person chooses
	// Open is true if nobody needs to be signed in.
	Open bool

	answer func(*Handler, *visit) error
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// paths lists every path. What is not in it does not exist.
var paths = []Route{
	{get, "/", true, (*Handler).home},
	{get, "/sign-in", true, (*Handler).showSignIn}, {post, "/sign-in", true, (*Handler).signIn},
	{get, "/sign-in/code", true, (*Handler).showCode}, {post, "/sign-in/code", true, (*Handler).signInCode},
	{get, providerPath, true, (*Handler).goToProvider}, {get, callbackPath, true, (*Handler).comeBack},
	{post, "/sign-out", true, (*Handler).signOut},

	{get, "/domains", false, (*Handler).showDomains}, {post, "/domains", false, (*Handler).searchDomains},
	{get, "/domains/{domain}", false, (*Handler).showDomain}, {post, "/domains/{domain}", false, (*Handler).changeDomain},
	{get, "/domains/{domain}/preview", false, (*Handler).showPreview}, {post, "/domains/{domain}/preview", false, (*Handler).showPreview},
	{get, "/domains/{domain}/dns", false, (*Handler).showRecords},
	{get, "/domains/{domain}/doctor", false, (*Handler).showDoctor}, {post, "/domains/{domain}/doctor", false, (*Handler).examine},
	{get, "/domains/{domain}/history", false, (*Handler).showHistory},
	{post, "/domains/{domain}/restore", false, (*Handler).restoreDomain},
	{post, "/domains/{domain}/remove", false, (*Handler).removeDomain},
	{get, "/codes/{code}", false, (*Handler).showCodePage},
	{get, "/add", false, (*Handler).showAdd}, {post, "/add", false, (*Handler).add},

	{get, "/profiles", false, (*Handler).showProfiles}, {post, "/profiles", false, (*Handler).addProfile},
	{get, "/profiles/{profile}", false, (*Handler).showProfile}, {post, "/profiles/{profile}", false, (*Handler).changeProfile},
	{get, "/profiles/{profile}/history", false, (*Handler).showProfileHistory},
	{post, "/profiles/{profile}/restore", false, (*Handler).restoreProfile},
	{post, "/profiles/{profile}/remove", false, (*Handler).removeProfile},

	{get, "/account", false, (*Handler).showSelf},
	{post, "/account/password", false, (*Handler).changePassword},
	{post, "/account/codes", false, (*Handler).beginCodes}, {post, "/account/codes/confirm", false, (*Handler).confirmCodes},
	{post, "/account/codes/remove", false, (*Handler).removeCodes},
	{post, "/account/sessions/end", false, (*Handler).endSession},

	{get, "/accounts", false, (*Handler).showAccounts}, {post, "/accounts", false, (*Handler).addAccount},
	{get, "/accounts/{account}", false, (*Handler).showAccount}, {post, "/accounts/{account}", false, (*Handler).changeAccount},
	{post, "/accounts/{account}/remove", false, (*Handler).removeAccount},

	{get, "/tokens", false, (*Handler).showTokens}, {post, "/tokens", false, (*Handler).addToken},
	{post, "/tokens/revoke", false, (*Handler).revokeToken},

	{get, "/audit", false, (*Handler).showAudit}, {post, "/audit", false, (*Handler).filterAudit},

	{get, stylePath, true, (*Handler).asset}, {get, scriptPath, true, (*Handler).asset}, {get, iconPath, true, (*Handler).asset},
}

// Routes returns all paths of the page.
func Routes() []Route { return paths }

// router finds the answer for a request.
func (h *Handler) router() http.Handler {
	r := mux.NewRouter().SkipClean(true)
	allowed := make(map[string][]string)
	for _, route := range Routes() {
		methods := []string{route.Method}
		if route.Method == get {
			methods = append(methods, http.MethodHead)
		}
		allowed[route.Path] = append(allowed[route.Path], methods...)
		r.HandleFunc(route.Path, func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, route) }).Methods(methods...)
	}
	for path, methods := range allowed {
		r.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			h.message(w, r, http.StatusMethodNotAllowed, errorPage{Title: "This page cannot do that", Text: "Go back, and use one of its buttons."})
		})
	}
	r.NotFoundHandler = http.HandlerFunc(h.notFound)
	return r
}
