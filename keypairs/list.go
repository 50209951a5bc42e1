package keypairs

import (
	"time"
)

// Listed is what a pair of files contains, for an admin.
type Listed struct {
	File      string    `json:"file"` // of the certificate
	Names     []string  `json:"names,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	Fault     string    `json:"fault,omitempty"` // why it cannot be used; empty if it can
}

// List reads pairs of files, and says of each what it contains, or why it cannot be used.
func List(files []Files) []Listed {
	list := make([]Listed, 0, len(files))
	for _, f := range files {
		one := Listed{File: f.Cert}
		if pair, err := readPair(f); err != nil {
			one.Fault = err.Error()
		} else {
			one.Names, one.NotBefore, one.NotAfter = pair.Leaf.DNSNames, pair.Leaf.NotBefore, pair.Leaf.NotAfter
		}
		list = append(list, one)
	}
	return list
}

// FaultAt returns what is wrong with a pair at a time: it cannot be used, has expired, or is not valid yet. Empty if nothing is.
func (l Listed) FaultAt(now time.Time) string {
	switch {
	case l.Fault != "":
		return l.Fault
	case now.After(l.NotAfter):
		return "it has expired; renew it: a running server reads new files automatically"
	case now.Before(l.NotBefore):
		return "it is not valid yet; is the clock of this machine right?"
	}
	return ""
}
