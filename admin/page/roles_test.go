package page_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"mailhint/admin/page"
)

// expected is the status that each role gets at each route: olga, ann, pat and vera, in this order (see newSite). A route with {domain} is asked for
// ann.example, which is ann's own, and for ben.example. What somebody may not see is not there (404), and what may not be done is refused (403 or,
// with a reason in the form, 422). That a viewer gets 200 for a form is right: it has no field that would change anything.
var expected = []struct {
	route    string
	statuses [4]int
}{
	{"GET /domains", [4]int{200, 200, 200, 200}},
	{"POST /domains", [4]int{303, 303, 303, 303}},
	{"GET /domains/{domain} own", [4]int{200, 200, 404, 200}},
	{"GET /domains/{domain} foreign", [4]int{200, 404, 404, 200}},
	{"POST /domains/{domain} own", [4]int{303, 303, 404, 200}},
	{"POST /domains/{domain} foreign", [4]int{303, 404, 404, 200}},
	{"GET /domains/{domain}/preview own", [4]int{200, 200, 404, 200}},
	{"GET /domains/{domain}/preview foreign", [4]int{200, 404, 404, 200}},
	{"POST /domains/{domain}/preview own", [4]int{200, 200, 404, 200}},
	{"POST /domains/{domain}/preview foreign", [4]int{200, 404, 404, 200}},
	{"GET /domains/{domain}/dns own", [4]int{200, 200, 404, 200}},
	{"GET /domains/{domain}/dns foreign", [4]int{200, 404, 404, 200}},
	{"GET /domains/{domain}/doctor own", [4]int{200, 200, 404, 200}},
	{"GET /domains/{domain}/doctor foreign", [4]int{200, 404, 404, 200}},
	{"POST /domains/{domain}/doctor own", [4]int{503, 503, 404, 403}},
	{"POST /domains/{domain}/doctor foreign", [4]int{503, 404, 404, 403}},
	{"GET /domains/{domain}/history own", [4]int{200, 200, 404, 200}},
	{"GET /domains/{domain}/history foreign", [4]int{200, 404, 404, 200}},
	{"POST /domains/{domain}/restore own", [4]int{303, 403, 404, 403}},
	{"POST /domains/{domain}/restore foreign", [4]int{404, 404, 404, 404}},
	{"POST /domains/{domain}/remove own", [4]int{303, 403, 404, 403}},
	{"POST /domains/{domain}/remove foreign", [4]int{303, 404, 404, 403}},
	{"GET /codes/{code}", [4]int{200, 200, 200, 200}},
	{"GET /add", [4]int{200, 403, 200, 403}},
	{"POST /add", [4]int{303, 403, 403, 403}},
	{"GET /profiles", [4]int{200, 200, 200, 200}},
	{"POST /profiles", [4]int{303, 403, 403, 403}},
	{"GET /profiles/{profile}", [4]int{200, 200, 404, 200}},
	{"POST /profiles/{profile}", [4]int{303, 200, 404, 200}},
	{"GET /profiles/{profile}/history", [4]int{200, 200, 404, 200}},
	{"POST /profiles/{profile}/restore", [4]int{404, 404, 404, 404}},
	{"POST /profiles/{profile}/remove", [4]int{422, 403, 404, 403}},
	{"GET /account", [4]int{200, 200, 200, 200}},
	{"POST /account/password", [4]int{422, 422, 422, 422}},
	{"POST /account/codes", [4]int{200, 200, 200, 200}},
	{"POST /account/codes/confirm", [4]int{303, 303, 303, 303}},
	{"POST /account/codes/remove", [4]int{303, 303, 303, 303}},
	{"POST /account/sessions/end", [4]int{404, 404, 404, 404}},
	{"GET /accounts", [4]int{200, 403, 403, 403}},
	{"POST /accounts", [4]int{303, 403, 403, 403}},
	{"GET /accounts/{account}", [4]int{404, 403, 403, 403}},
	{"POST /accounts/{account}", [4]int{404, 403, 403, 403}},
	{"POST /accounts/{account}/remove", [4]int{404, 403, 403, 403}},
	{"GET /tokens", [4]int{200, 200, 200, 200}},
	{"POST /tokens", [4]int{200, 200, 422, 200}},
	{"POST /tokens/revoke", [4]int{404, 404, 404, 404}},
	{"GET /audit", [4]int{200, 200, 200, 200}},
	{"POST /audit", [4]int{200, 200, 200, 200}},
}

// TestRoles asks for every route that needs a sign-in, as every role.
func TestRoles(t *testing.T) {
	want := make(map[string][4]int)
	for _, e := range expected {
		want[e.route] = e.statuses
	}
	s := newSite(t)
	var visitors [4]*visitor
	for i, name := range []string{"olga", "ann", "pat", "vera"} {
		visitors[i] = s.visitor(t)
		visitors[i].signIn(name)
	}
	for _, route := range page.Routes() {
		if route.Open {
			continue
		}
		for which, name := range map[string]string{" own": "ann.example", " foreign": "ben.example", "": ""} {
			if strings.Contains(route.Path, "{domain}") != (name != "") {
				continue
			}
			title := route.Method + " " + route.Path + which
			statuses, ok := want[title]
			if !ok {
				t.Errorf("the table does not have %s", title)
			}
			delete(want, title)
			path := strings.ReplaceAll(fill(route.Path), "ann.example", name)
			for i, v := range visitors {
				s.renew(t)
				var a answer
				if route.Method == http.MethodGet {
					a = v.get(path)
				} else {
					a = v.post(path, s.everything(t, path, i))
				}
				if a.StatusCode != statuses[i] {
					t.Errorf("%s, visitor %d: status %d, want %d", title, i, a.StatusCode, statuses[i])
				}
				if statuses[i] == http.StatusNotFound && strings.Contains(a.body, "Secret") {
					t.Errorf("%s, visitor %d: it shows what is not there", title, i)
				}
			}
		}
	}
	for title := range want {
		t.Errorf("there is no route %s", title)
	}
}

// everything is a form that would do whatever a route can do.
func (s *site) everything(t *testing.T, path string, visitor int) url.Values {
	t.Helper()
	ref := profile("firms")
	if name, ok := strings.CutPrefix(path, "/domains/"); ok {
		name, _, _ = strings.Cut(name, "/")
		ref = domain(name)
	}
	r, err := s.service.Store.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"do": {"save"}, "revision": {string(r.Revision)}, "sure": {"1"}, "webmail": {"https://x.example/"}, "name": {"new" + string(rune('a'+visitor))},
		"domain": {"new.example"}, "imap.0.url": {"imap.x.example"}, "smtp.0.url": {"smtp.x.example"}, "change": {"2"}, "role": {"viewer"}, "password": {password}}
}
