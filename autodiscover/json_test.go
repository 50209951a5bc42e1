package autodiscover

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"mailhint/edge/edgetest"
)

// Answers have exactly two members; the rest of what JSON answers is in testdata/edge.txt.
func TestJSONMembers(t *testing.T) {
	h := newHandler(edgetest.Load(t).Lookup).JSON()
	for target, want := range map[string]string{
		"?Email=ann@mail.example&Protocol=AutodiscoverV1":                   "Protocol Url",
		"?Email=ann@exchange.example&Protocol=EWS":                          "Protocol Url",
		"?Email=ann@mail.example&Protocol=EWS":                              "ErrorCode ErrorMessage",
		"?Email=ann@unknown.example&Protocol=AutodiscoverV1":                "ErrorCode ErrorMessage",
		"/v1.0/" + strings.Repeat("a", 5000) + "@mail.example?Protocol=EWS": "ErrorCode ErrorMessage",
	} {
		r := httptest.NewRequest("GET", "https://autodiscover.unknown.example"+JSONPath+target, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var members map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &members); err != nil {
			t.Errorf("%.100s: %v in %s", target, err, w.Body)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(members)), " "); got != want {
			t.Errorf("%.100s: members %s, want %s", target, got, want)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	h := newHandler(edgetest.Load(b).Lookup).JSON()
	r := httptest.NewRequest("GET", "https://autodiscover.mail.example"+JSONPath+"?Email=ann%40mail.example&Protocol=AutodiscoverV1&RedirectCount=1", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
