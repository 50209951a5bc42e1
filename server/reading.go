package server

import (
	"encoding/json"
	"net/http"
	"time"
)

// Reading is what /-/config says, as JSON: what is served, and how the last reading of the configuration ended.
type Reading struct {
	// File is the absolute path of the main file, as the server sees it.
	File string `json:"file"`
	// Digest is the domains.Snapshot.Digest of what is served; empty before anything is.
	Digest   string    `json:"digest"`
	Domains  int       `json:"domains"`
	Profiles int       `json:"profiles"`
	Since    time.Time `json:"since"` // when it was loaded
	// Outcome is that of the last reading, at Read, of files with ReadDigest; empty if the main file could not be read.
	Outcome    Outcome   `json:"outcome"`
	Read       time.Time `json:"read"`
	ReadDigest string    `json:"read_digest"`
	// Reason is why they were refused or held back.
	Reason string `json:"reason,omitempty"`
	// Sequence is the number of the latest change of the database of [store] that is served; 0 without one.
	Sequence int64 `json:"sequence,omitempty"`
}

// reading returns the state for /-/config.
func (s State) reading(file string) Reading {
	r := Reading{File: file, Since: s.Since, Outcome: s.Outcome, Read: s.Read, ReadDigest: s.Digest}
	if s.Domains != nil {
		r.Digest, r.Domains, r.Profiles = s.Domains.Digest(), s.Domains.Domains(), s.Domains.Profiles
	}
	if s.Reason != nil {
		r.Reason = s.Reason.Error()
	}
	return r
}

// OnAnnounced sets what is called when somebody who has changed the files sends their digest: it should read them now, and must return
// when that is done. It must be called before Run.
func (s *Server) OnAnnounced(read func(digest string)) { s.announced = read }

// showReading answers /-/config. A POST with digest=… announces that files with this digest have been written.
func (s *Server) showReading(w http.ResponseWriter, r *http.Request) {
	if digest := r.URL.Query().Get("digest"); r.Method == http.MethodPost && digest != "" && s.announced != nil {
		s.announced(digest)
	}
	reading := s.state.get().reading(s.File)
	if s.Sequence != nil {
		reading.Sequence = s.Sequence()
	}
	text, err := json.MarshalIndent(reading, "", "  ")
	if err != nil { // it has nothing that cannot be encoded
		s.log.Error("the state of the configuration cannot be shown", "error", err)
		plain(w, http.StatusInternalServerError, "")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(append(text, '\n')) // the client is gone if this fails
}
