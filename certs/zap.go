package certs

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"mailhint/untrusted"
)

// bridge passes what certmagic logs with zap on to slog: its errors as warnings, all else for debugging only, because what an
// admin must know is said by this package, once. Of the fields only those pass that name no person and no address.
type bridge struct {
	log    *slog.Logger
	heard  func(status int, header http.Header) // called with each answer of the CA
	fields []zapcore.Field
}

// newZap returns a zap logger that writes to log. certmagic keeps its HTTP client to itself, and its log is the one place where
// the header of an answer can be seen; a test with a refusing CA holds that.
func newZap(log *slog.Logger, heard func(status int, header http.Header)) *zap.Logger {
	return zap.New(&bridge{log: log, heard: heard})
}

func (b *bridge) Enabled(zapcore.Level) bool { return true } // because of heard
func (b *bridge) Sync() error                { return nil }

func (b *bridge) With(fields []zapcore.Field) zapcore.Core {
	return &bridge{b.log, b.heard, append(slices.Clip(b.fields), fields...)}
}

func (b *bridge) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return ce.AddCore(e, b)
}

// passing are the fields that go into our log.
var passing = []string{"identifier", "identifiers", "issuer", "ca", "challenge", "challenge_type", "error", "lock_key"}

func (b *bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	if e.Message == "http request" {
		b.hear(fields)
		return nil
	}
	level := slog.LevelDebug
	// The reason of a failed order comes back as an error as well, and is logged where it is dealt with.
	if e.Level >= zapcore.ErrorLevel && e.Message != "could not get certificate from issuer" && e.Message != "challenge failed" {
		level = slog.LevelWarn
	}
	if !b.log.Enabled(context.Background(), level) {
		return nil
	}
	attrs := []slog.Attr{slog.String("what", untrusted.Clip(e.Message, maxText))}
	for _, f := range append(slices.Clip(b.fields), fields...) {
		if slices.Contains(passing, f.Key) {
			attrs = append(attrs, slog.String(f.Key, untrusted.Clip(fieldText(f), maxText)))
		}
	}
	b.log.LogAttrs(context.Background(), level, "certificates", attrs...)
	return nil
}

func (b *bridge) hear(fields []zapcore.Field) {
	o := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		if f.Key == "status_code" {
			f.AddTo(o)
		}
	}
	status, _ := o.Fields["status_code"].(int64)
	for _, f := range fields {
		if header, ok := f.Interface.(http.Header); ok && f.Key == "response_headers" {
			b.heard(int(status), header)
		}
	}
}

func fieldText(f zapcore.Field) string {
	o := zapcore.NewMapObjectEncoder()
	f.AddTo(o)
	return fmt.Sprint(o.Fields[f.Key])
}
