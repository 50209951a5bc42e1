package page

import (
	"errors"
	"net/http"

	"mailhint/admin"
	"mailhint/templates"
)

var recordsTemplate = templates.AdminHTML("dns.html.tmpl")

// recordsContent is what dns.html.tmpl is filled with.
type recordsContent struct {
	Tabs    []link
	Name    string
	Records []recordRow
	Remove  []recordRow
	Zone    string
	Problem string
	Summary string
	Class   string
}

type recordRow struct {
	admin.Record
	Class, Words string
}

func newRecordRow(r admin.Record) recordRow {
	row := recordRow{Record: r}
	switch r.State {
	case "published":
		row.Class, row.Words = "good", "Published"
	case "missing":
		row.Class, row.Words = "bad", "Not published"
	case "different":
		row.Class, row.Words = "bad", "Something else is published"
	default:
		row.Words = "Not looked up"
	}
	return row
}

func (h *Handler) showRecords(v *visit) error {
	ref, err := v.domainRef()
	if err != nil {
		return err
	}
	c := recordsContent{Tabs: tabs(v, ref), Name: ref.Name}
	dns, err := h.Admin.DNS(v.Context(), v.who, ref, true)
	var mistakes *admin.InvalidError
	var busy *admin.BusyError
	switch {
	case errors.As(err, &busy):
		c.Problem = sentence(busy.Error())
		dns, err = h.Admin.DNS(v.Context(), v.who, ref, false)
	case errors.As(err, &mistakes):
		c.Problem, err = sentence(mistakes.Problems[0].Text), nil
	case dns.Error != "":
		c.Problem = sentence("what is published is not known: " + dns.Error)
	}
	if err != nil {
		return err
	}
	published := 0
	for _, r := range dns.Records {
		if r.State == "published" {
			published++
		}
		c.Records = append(c.Records, newRecordRow(r))
	}
	for _, r := range dns.Remove {
		c.Remove = append(c.Remove, recordRow{Record: r})
	}
	c.Zone = dns.Zone
	if c.Problem == "" && len(c.Records) > 0 {
		c.Class, c.Summary = "good", "All "+counted(len(c.Records), "record is", "records are")+" published."
		if published < len(c.Records) {
			c.Class, c.Summary = "bad", grouped(published)+" of "+counted(len(c.Records), "record is", "records are")+" published."
		}
	}
	return h.show(v, http.StatusOK, recordsTemplate, document{Title: ref.Name + ": DNS records", Content: c})
}
