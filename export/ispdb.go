package export

import (
	"errors"
	"fmt"

	"mailhint/domains"
	"mailhint/ispdb"
	"mailhint/settings"
)

// maxProviderDomains is how many names one provider file may have: a client fetches all of it, and ispdb.Read takes no more.
const maxProviderDomains = 10_000

// ispdb writes a provider file for each entry.
func (e *exporter) ispdb() error {
	if e.folder == nil && len(e.Entries) != 1 {
		return fmt.Errorf("%d entries become a file each, and %w", len(e.Entries), ErrFolderNeeded)
	}
	for _, entry := range e.Entries {
		text, ok, err := e.provider(entry)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := e.file(title(entry)+".xml", text); err != nil {
			return err
		}
	}
	return nil
}

// provider returns the provider file of an entry, or says why there is none.
func (e *exporter) provider(entry domains.Entry) (text []byte, ok bool, err error) {
	s, ok := e.public(entry)
	if !ok {
		return nil, false, nil
	}
	name := title(entry)
	if len(entry.Names) > maxProviderDomains {
		e.leaveOut(name, "it has %d names, and a provider file holds at most %d", len(entry.Names), maxProviderDomains)
		return nil, false, nil
	}
	var primary settings.Domain
	if entry.Kind == domains.Single {
		primary = entry.Names[0]
	}
	text, lost, err := ispdb.Write(&ispdb.Provider{Domains: entry.Names, Settings: s}, primary)
	if errors.Is(err, settings.ErrNotExpressible) {
		e.leaveOut(name, "%v", err)
		return nil, false, nil
	}
	for _, l := range lost {
		e.remark(name, "%s", l)
	}
	return text, err == nil, err
}
