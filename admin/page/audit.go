package page

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"mailhint/accounts"
	"mailhint/settings"
	"mailhint/templates"
	"mailhint/untrusted"
)

var auditTemplate = templates.AdminHTML("audit.html.tmpl")

// auditContent is what audit.html.tmpl is filled with.
type auditContent struct {
	Actor, Domain string
	Events        []eventRow
	Older         int64 // the number below which the next page begins; 0 if there is none
	First         bool
	OnlyOwn       bool
}

type eventRow struct {
	Number                     int64
	Time, Actor, With, Address string
	Action, On, OnPath, Detail string
	Refused                    bool
}

// eventsPerPage is how many events a page has, and eventsPerFile an export.
const (
	eventsPerPage = 50
	eventsPerFile = 10_000
)

func (h *Handler) showAudit(v *visit) error { return h.auditPage(v, accounts.AuditQuery{}) }

// filterAudit shows what a form asks for. The answer to a form, not a URL: an actor may be an address.
func (h *Handler) filterAudit(v *visit) error {
	q := auditQuery(v)
	if v.field("do") == "export" {
		return h.auditFile(v, q)
	}
	return h.auditPage(v, q)
}

func auditQuery(v *visit) accounts.AuditQuery {
	q := accounts.AuditQuery{Actor: v.field("actor"), Domain: v.field("domain")}
	if d, err := settings.ParseDomain(strings.TrimPrefix(q.Domain, "*.")); err == nil {
		wildcard := strings.HasPrefix(q.Domain, "*.")
		if q.Domain = string(d); wildcard {
			q.Domain = "*." + q.Domain
		}
	}
	q.Before, _ = strconv.ParseInt(v.field("before"), 10, 64) // without a number it is the newest
	return q
}

func (h *Handler) auditPage(v *visit, q accounts.AuditQuery) error {
	q.Limit = eventsPerPage + 1
	events, err := h.Accounts.Audit(v.Context(), v.who, q)
	if err != nil {
		return err
	}
	c := auditContent{Actor: q.Actor, Domain: q.Domain, First: q.Before == 0, OnlyOwn: !v.who.May(accounts.ViewAudit, accounts.Target{})}
	if len(events) > eventsPerPage {
		events = events[:eventsPerPage]
		c.Older = events[len(events)-1].Number
	}
	for _, e := range events {
		c.Events = append(c.Events, newEventRow(e))
	}
	return h.show(v, http.StatusOK, auditTemplate, document{Title: "Audit trail", Content: c})
}

func newEventRow(e accounts.Event) eventRow {
	r := eventRow{Number: e.Number, Time: e.Time.UTC().Format("2006-01-02 15:04:05"), Actor: e.Actor, Action: e.Action, Detail: e.Detail, Refused: e.Refused}
	if e.Token != "" {
		r.With = "token " + e.Token
	}
	if e.Address.IsValid() {
		r.Address = e.Address.String()
	}
	switch profile, is := strings.CutPrefix(e.Domain, "profile "); {
	case is:
		r.On, r.OnPath = profile, profilePath(profile, "")
	case e.Domain != "":
		r.On, r.OnPath = e.Domain, domainPath(e.Domain, "")
	default:
		r.On = e.Subject
	}
	return r
}

// auditFile answers with events as a file for a spreadsheet.
func (h *Handler) auditFile(v *visit, q accounts.AuditQuery) error {
	q.Before, q.Limit = 0, eventsPerFile
	events, err := h.Accounts.Audit(v.Context(), v.who, q)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	w := csv.NewWriter(&file)
	rows := [][]string{{"number", "time", "actor", "token", "address", "action", "refused", "domain", "subject", "revision", "detail"}}
	for _, e := range events {
		address := ""
		if e.Address.IsValid() {
			address = e.Address.String()
		}
		rows = append(rows, []string{strconv.FormatInt(e.Number, 10), e.Time.UTC().Format(time.RFC3339), e.Actor, e.Token, address, e.Action,
			strconv.FormatBool(e.Refused), e.Domain, e.Subject, e.Revision, e.Detail})
	}
	for _, row := range rows {
		for i := range row {
			row[i] = cell(row[i])
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	v.Header().Set("Content-Type", "text/csv; charset=utf-8")
	v.Header().Set("Content-Disposition", `attachment; filename="mailhint-audit.csv"`)
	_, _ = v.Write(file.Bytes()) // the browser is gone if this fails
	return nil
}

// cell makes text safe for a spreadsheet, which would run what begins like a formula.
func cell(text string) string {
	text = untrusted.Printable(text)
	if strings.HasPrefix(strings.TrimSpace(text), "=") || text != "" && strings.ContainsRune("+-@*\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
