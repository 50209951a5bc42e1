package replica

import (
	"encoding/json"
	"time"

	"mailhint/postgres"
)

// entry is what one reading of changes has come to, in the journal beside the copy.
type entry struct {
	From    postgres.Position `json:"from"`
	To      postgres.Position `json:"to"`
	Time    time.Time         `json:"time"`
	Records []savedRecord     `json:"records"`
}

func (e entry) records() []record {
	list := make([]record, len(e.Records))
	for i, s := range e.Records {
		list[i] = s.record()
	}
	return list
}

// encode returns an entry as a block.
func (e entry) encode() ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return appendBlock(nil, changesBlock, text), nil
}
