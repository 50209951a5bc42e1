package replica

import (
	"bytes"
	"encoding/json"
	"fmt"

	"mailhint/edits"
	"mailhint/postgres"
)

// maxOwn limits the values of one record, in octets of JSON.
const maxOwn = 64 << 10

// record is a record as a database has it, in memory of its own.
type record struct {
	kind    edits.Kind
	name    string
	profile string
	own     string // JSON; empty for none
	removed bool
}

func newRecord(r postgres.Row) record {
	return record{r.Kind, string(r.Name), string(r.Profile), string(r.Own), r.Removed}
}

// values returns the values as domains.toml has them.
func (r record) values() (edits.Values, error) { return valuesOf(r.profile, []byte(r.own)) }

func valuesOf(profile string, own []byte) (edits.Values, error) {
	values := edits.Values{}
	if len(own) > maxOwn {
		return nil, fmt.Errorf("its values are longer than %d KB", maxOwn>>10)
	}
	if len(own) > 0 {
		if err := values.UnmarshalJSON(own); err != nil {
			return nil, fmt.Errorf("its values are not valid: %w", err)
		}
	}
	if profile != "" {
		values["profile"] = profile
	}
	return values, nil
}

// compact returns JSON without the white space that PostgreSQL puts into it.
func compact(own string) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(own)); err != nil { // it has been read before
		return []byte(own)
	}
	return b.Bytes()
}

// withoutAdmins returns the values of a record without the key admins.
func withoutAdmins(own string) string {
	values, err := valuesOf("", []byte(own))
	if err != nil {
		return own // it is refused
	}
	delete(values, "admins")
	text, err := json.Marshal(values)
	if err != nil { // it has only what JSON has
		return own
	}
	return string(text)
}
