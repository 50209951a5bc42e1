// Package postfixadmin reads the database of PostfixAdmin: the tables domain and alias_domain, as its upgrade.php creates them. They say which
// domains there are; the mail servers are the same for all of them, and PostfixAdmin does not know them.
package postfixadmin

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
	// ALL is not a domain: it stands for the rights of super admins.
	err = db.Rows("domain", "SELECT domain, active, backupmx FROM domain WHERE domain <> 'ALL' ORDER BY domain", func(scan func(...any) error) error {
		h := imports.Hosted{Values: values}
		var active, backup bool
		if err := scan(&h.Name, &active, &backup); err != nil {
			return err
		}
		h.Where = domains.Position{File: database.Row("domain", h.Name)}
		switch {
		case !active:
			h.Inactive = "it is not active"
		case backup:
			h.Inactive = "this is its backup MX, and its mailboxes are elsewhere"
		}
		list = append(list, h)
		return nil
	})
	if err != nil {
		return err
	}
	err = db.Rows("alias_domain", "SELECT alias_domain, target_domain, active FROM alias_domain ORDER BY alias_domain", func(scan func(...any) error) error {
		h := imports.Hosted{Values: values}
		var active bool
		if err := scan(&h.Name, &h.Target, &active); err != nil {
			return err
		}
		h.Where = domains.Position{File: database.Row("alias_domain", h.Name)}
		if !active {
			h.Inactive = "it is not active"
		}
		list = append(list, h)
		return nil
	})
	if err != nil {
		return err
	}
	c.AddHosted("the database of PostfixAdmin", list)
	return nil
}
