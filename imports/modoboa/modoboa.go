// Package modoboa reads the database of Modoboa: the tables admin_domain and admin_domainalias of its models. They say which domains there are; the
// mail servers are the same for all of them and are in Modoboa's settings.py, as EMAIL_CLIENT_CONNECTION_SETTINGS.
package modoboa

import (
	"context"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/imports"
	"mailhint/imports/database"
)

// Read reads the database whose URL is in a file. All domains get the values. Errors are as database.Open has them.
func Read(ctx context.Context, c *imports.Collection, file string, values edits.Values) error {
	db, err := database.Open(ctx, file)
	if err != nil {
		return err
	}
	defer db.Close()
	var list []imports.Hosted
	err = db.Rows("admin_domain", "SELECT name, enabled, type FROM admin_domain ORDER BY name", func(scan func(...any) error) error {
		h := imports.Hosted{Values: values}
		var enabled bool
		var kind string
		if err := scan(&h.Name, &enabled, &kind); err != nil {
			return err
		}
		h.Where = domains.Position{File: database.Row("admin_domain", h.Name)}
		switch {
		case !enabled:
			h.Inactive = "it is not enabled"
		case kind == "relaydomain":
			h.Inactive = "its mail is only relayed, and its mailboxes are elsewhere"
		}
		list = append(list, h)
		return nil
	})
	if err != nil {
		return err
	}
	const aliases = "SELECT a.name, d.name, a.enabled FROM admin_domainalias a JOIN admin_domain d ON d.id = a.target_id ORDER BY a.name"
	err = db.Rows("admin_domainalias", aliases, func(scan func(...any) error) error {
		h := imports.Hosted{Values: values}
		var enabled bool
		if err := scan(&h.Name, &h.Target, &enabled); err != nil {
			return err
		}
		h.Where = domains.Position{File: database.Row("admin_domainalias", h.Name)}
		if !enabled {
			h.Inactive = "it is not enabled"
		}
		list = append(list, h)
		return nil
	})
	if err != nil {
		return err
	}
	c.AddHosted("the database of Modoboa", list)
	return nil
}
