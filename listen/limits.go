package listen

import "time"

// Limits are what a client may take of a connection, and all clients together.
type Limits struct {
	Header     int           // octets of a request's header
	Body       int64         // octets of its body that an HTTP/2 connection keeps before they are read
	ReadHeader time.Duration // for the header
	Read       time.Duration // for header and body
	Write      time.Duration // for taking a piece of the answer
	Idle       time.Duration // between two requests of a connection
	Stop       time.Duration // for requests that are still running when the server shuts down

	Connections int // open at all public listeners
	PerClient   int // of these, by one client
	Busy        int // of these, with requests that have been running for too long
}

// DefaultLimits suit a public server.
func DefaultLimits() Limits {
	return Limits{
		Header:     16 << 10,
		Body:       64 << 10,
		ReadHeader: 5 * time.Second,
		Read:       10 * time.Second,
		Write:      20 * time.Second,
		Idle:       60 * time.Second,
		Stop:       15 * time.Second,

		Connections: 8192,
		PerClient:   256, // an office or a mobile network behind one address has fewer at a time
		Busy:        128,
	}
}
