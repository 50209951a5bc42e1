package autoconfig

import (
	"mailhint/edge"
	"mailhint/settings"
)

// Documents answers as Answer does, for many domains with the same settings: what they share is prepared once. It may be used by several
// goroutines at once.
type Documents struct{ prepared *edge.Documents[*prepared] }

// NewDocuments returns Documents that have prepared nothing yet.
func NewDocuments() *Documents { return &Documents{edge.NewDocuments(prepare)} }

// Answer is the function Answer.
func (d *Documents) Answer(found settings.Found, a settings.Address, evolution bool) ([]byte, error) {
	p, err := d.prepared.Of(found.Common())
	if err != nil {
		return nil, err
	}
	document, err := p.forClient(evolution)
	if err != nil {
		return nil, err
	}
	values, _ := p.values(found, a)
	return document.Fill(values), nil
}
