package dnsrecords

import (
	"context"
	"errors"

	"mailhint/resolver"
)

// PrintDomains returns the records of several domains in one of the Formats, as one document where the format or the common zone allows
// only one, else one domain after the other below its name, if the format has comments. The address records of the mailhint server follow
// as comments where ServerAddresses has them.
func PrintDomains(formatName string, all []Wanted, o Options) ([]byte, error) {
	if isOneDocument(formatName, all) {
		all = []Wanted{Merge(all)}
	}
	var document []byte
	for i, d := range all {
		out, err := Print(formatName, d.Zone, d.Records)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			document = append(document, '\n')
		}
		if len(all) > 1 {
			document = append(document, Comment(formatName, string(d.Domain))...)
		}
		document = append(document, out...)
		document = append(document, ServerAddresses(formatName, d.Zone, o)...)
	}
	return document, nil
}

// PrintDomainDifferences returns the differences of several domains in one of the Formats, arranged as PrintDomains does. Domains without
// differences are not mentioned. The result of LookUp for the same domains is in found. For JSON, use PrintDifferencesJSON.
func PrintDomainDifferences(formatName string, all []Wanted, found []DomainDifferences) ([]byte, error) {
	if isOneDocument(formatName, all) {
		var differences []Difference
		for _, d := range found {
			differences = append(differences, d.Differences...)
		}
		all, found = []Wanted{Merge(all)}, []DomainDifferences{{Differences: differences}}
	}
	var document []byte
	for i, d := range all {
		publish, remove, err := PrintDifferences(formatName, d.Zone, d.Records, found[i].Differences)
		if err != nil {
			return nil, err
		}
		if len(all) > 1 && len(publish)+len(remove) > 0 {
			if len(document) > 0 {
				document = append(document, '\n')
			}
			document = append(document, Comment(formatName, string(d.Domain))...)
		}
		document = append(append(document, publish...), remove...)
	}
	return document, nil
}

// isOneDocument reports whether records of domains must be printed together: as one table or array, or as one file for their common zone.
func isOneDocument(formatName string, all []Wanted) bool {
	return len(all) > 0 && (formatName == "table" || formatName == jsonFormat || formatName == certbotFormat || Merge(all).Zone != "")
}

// Merge returns the records of several domains, at least one, as if they were of one. It has no Domain, and the Zone if all have the same.
func Merge(all []Wanted) Wanted {
	one := Wanted{Zone: all[0].Zone}
	for _, d := range all {
		one.Records = append(one.Records, d.Records...)
		if d.Zone != one.Zone {
			one.Zone = ""
		}
	}
	return one
}

// MissingServerAddresses returns ServerAddresses for the first zone that has any, if DNS has no address for the server yet.
func MissingServerAddresses(ctx context.Context, r Resolver, formatName string, all []Wanted, o Options) []byte {
	for _, d := range all {
		if hint := ServerAddresses(formatName, d.Zone, o); len(hint) > 0 {
			if _, _, err := r.Host(ctx, o.Server); errors.Is(err, resolver.ErrNone) {
				return hint
			}
			return nil
		}
	}
	return nil
}
