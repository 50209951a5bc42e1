package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"mailhint/autoconfig"
	"mailhint/domains"
	"mailhint/pacc"
	"mailhint/settings"
)

// staticPaths are where programs ask for config-v1.1.xml: on autoconfig.D and on D itself.
var staticPaths = []string{"mail/config-v1.1.xml", ".well-known/autoconfig/mail/config-v1.1.xml"}

// static writes the answers that are given to a request which names no address. They come from the handler that serves them, so
// that they are the same to the byte.
func (e *exporter) static() error {
	total := 0
	for _, entry := range e.entries {
		total += len(entry.Names)
	}
	progress := newProgress(e.messages, total, "domains")
	defer progress.done()
	for _, entry := range e.entries {
		s, ok := e.public(entry)
		if !ok {
			continue
		}
		if err := e.staticEntry(entry, s, progress); err != nil {
			return problem(err)
		}
	}
	return nil
}

func (e *exporter) staticEntry(entry domains.Entry, s *settings.Settings, progress *progress) error {
	var found settings.Found
	lookup := func(context.Context, settings.Question) (settings.Found, error) { return found, nil }
	handler := autoconfig.New(lookup, slog.New(slog.NewTextHandler(e.messages, nil)))
	for _, d := range entry.Names {
		if _, err := e.snapshot.Lookup(context.Background(), settings.Question{Host: d}); err != nil && entry.Networks == nil {
			e.say(string(d), "left out: the name is too long for the hosts made of it")
			continue
		}
		found = settings.Found{Settings: s, Domain: d, Primary: d}
		if entry.Kind == domains.Single {
			found.Primary = entry.Names[0]
		}
		answer := answer{header: make(http.Header)}
		request, err := http.NewRequest(http.MethodGet, "http://autoconfig."+string(d)+"/"+staticPaths[0], nil)
		if err != nil {
			return err
		}
		handler.ServeHTTP(&answer, request)
		if answer.status == http.StatusNotFound {
			e.say(string(d), "left out: there are no mail servers to tell Thunderbird and others of")
			progress.step()
			continue
		}
		if answer.status != 0 && answer.status != http.StatusOK {
			return fmt.Errorf("%s: the answer has status %d", d, answer.status)
		}
		for _, path := range staticPaths {
			if err := e.folder.write(string(d)+"/"+path, answer.body); err != nil {
				return err
			}
		}
		if err := e.staticPACC(found); err != nil {
			return err
		}
		progress.step()
	}
	return nil
}

// staticPACC writes the PACC document, where the format can express the settings.
func (e *exporter) staticPACC(found settings.Found) error {
	document, err := pacc.Answer(found)
	if errors.Is(err, settings.ErrNotExpressible) {
		return nil
	}
	if err != nil {
		return err
	}
	return e.folder.write(string(found.Domain)+pacc.Path, document)
}

// answer keeps what a handler answers.
type answer struct {
	header http.Header
	status int
	body   []byte
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}
