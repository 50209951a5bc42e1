package transfer

import (
	"bytes"
	"maps"
	"os"

	"mailhint/domains"
	"mailhint/edits"
)

// Text returns records of a database as a text of domains.toml. Domains that have nothing but a profile are in that profile's list, if the text
// has the profile.
func Text(records []edits.Wanted) ([]byte, error) {
	listed := make(map[string]bool)
	for _, r := range records {
		if r.Kind == edits.Profile {
			listed[r.Name] = true
		}
	}
	var list []edits.Wanted
	for _, r := range records {
		profile, _ := r.Values["profile"].(string)
		if r.Kind == edits.Domain && listed[profile] && len(r.Values) == 1 && r.Name[0] != '*' {
			r.List, r.Values = profile, edits.Values{}
		}
		r.Values = maps.Clone(r.Values)
		list = append(list, r)
	}
	var text bytes.Buffer
	err := edits.Write(&text, "toml", list)
	return text.Bytes(), err
}

// With returns the configuration of a main file with a text at its end, as if that was already there.
func With(file string, text []byte) (*domains.Snapshot, error) {
	main, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	both := append(append(bytes.TrimRight(main, "\n"), "\n\n"...), text...)
	source, err := domains.Read(file, map[string][]byte{file: both})
	return source.Snapshot, err
}
