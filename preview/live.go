package preview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"mailhint/settings"
	"mailhint/untrusted"
)

var (
	// ErrAsksNoServer means that a client asks DNS, so that there is no answer of a web server to compare with.
	ErrAsksNoServer = errors.New("it asks DNS and not a web server")
	// ErrURL means that a server's URL cannot be used. Its error says how to write it.
	ErrURL = errors.New("not a valid http or https URL")
	// ErrNoAnswer is wrapped by every error that says why a server did not answer. Nothing is known about its settings then.
	ErrNoAnswer = errors.New("no answer")
)

const (
	// fetchTimeout is how long a server may take. Thunderbird gives up after 5 s.
	fetchTimeout = 5 * time.Second
	// maxBody is how much of an answer is read, in octets.
	maxBody = 1 << 20
)

// Fetch asks a running server as the client would and returns its answer; redirects are not followed. The server is an http or https URL. If
// it has no path, the client's own is used. Whatever host it names, the Host header names the domain's service, so that a server can be asked
// before DNS points to it.
func (c Client) Fetch(ctx context.Context, server string, q settings.Question) (Answer, error) {
	r, err := c.newRequest(ctx, server, q)
	if err != nil {
		return Answer{}, err
	}
	client := http.Client{Timeout: fetchTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	defer response.Body.Close() // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return Answer{}, fmt.Errorf("%w: only part of it arrived: %w", ErrNoAnswer, err)
	}
	if c.content != nil {
		body = c.content(body)
	}
	return Answer{Status: response.StatusCode, Location: response.Header.Get("Location"), Body: body}, nil
}

func (c Client) newRequest(ctx context.Context, server string, q settings.Question) (*http.Request, error) {
	if c.request == nil {
		return nil, ErrAsksNoServer
	}
	if c.NeedsAddress && q.Address.IsZero() {
		return nil, ErrNeedsAddress
	}
	asked := c.request(q)
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is %w; write it like https://%s", server, ErrURL, asked.URL.Host)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = asked.URL.Path
	}
	u.RawQuery = asked.URL.RawQuery
	r, err := http.NewRequestWithContext(ctx, asked.Method, u.String(), bytes.NewReader(asked.Body))
	if err != nil {
		return nil, err
	}
	r.Host = asked.URL.Host
	if asked.ContentType != "" {
		r.Header.Set("Content-Type", asked.ContentType)
	}
	return r, nil
}

// Comparison is how the answer of a running server differs from what the configuration says.
type Comparison struct {
	URL  string `json:"url"` // of the server
	Same bool   `json:"same"`
	// Differences is a unified diff with printable text only; empty if the client gets the same.
	Differences string `json:"differences,omitempty"`
}

// Compare fetches the answer of a running server, as Fetch does, and compares it with what the configuration says.
func (c Client) Compare(ctx context.Context, server string, q settings.Question, configured Answer) (Comparison, error) {
	live, err := c.Fetch(ctx, server, q)
	if err != nil {
		return Comparison{}, err
	}
	d := differences(configured, live)
	return Comparison{URL: server, Same: d == "", Differences: d}, nil
}

// differences returns a unified diff of two answers.
func differences(configured, live Answer) string {
	text := diff.Diff("configuration", configured.Text(), "server", live.Text())
	_, lines, _ := bytes.Cut(text, []byte("\n")) // without the line for a program
	var b strings.Builder
	for line := range strings.Lines(string(lines)) {
		b.WriteString(untrusted.Printable(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}
