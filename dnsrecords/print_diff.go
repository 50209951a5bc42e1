package dnsrecords

import (
	"bytes"
	"fmt"
	"slices"

	"mailhint/settings"
	"mailhint/untrusted"
)

// PrintDifferences returns how to publish the wanted records that are missing, in one of the Formats, and which records to remove. The
// latter are lines of comment in that format. Either is empty if there is nothing to do. For JSON, which has no comments, use
// PrintDifferencesJSON.
func PrintDifferences(formatName string, zone settings.Domain, want []Record, differences []Difference) (publish, remove []byte, err error) {
	f, err := parseFormat(formatName)
	if err != nil {
		return nil, nil, err
	}
	if missing := f.missing(want, differences); len(missing) > 0 {
		if publish, err = Print(formatName, zone, missing); err != nil {
			return nil, nil, err
		}
	}
	return publish, f.extras(differences), nil
}

// missing returns the wanted records to publish. A format that replaces whole sets of records needs all of a set in which anything differs.
func (f format) missing(want []Record, differences []Difference) []Record {
	var all []Record
	for _, w := range want {
		if slices.ContainsFunc(differences, func(d Difference) bool {
			return d.Name == w.Name && (!d.Extra && d.Data == w.Data || f.replaces && d.Data.Type() == w.Data.Type())
		}) {
			all = append(all, w)
		}
	}
	return all
}

// extras returns the records to remove. Their contents are untrusted.
func (f format) extras(differences []Difference) []byte {
	var b bytes.Buffer
	for _, d := range differences {
		switch {
		case d.Extra && d.Wildcard:
			fmt.Fprintf(&b, "%sa wildcard record answers for %s. with IN %s %s; it can stay: a record with the exact name takes precedence\n",
				f.comment, d.Name, d.Data.Type(), untrusted.Printable(d.Data.String()))
		case d.Extra:
			fmt.Fprintf(&b, "%sremove: %s. IN %s %s\n", f.comment, d.Name, d.Data.Type(), untrusted.Printable(d.Data.String()))
		}
	}
	return b.Bytes()
}
