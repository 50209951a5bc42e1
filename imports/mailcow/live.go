package mailcow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"mailhint/domains"
	"mailhint/imports"
	"mailhint/secretfile"
	"mailhint/untrusted"
)

// timeout limits an answer of a running server; imports.MaxInput limits its size.
const timeout = time.Minute

// ReadKey reads an API key from a file that no other user may read.
func ReadKey(file string) (string, error) {
	key, err := secretfile.ReadRegular(file)
	if errors.As(err, new(*fs.PathError)) {
		return "", fmt.Errorf("%w the key file %s: %w", imports.ErrUnread, file, imports.Cause(err))
	}
	if err == nil && strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		err = fmt.Errorf("%s is not a file with an API key; mailcow shows one under Access, and one for reading is enough", file)
	}
	return key, err
}

// ErrURL means that a URL cannot be asked. Its error says how to write it.
var ErrURL = errors.New("not a valid URL of mailcow")

// ParseURL reads the URL of a mailcow. The API key is sent there, so it must be https, unless it is this machine.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err == nil && u.User != nil:
		return nil, fmt.Errorf("it is %w: it contains a user name or password; remove that", ErrURL)
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q is %w; write it like https://mail.example.com", untrusted.Clip(text, 100), ErrURL)
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Scheme != "https" && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%q is %w: the API key is only sent over https", untrusted.Clip(text, 100), ErrURL)
	}
	return u, nil
}

// Fetch asks a running mailcow for its domains. Nothing but these two answers is asked for, and redirects are not followed, because the key would be
// sent along. The error wraps imports.ErrUnread.
func (i *Importer) Fetch(ctx context.Context, server *url.URL, key string) error {
	for _, what := range []string{"domain", "alias-domain"} {
		u := server.JoinPath("api", "v1", "get", what, "all")
		text, err := get(ctx, u, key)
		if err != nil {
			return fmt.Errorf("%w %s: %w", imports.ErrUnread, u, err)
		}
		before := len(i.list)
		if err := i.answer(u.String(), text); err != nil {
			return fmt.Errorf("%w %s: %w", imports.ErrUnread, u, err)
		}
		if what == "domain" && len(i.list) == before {
			i.c.Remark(domains.Position{File: u.String()}, "it has no domains; does the key belong to an administrator?")
		}
	}
	return nil
}

// get returns an answer of the API.
func get(ctx context.Context, u *url.URL, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-API-Key", key)
	request.Header.Set("Accept", "application/json")
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, cause(err)
	}
	defer response.Body.Close() // it was only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d%s", response.StatusCode, hint(response))
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer is incomplete: %w", cause(err))
	case int64(len(text)) > maxAnswer:
		return nil, fmt.Errorf("the answer is larger than %d MB", maxAnswer>>20)
	}
	return text, nil
}

// maxAnswer limits an answer, in octets; a variable for the tests.
var maxAnswer int64 = imports.MaxInput

// cause is an error without the URL, which the message has already.
func cause(err error) error {
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		if failed.Timeout() {
			return errors.New("no answer in time")
		}
		err = failed.Err
	}
	return errors.New(untrusted.Clip(err.Error(), 200))
}

// hint says what an admin can do about a status.
func hint(r *http.Response) string {
	switch r.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; is the key right and active, and may this machine's address use it?"
	case http.StatusNotFound:
		return "; is this the URL of mailcow?"
	}
	if to := r.Header.Get("Location"); r.StatusCode/100 == 3 && to != "" {
		return ", a redirect to " + untrusted.Clip(to, 200) + ", which is not followed because of the key; write that URL if it is mailcow's"
	}
	return ""
}
