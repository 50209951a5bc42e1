// Package edgetest tests the answers for mail clients: it runs scripts of requests and expectations against an edge, compares documents
// with golden files, and holds the settings and the hostile texts that the tests of several formats need.
//
// A script is a series of requests, each followed by what is expected of the answer. Lines that begin with # are comments.
//
//	GET https://autoconfig.example.com/path   method and URL
//	Name: value                               a header of the request; ETAG stands for the ETag of the answer before
//	send TEXT                                 the body
//	send file FILE                            the body is a file of the folder
//	form TEXT                                 the body is an HTML form
//	status 200                                the status; 401 and 5xx fail always
//	header Name: value                        the header is exactly this; without a value it is not there
//	has TEXT                                  the body has the text
//	lacks TEXT                                neither body nor header has it
//	golden FILE                               the body is the file golden/FILE
//	empty                                     there is no body
//
// Beside each script testdata/edge.txt is the configuration testdata/edge.toml that it expects. The scripts of all formats can also be
// run against a server that has been started with that configuration, which lists the tester's address in trusted_proxies:
//
//	go test mailhint/autoconfig -run TestEdge -args -server http://127.0.0.1:8080
package edgetest

import (
	"context"
	"flag"
	"os"
	"testing"

	"mailhint/domains"
	"mailhint/settings"
)

var (
	update = flag.Bool("update", false, "rewrite the golden files")
	server = flag.String("server", "", "run the edge scripts against the mailhint at this URL, for example http://127.0.0.1:8080")
)

// Load loads testdata/edge.toml. Its Lookup is what the edges are given.
func Load(tb testing.TB) *domains.Snapshot {
	tb.Helper()
	snapshot, err := domains.Load("testdata/edge.toml")
	if err != nil {
		tb.Fatal(err)
	}
	return snapshot
}

// Find returns the settings of a domain.
func Find(tb testing.TB, lookup settings.Lookup, d settings.Domain) settings.Found {
	tb.Helper()
	found, err := lookup(context.Background(), settings.Question{Host: d})
	if err != nil {
		tb.Fatalf("%s: %v", d, err)
	}
	return found
}

// Failing returns a lookup that has an error for every question.
func Failing(err error) settings.Lookup {
	return func(context.Context, settings.Question) (settings.Found, error) { return settings.Found{}, err }
}

// Golden compares an answer with a file, or writes the file with -update.
func Golden(tb testing.TB, name string, got []byte) {
	tb.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		tb.Fatalf("%v; go test -update writes it", err)
	}
	if string(got) != string(want) {
		tb.Errorf("got\n%s\nwant (%s; go test -update rewrites it)\n%s", got, name, want)
	}
}
