package postgres

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"mailhint/edits"
	"mailhint/settings"
)

// columns are the columns of a record, in the order in which scanRecord reads them.
const columns = "r.kind::text, r.name, r.profile, r.own, r.revision"

// stored is a record in the form of its row.
type stored struct {
	edits.Ref
	profile  *string
	own      []byte // JSON; nil for none
	revision int64
}

// scanRecord reads the columns of a record.
func scanRecord(row pgx.Row) (edits.Record, error) {
	var s stored
	if err := row.Scan(&s.Kind, &s.Name, &s.profile, &s.own, &s.revision); err != nil {
		return edits.Record{}, err
	}
	return s.record()
}

func (s stored) record() (edits.Record, error) {
	values, err := valuesOf(s.profile, s.own)
	if err != nil {
		return edits.Record{}, fmt.Errorf("%s: %w", s.Ref, err)
	}
	r := edits.Record{Ref: s.Ref, Values: values, ManagedBy: edits.ByStore, Enabled: values["enabled"] != false, Revision: revisionText(s.revision)}
	if s.profile != nil {
		r.Profile = *s.profile
	}
	return r, nil
}

// state returns a record as the history has it.
func state(r edits.Record) *edits.State {
	return &edits.State{Values: r.Values, ManagedBy: r.ManagedBy, Profile: r.Profile, Revision: r.Revision}
}

// revisionText is a revision as edits has it.
func revisionText(revision int64) edits.Revision {
	return edits.Revision(strconv.FormatUint(uint64(revision), 36))
}

// parseRevision is the inverse of revisionText.
func parseRevision(r edits.Revision) (int64, error) {
	n, err := strconv.ParseUint(string(r), 36, 64)
	return int64(n), err
}

// valuesOf returns the values of a row.
func valuesOf(profile *string, own []byte) (edits.Values, error) {
	values := edits.Values{}
	if own != nil {
		if err := json.Unmarshal(own, &values); err != nil {
			return nil, err
		}
	}
	if profile != nil {
		values["profile"] = *profile
	}
	return values, nil
}

// Values returns the values of a row.
func (r Row) Values() (edits.Values, error) {
	var profile *string
	if r.Profile != nil {
		text := string(r.Profile)
		profile = &text
	}
	return valuesOf(profile, r.Own)
}

// rowOf returns the values of a record in the form of its row.
func rowOf(ref edits.Ref, values edits.Values) (s stored, err error) {
	s.Ref = ref
	own := maps.Clone(values)
	if profile, ok := own["profile"].(string); ok && ref.Kind == edits.Domain {
		s.profile = &profile
		delete(own, "profile")
	}
	if len(own) > 0 {
		if !utf8.ValidString(fmt.Sprint(own)) {
			return s, fmt.Errorf("%s: a value is not valid UTF-8", ref)
		}
		s.own, err = json.Marshal(own)
	}
	return s, err
}

// shown is a domain in Unicode; nil if that is the same, and for profiles.
func shown(ref edits.Ref) *string {
	if text := ref.Shown(); text != ref.Name {
		return &text
	}
	return nil
}

// aliasesOf returns the aliases of a record.
func aliasesOf(ref edits.Ref, values edits.Values) []settings.Domain {
	if ref.Kind != edits.Domain {
		return nil
	}
	var list []settings.Domain
	for _, name := range edits.Aliases(values) {
		list = append(list, settings.Domain(name))
	}
	return list
}
