package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mailhint/settings"
	"mailhint/untrusted"
)

// fetchTimeout is how long a running server may take: Thunderbird gives up after 5 s.
const fetchTimeout = 5 * time.Second

// maxAnswer bounds what is read of an answer, in octets.
const maxAnswer = 1 << 20

// compare fetches the answer of a running server and says whether it is the expected one.
func (rd reader) compare(ctx context.Context, out io.Writer, server string, q settings.Question, want []byte) error {
	r, err := rd.newRequest(ctx, server, q)
	if err != nil {
		return err
	}
	got, err := fetch(r)
	if err != nil {
		return exitError{exitUnknown, err}
	}
	if rd.content != nil {
		got = rd.content(got)
	}
	if bytes.Equal(got, want) {
		fmt.Fprintf(out, "same: %s answers what the configuration says\n", r.URL.Host)
		return nil
	}
	printDifference(out, r.URL.Host, want, got)
	return exitError{code: exitProblem}
}

// newRequest asks as the program would. A URL without a path stands for the program's own; whatever host it names, the Host header
// names the domain's service, so that a server can be asked before DNS points at it.
func (rd reader) newRequest(ctx context.Context, server string, q settings.Question) (*http.Request, error) {
	if rd.ask == nil {
		return nil, fmt.Errorf("--url compares what a server answers; nobody asks one for --for %s", rd.name)
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--url %q is no http or https URL; write it like https://autoconfig.%s", server, q.Host)
	}
	ask := rd.ask(q)
	if u.Path == "" || u.Path == "/" {
		u.Path = ask.path
	}
	u.RawQuery = ask.query.Encode()
	r, err := http.NewRequestWithContext(ctx, cmp.Or(ask.method, http.MethodGet), u.String(), strings.NewReader(ask.body))
	if err != nil {
		return nil, err
	}
	r.Host = ask.prefix + string(q.Host)
	if ask.body != "" {
		r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	}
	return r, nil
}

// fetch returns the body of an answer, or the place that a redirect names in the form in which show prints one.
func fetch(r *http.Request) ([]byte, error) {
	client := http.Client{Timeout: fetchTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	defer response.Body.Close()
	if location := response.Header.Get("Location"); response.StatusCode == http.StatusFound && location != "" {
		return redirected(location), nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("half an answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Appendf(nil, "status %s\n", response.Status), nil
	}
	return body, nil
}

// printDifference prints the lines of which only one side has a next one like it.
func printDifference(out io.Writer, host string, want, got []byte) {
	fmt.Fprintf(out, "different: - is what the configuration says, + what %s answers\n", host)
	wanted, gotten := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for len(wanted) > 0 || len(gotten) > 0 {
		switch {
		case len(wanted) > 0 && len(gotten) > 0 && wanted[0] == gotten[0]:
			wanted, gotten = wanted[1:], gotten[1:]
		case len(gotten) == 0 || len(wanted) > 0 && !slices.Contains(gotten, wanted[0]):
			fmt.Fprintf(out, "-%s\n", wanted[0])
			wanted = wanted[1:]
		default:
			fmt.Fprintf(out, "+%s\n", untrusted.Printable(gotten[0]))
			gotten = gotten[1:]
		}
	}
}
