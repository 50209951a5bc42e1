package export

import (
	"errors"

	"mailhint/autoconfig"
	"mailhint/domains"
	"mailhint/pacc"
	"mailhint/settings"
)

// static writes the answers to requests that name no address. Each domain has a folder, which is the root of a web server for the
// hosts at which clients ask.
func (e *exporter) static() error {
	if e.folder == nil {
		return ErrFolderNeeded
	}
	documents := documents{autoconfig.NewDocuments(), pacc.NewDocuments()}
	for _, entry := range e.Entries {
		s, ok := e.public(entry)
		if !ok {
			continue
		}
		for _, d := range entry.Names {
			if err := e.ctx.Err(); err != nil {
				return err
			}
			found := settings.Found{Settings: s, Domain: d, Primary: d}
			if entry.Kind == domains.Single {
				found.Primary = entry.Names[0]
			}
			if err := e.staticDomain(documents, entry, found); err != nil {
				return err
			}
			if e.Step != nil {
				e.Step()
			}
		}
	}
	return nil
}

// documents prepare what the domains of an entry share once.
type documents struct {
	autoconfig *autoconfig.Documents
	pacc       *pacc.Documents
}

// staticDomain writes the answers for one domain.
func (e *exporter) staticDomain(documents documents, entry domains.Entry, found settings.Found) error {
	name := string(found.Domain)
	if _, err := e.Snapshot.Lookup(e.ctx, settings.Question{Host: found.Domain}); err != nil && entry.Networks == nil {
		e.remark(name, "left out: the name is so long that host names made of it are not valid")
		return nil
	}
	config, err := documents.autoconfig.Answer(found, settings.Address{}, false)
	if errors.Is(err, settings.ErrNotExpressible) {
		e.remark(name, "left out: it has no mail servers to tell Thunderbird and others about")
		return nil
	}
	if err != nil {
		return err
	}
	for _, path := range []string{autoconfig.Path, autoconfig.WellKnownPath} {
		if err := e.file(name+path, config); err != nil {
			return err
		}
	}
	document, err := documents.pacc.Answer(found)
	if errors.Is(err, settings.ErrNotExpressible) {
		return nil
	}
	if err != nil {
		return err
	}
	return e.file(name+pacc.Path, document)
}
