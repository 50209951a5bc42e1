package edge

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"mailhint/templates"
)

func TestServe(t *testing.T) {
	d, err := templates.XML("mobilesync.xml.tmpl").Prepare(map[string]string{"User": templates.Hole(0), "URL": "https://eas.example.com/"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	values := []string{"x & y"}
	tag, whole := d.Tag(values), string(d.Fill(values))
	if !strings.Contains(whole, ">x &amp; y<") {
		t.Fatalf("the value is missing in\n%s", whole)
	}
	tests := []struct {
		name, cache string
		match       []string
		status      int
	}{
		{"no tag known", "public, max-age=1", nil, 200},
		{"the tag", "public, max-age=1", []string{tag}, 304},
		{"a weak tag", "private, max-age=1", []string{"W/" + tag}, 304},
		{"a list", "public, max-age=1", []string{`"a", ` + tag + `, "b"`}, 304},
		{"two lines", "public, max-age=1", []string{`"a"`, tag}, 304},
		{"any", "public, max-age=1", []string{" * "}, 304},
		{"another", "public, max-age=1", []string{`"0"`}, 200},
		{"part of a tag", "public, max-age=1", []string{strings.Trim(tag, `"`)}, 200},
		{"empty", "public, max-age=1", []string{""}, 200},
		{"not cacheable", "private, no-store", []string{tag, "*"}, 200},
	}
	for _, test := range tests {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["If-None-Match"] = test.match
		w := httptest.NewRecorder()
		Serve(w, r, &d, test.cache, values)
		got := w.Result()
		if got.StatusCode != test.status || got.Header.Get("Cache-Control") != test.cache {
			t.Errorf("%s: status %d, Cache-Control %q; want %d, %q", test.name, got.StatusCode, got.Header.Get("Cache-Control"), test.status, test.cache)
		}
		if cacheable := !strings.Contains(test.cache, "no-store"); cacheable != (got.Header.Get("ETag") == tag) {
			t.Errorf("%s: ETag %q with Cache-Control %q", test.name, got.Header.Get("ETag"), test.cache)
		}
		body, length, kind := whole, strconv.Itoa(len(whole)), "text/xml; charset=utf-8"
		if test.status == 304 {
			body, length, kind = "", "", ""
		}
		if w.Body.String() != body || got.Header.Get("Content-Length") != length || got.Header.Get("Content-Type") != kind {
			t.Errorf("%s: body %q, headers %v", test.name, w.Body, got.Header)
		}
	}
}
