package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mailhint/choices"
	"mailhint/settings"
)

// send sends a request and reads the answer. Pause is how long to wait before the request is repeated; 0 if there is an answer.
func (s *Server) send(ctx context.Context, client *http.Client, r settings.Request) (p Page, location string, pause time.Duration) {
	request, err := http.NewRequestWithContext(ctx, r.Method, r.URL.String(), bytes.NewReader(r.Body))
	if err != nil {
		return Page{Err: errors.New("not a valid request")}, "", 0
	}
	request.Header.Set("User-Agent", userAgent)
	if r.ContentType != "" {
		request.Header.Set("Content-Type", r.ContentType)
	}
	response, err := client.Do(request)
	if err != nil {
		return Page{Err: plainError(err)}, "", 0
	}
	defer response.Body.Close() // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return Page{Err: fmt.Errorf("the answer is incomplete: %w", plainError(err))}, "", 0
	case len(body) > maxBody:
		return Page{Err: fmt.Errorf("the answer is longer than %d KiB", maxBody>>10)}, "", 0
	}
	p.Answer = choices.Answer{Status: response.StatusCode, ContentType: response.Header.Get("Content-Type"), Body: body, Good: true}
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
		pause = pauseOf(response.Header.Get("Retry-After"))
	}
	return p, response.Header.Get("Location"), pause
}

// userAgent names this program. It contains what servers look for that have another answer for Outlook.
const userAgent = "mailhint (Microsoft Office/16.0; Microsoft Outlook 16.0)"

// pauseOf reads the header Retry-After. A server that asks for a long pause is asked again after a short one, once or twice.
func pauseOf(after string) time.Duration {
	seconds, err := strconv.Atoi(strings.TrimSpace(after))
	if err != nil || seconds < 1 {
		return time.Second
	}
	return min(time.Duration(seconds)*time.Second, maxPause)
}

// plainError is an error of the HTTP client without the URL, which every message would repeat with its address.
func plainError(err error) error {
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		if failed.Timeout() {
			return errors.New("no answer in time")
		}
		err = failed.Err
	}
	return errors.New(clip(err.Error()))
}
