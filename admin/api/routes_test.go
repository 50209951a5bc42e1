package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/rogpeppe/go-internal/diff"

	"mailhint/admin/api"
	"mailhint/edits"
)

// route is a row of the table of who may do what. The statuses are those of requests that are good otherwise, about something of one's own and about
// something of others, for each of roles. What an account may not see is 404, what it sees and may not change 403.
type route struct {
	method, path string
	body         string // with OWN for the name of the record, and IF for its revision
	own, foreign [6]int // in the order of roles
}

// roles are the accounts in whose name each route is asked, in the order of people: an operator, a viewer of everything, a viewer of ann.example, its
// domain admin, the domain admin of ben.example, and a provisioner on the profile shared.
var roles = []string{"olga", "vera", "lars", "ann", "ben", "panel"}

// ownOf is what is a role's own, and foreignOf what is not. For operators and those who see everything nothing is foreign.
var (
	ownOf     = map[string][2]string{"olga": {"ann.example", "firms"}, "vera": {"ann.example", "firms"}, "lars": {"ann.example", "firms"}, "ann": {"ann.example", "firms"}, "ben": {"ben.example", "firms"}, "panel": {"first.example", "shared"}}
	foreignOf = map[string][2]string{"olga": {"ben.example", "shared"}, "vera": {"ben.example", "shared"}, "lars": {"ben.example", "shared"}, "ann": {"ben.example", "shared"}, "ben": {"ann.example", "shared"}, "panel": {"ann.example", "firms"}}
)

const (
	named    = `{"values":{"name":"New"}}`
	oneEdit  = `{"edits":[{"kind":"domain","name":"OWN","if":"IF","values":VALUES}]}`
	newToken = `{"name":"fresh","role":"viewer","domains":["OWN"]}`
	snapshot = "SNAPSHOT"
)

var (
	all      = [6]int{200, 200, 200, 200, 200, 200}
	seen     = [6]int{200, 200, 404, 404, 404, 404} // foreign records that only some see
	readers  = [6]int{200, 200, 403, 403, 403, 403} // only those who see everything
	operator = [6]int{200, 403, 403, 403, 403, 403}
	looking  = [6]int{501, 403, 403, 501, 501, 501} // nothing looks at servers in this test
	unseen   = [6]int{501, 403, 404, 404, 404, 404}
	edited   = [6]int{200, 403, 403, 200, 200, 403} // the key name is editable on the profile firms, and not on shared
	notOwn   = [6]int{200, 403, 404, 404, 404, 404}
)

// table has every route. A route of the description that is not in it fails the test.
var table = []route{
	{"GET", "/domains", "", all, all},
	{"GET", "/domains/{domain}", "", all, seen},
	{"PUT", "/domains/{domain}", `{"values":VALUES}`, edited, notOwn},
	{"PATCH", "/domains/{domain}", named, edited, notOwn},
	{"DELETE", "/domains/{domain}", "", [6]int{200, 403, 403, 403, 403, 200}, notOwn},
	{"POST", "/domains/{domain}/restore", `{}`, edited, notOwn},
	{"GET", "/domains/{domain}/history", "", all, seen},
	{"GET", "/domains/{domain}/preview", "", all, seen},
	{"POST", "/domains/{domain}/probe", "", looking, unseen},
	{"POST", "/domains/{domain}/doctor", "", looking, unseen},
	{"GET", "/domains/{domain}/dns", "", all, seen},
	{"POST", "/probe", `{"domain":"OWN"}`, [6]int{501, 403, 403, 403, 403, 501}, [6]int{501, 403, 403, 403, 403, 501}},

	{"GET", "/profiles", "", all, all},
	{"GET", "/profiles/{profile}", "", all, seen},
	{"PUT", "/profiles/{profile}", `{"values":VALUES}`, operator, notOwn},
	{"PATCH", "/profiles/{profile}", named, operator, notOwn},
	{"DELETE", "/profiles/{profile}", "", [6]int{422, 403, 403, 403, 403, 403}, [6]int{422, 403, 404, 404, 404, 404}}, // both are in use
	{"POST", "/profiles/{profile}/restore", `{}`, operator, notOwn},
	{"GET", "/profiles/{profile}/history", "", all, seen},

	{"GET", "/changes", "", readers, readers},
	{"POST", "/changes", oneEdit, edited, notOwn},
	{"GET", "/events?wait=0", "", readers, readers},
	{"POST", "/apply", snapshot, operator, operator},
	{"GET", "/snapshot", "", all, all},

	{"GET", "/tokens", "", all, all},
	{"POST", "/tokens", newToken, [6]int{201, 201, 201, 201, 201, 422}, [6]int{201, 201, 422, 422, 422, 422}},
	{"DELETE", "/tokens/{token}", "", [6]int{204, 204, 204, 204, 204, 204}, [6]int{204, 404, 404, 404, 404, 404}},
	{"GET", "/audit", "", all, all},
	{"GET", "/status", "", all, all},
}

// described loads the description as it is served.
func described(t testing.TB) (*openapi3.T, routers.Router) {
	t.Helper()
	text, err := api.Description("test")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: "http://localhost"}}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return doc, router
}

// checkAnswer checks an answer against the description: its status is among those of the operation, and its body has the schema.
func checkAnswer(t testing.TB, router routers.Router, q *http.Request, answer *httptest.ResponseRecorder) {
	t.Helper()
	found, params, err := router.FindRoute(q)
	if err != nil {
		t.Errorf("%s %s is not described: %v", q.Method, q.URL, err)
		return
	}
	if found.Operation.Responses.Status(answer.Code) == nil {
		t.Errorf("%s %s: the status %d is not described", q.Method, found.Path, answer.Code)
		return
	}
	if strings.HasPrefix(answer.Header().Get("Content-Type"), "application/x-ndjson") {
		return
	}
	err = openapi3filter.ValidateResponse(q.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: q, PathParams: params, Route: found},
		Status:                 answer.Code, Header: answer.Header(), Body: io.NopCloser(bytes.NewReader(answer.Body.Bytes())),
	})
	if err != nil {
		t.Errorf("%s %s: the answer is not as described: %v\n%s", q.Method, found.Path, err, answer.Body)
	}
}

// ask asks a route about a record in a new world. Changes are dry runs, as far as there are some.
func (r route) ask(t testing.TB, as, name, profileName string) (*world, *http.Request, *httptest.ResponseRecorder) {
	t.Helper()
	w := newWorld(t, api.Limits{})
	ref := domain(name)
	if strings.Contains(r.path, "{profile}") {
		ref = profile(profileName)
	}
	q := request{method: r.method, as: as, header: map[string]string{}}
	q.path = strings.NewReplacer("{domain}", name, "{profile}", profileName, "{token}", tokenOf(as, name)).Replace(r.path)
	values, revision := "{}", "none"
	if record, err := w.store.Get(t.Context(), ref); err == nil {
		changed := edits.Values{}
		for key, v := range record.Values {
			changed[key] = v
		}
		changed["name"] = "New"
		text, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		values, revision = string(text), string(record.Revision)
	}
	q.body = strings.NewReplacer("VALUES", values, "OWN", name, `"IF"`, `"`+revision+`"`).Replace(r.body)
	if r.body == snapshot {
		list, err := edits.Snapshot(t.Context(), w.store)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := edits.Write(&text, "json", list); err != nil {
			t.Fatal(err)
		}
		q.body, q.header["Content-Type"] = text.String(), "application/x-ndjson"
	}
	if changes := r.method != "GET" && !slices.Contains([]string{"/tokens", "/tokens/{token}", "/probe"}, r.path) && !strings.HasSuffix(r.path, "/probe") && !strings.HasSuffix(r.path, "/doctor"); changes {
		q.path += "?dry_run=true"
		if strings.Contains(r.path, "{") {
			q.header["If-Match"] = `"` + strings.ReplaceAll(revision, " ", "%20") + `"`
		}
	}
	return w, q.http(), w.send(t, q)
}

// tokenOf is the name of a token: one's own with the name of one's own domain, and that of somebody else otherwise.
func tokenOf(as, name string) string {
	switch {
	case ownOf[as][0] == name:
		return as
	case as == "ann":
		return "ben"
	}
	return "ann"
}

func TestWhoMayDoWhat(t *testing.T) {
	_, router := described(t)
	for _, r := range table {
		for i, role := range roles {
			for _, of := range []struct {
				what string
				name [2]string
				want int
			}{{"own", ownOf[role], r.own[i]}, {"foreign", foreignOf[role], r.foreign[i]}} {
				_, q, answer := r.ask(t, role, of.name[0], of.name[1])
				if answer.Code != of.want {
					t.Errorf("%s %s, as %s, %s: %d, want %d\n%s", r.method, r.path, role, of.what, answer.Code, of.want, answer.Body)
				}
				checkAnswer(t, router, q, answer)
				if of.want != http.StatusNotFound {
					continue
				}
				// What an account may not see looks like what does not exist.
				missing, missingProfile := "none.example", "none"
				_, _, none := r.ask(t, role, missing, missingProfile)
				if none.Code != answer.Code || none.Body.String() != answer.Body.String() {
					t.Errorf("%s %s, as %s: a foreign record gives %d %s, one that does not exist %d %s", r.method, r.path, role, answer.Code, answer.Body, none.Code, none.Body)
				}
			}
		}
		_, q, answer := r.ask(t, "", "ann.example", "firms")
		if answer.Code != http.StatusUnauthorized {
			t.Errorf("%s %s without a token: %d, want 401", r.method, r.path, answer.Code)
		}
		checkAnswer(t, router, q, answer)
	}
}

// Every route of the description is in the table, and the other way round.
func TestTableIsComplete(t *testing.T) {
	doc, _ := described(t)
	var inTable, inDescription []string
	for _, r := range table {
		path, _, _ := strings.Cut(r.path, "?")
		inTable = append(inTable, r.method+" "+api.Prefix+path)
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			inDescription = append(inDescription, method+" "+path)
		}
	}
	slices.Sort(inTable)
	slices.Sort(inDescription)
	if !slices.Equal(inTable, inDescription) {
		t.Errorf("the table has\n%s\nthe description has\n%s", strings.Join(inTable, "\n"), strings.Join(inDescription, "\n"))
	}
}

// The description is valid OpenAPI 3.1, and says everything that a reader needs.
func TestDescription(t *testing.T) {
	doc, _ := described(t)
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("the description is OpenAPI %s", doc.OpenAPI)
	}
	ids := make(map[string]bool)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			at := method + " " + path
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s: operationId %q, summary %q, tags %q", at, op.OperationID, op.Summary, op.Tags)
			}
			ids[op.OperationID] = true
			for _, status := range []int{401, 429, 503} {
				if op.Responses.Status(status) == nil {
					t.Errorf("%s does not describe the status %d", at, status)
				}
			}
			has := make(map[string]bool)
			for _, p := range op.Parameters {
				has[p.Value.In+" "+p.Value.Name] = true
				if p.Value.Description == "" {
					t.Errorf("%s: the parameter %s is not explained", at, p.Value.Name)
				}
			}
			if isRecord := strings.Contains(path, "{domain}") || strings.Contains(path, "{profile}"); isRecord && (method == "PUT" || method == "PATCH" || method == "DELETE" || strings.HasSuffix(path, "/restore")) {
				for _, want := range []string{"header If-Match", "query dry_run"} {
					if !has[want] {
						t.Errorf("%s has no %s", at, want)
					}
				}
			}
		}
	}
	w := newWorld(t, api.Limits{})
	first := w.send(t, request{method: "GET", path: "/openapi.json"})
	want, err := api.Description("test")
	if err != nil || first.Code != 200 || first.Body.String() != string(want) {
		t.Errorf("the served description differs: %d, %v", first.Code, err)
	}
	if again := w.send(t, request{method: "GET", path: "/openapi.json", header: map[string]string{"If-None-Match": first.Header().Get("ETag")}}); again.Code != http.StatusNotModified {
		t.Errorf("the description again: %d, want 304", again.Code)
	}
}

var update = flag.Bool("update", false, "write docs/api.md again")

// docs/api.md has the reference as it is made from the code.
func TestReferenceIsCurrent(t *testing.T) {
	const page = "../../docs/api.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const last = "which generators of clients read.\n\n"
	start, _, ok := strings.Cut(string(text), last)
	want := start + last + api.Reference()
	switch {
	case !ok:
		t.Fatalf("%s has no line that ends with %q", page, strings.TrimSpace(last))
	case *update:
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	case string(text) != want:
		t.Errorf("%s is not current; go test ./admin/api -update writes it again\n%s", page, diff.Diff("the page", text, "the code", []byte(want)))
	}
}
