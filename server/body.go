package server

import (
	"io"
	"net/http"
)

// body is the body of a request that was read before its handler runs.
type body struct {
	data []byte
	left []byte // of data, for the handler
	err  error  // after data
}

// maxKeptBody bounds the memory for bodies that is used again for later requests.
const maxKeptBody = 4 << 10

// readAhead reads the body of a request, and replaces it. The handler gets what was read, then the error that ended it.
func (b *body) readAhead(r *http.Request) {
	b.data = b.data[:0]
	for b.err = nil; b.err == nil; {
		if len(b.data) == cap(b.data) {
			b.data = append(b.data, 0)[:len(b.data)]
		}
		var n int
		n, b.err = r.Body.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
	}
	b.left, r.Body = b.data, b
}

func (b *body) Read(p []byte) (int, error) {
	n := copy(p, b.left)
	if b.left = b.left[n:]; len(b.left) == 0 {
		return n, b.err
	}
	return n, nil
}

// Close does nothing: net/http closes the body that was read.
func (b *body) Close() error { return nil }

var _ io.ReadCloser = new(body)
