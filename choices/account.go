package choices

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
)

// Account is what a client gets.
type Account struct {
	Incoming, Outgoing *Entry // nil if there is none
	From               string // the name of the source
	// Redirect is the URL of another provider's Autodiscover that the client is redirected to; then there are no servers.
	Redirect string
	// Why says why there is nothing.
	Why string
	// Unknown is why an earlier source could not be asked, so that the client may get something else; nil if all could be.
	Unknown error
}

// Unknown is an error that says why something is not known. It is no fault.
type Unknown string

func (u Unknown) Error() string { return string(u) }

// ErrNothing means that a client finds nothing at a source and goes on to the next one.
var ErrNothing = errors.New("nothing there")

// SetUp returns what a client gets: from the first source with settings that it can use. try returns what it gets from one source. Its error
// is ErrNothing, an Unknown, or why the client cannot use what is there. stops reports whether the client looks no further than a source
// without settings that it can use.
func (c Client) SetUp(try func(Source) (Account, error), stops func(Source) bool) Account {
	var failed, unknown error // the first of each kind
	for _, s := range c.Sources {
		a, err := try(s)
		switch {
		case err == nil:
			a.Unknown = unknown
			return a
		case errors.As(err, new(Unknown)):
			unknown = cmp.Or(unknown, err)
			continue
		case errors.Is(err, ErrNothing):
			continue
		case failed == nil:
			failed = err
		}
		if !s.SRV && stops(s) {
			return Account{Why: failed.Error() + "; the client does not look further", Unknown: unknown}
		}
	}
	if failed == nil {
		failed = errors.New("nothing found in any place where it looks")
	}
	return Account{Why: failed.Error(), Unknown: unknown}
}

// Answer is what a web server answers.
type Answer struct {
	Status      int // of HTTP; 0 if there is no answer
	ContentType string
	Body        []byte
	// Good is false if the client does not accept the connection or the answer is incomplete.
	Good bool
}

// StopsAt reports whether a client looks no further than an answer without settings that it can use.
func (c Client) StopsAt(a Answer, s Source) bool {
	if s.Final && a.Status == http.StatusOK || c.password && a.Status == http.StatusUnauthorized {
		return true
	}
	return c.firstAnswer && a.Status/100 == 2 && a.Good && isWellFormed(a.Body)
}

// FollowsToAnother reports whether a client follows a redirect of Autodiscover to another provider.
func (c Client) FollowsToAnother(p Place) bool { return c.password && p.IsAutodiscover() }

// ReadsType reports whether a client reads an answer of a media type.
func (c Client) ReadsType(kind string) bool { return !c.xmlType || isXML(kind) }

// isWellFormed reports whether a text is XML in which every element ends, or has no elements at all.
func isWellFormed(text []byte) bool {
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.CharsetReader = sameText
	for {
		if _, err := decoder.Token(); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}
