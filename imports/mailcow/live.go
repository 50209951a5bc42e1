package mailcow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"mailhint/domains"
	"mailhint/imports"
	"mailhint/imports/web"
)

// Limits of what is asked.
const (
	timeout    = time.Minute
	maxKeyFile = 4 << 10 // in octets
)

// ReadKey reads an API key from a file that no other user may read.
func ReadKey(file string) (string, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w the key file %s: %w", imports.ErrUnread, file, imports.Cause(err))
	case !info.Mode().IsRegular() || info.Size() > maxKeyFile:
		return "", fmt.Errorf("%s is not a file with an API key", file)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s may be read by other users (mode %04o); run chmod 600 %[1]s, and make a new key if others may have read it", file, info.Mode().Perm())
	}
	text, err := imports.ReadFile(file)
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(text))
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s is not a file with an API key; mailcow shows one under Access, and one for reading is enough", file)
	}
	return key, nil
}

// ErrPlain means that the key would be sent without encryption.
var ErrPlain = errors.New("the API key is only sent over https; write the URL with https://")

// Fetch asks a running mailcow for its domains. Nothing but these two answers is asked for, and redirects are not followed, because the key would be
// sent along. The error wraps imports.ErrUnread unless the URL is at fault.
func (i *Importer) Fetch(ctx context.Context, server *url.URL, key string) error {
	if ip, err := netip.ParseAddr(server.Hostname()); server.Scheme != "https" && (err != nil || !ip.IsLoopback()) {
		return ErrPlain
	}
	client := web.Client{Server: server, Timeout: timeout, MaxBody: imports.MaxInput}
	for _, what := range []string{"domain", "alias-domain"} {
		u := server.JoinPath("api", "v1", "get", what, "all")
		request, err := http.NewRequest(http.MethodGet, u.String(), nil)
		if err != nil {
			return err
		}
		request.Header.Set("X-API-Key", key)
		request.Header.Set("Accept", "application/json")
		answer, err := client.Do(ctx, request)
		if err != nil {
			return fmt.Errorf("%w mailcow's domains: %w", imports.ErrUnread, err)
		}
		if answer.Status != http.StatusOK {
			return fmt.Errorf("%w mailcow's domains: %s answers %s with status %d%s", imports.ErrUnread, server.Host, u.Path, answer.Status, hint(answer.Status))
		}
		where := domains.Position{File: u.String()}
		before := len(i.list)
		if err := i.answer(where.File, answer.Body); err != nil {
			return fmt.Errorf("%w mailcow's domains: %s: %w", imports.ErrUnread, u, err)
		}
		if what == "domain" && len(i.list) == before {
			i.c.Remark(where, "it has no domains; does the key belong to an administrator?")
		}
	}
	return nil
}

// hint says what an admin can do about a status.
func hint(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; is the key right and active, and may this machine's address use it?"
	case http.StatusNotFound:
		return "; is this the URL of mailcow?"
	}
	return ""
}
