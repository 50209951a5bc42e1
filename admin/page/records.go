package page

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"mailhint/admin"
	"mailhint/docs"
	"mailhint/doctor"
	"mailhint/edits"
	"mailhint/templates"
)

var (
	recordsTemplate = templates.AdminHTML("dns.html.tmpl")
	doctorTemplate  = templates.AdminHTML("doctor.html.tmpl")
)

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

// doctorContent is what doctor.html.tmpl is filled with.
type doctorContent struct {
	Tabs         []link
	Name, Action string
	MayProbe     bool
	Examined     bool
	Summary      string
	Class        string
	Findings     []findingRow
	Unchecked    []string
	Clients      []clientRow
	Took         string
	Problem      string
	Report       string // as text
}

type findingRow struct {
	doctor.Finding
	Class, Words, PagePath string
}

type clientRow struct {
	doctor.Client
	Class, Words string
}

func (h *Handler) showDoctor(v *visit) error { return h.doctorPage(v, false) }

func (h *Handler) examine(v *visit) error { return h.doctorPage(v, true) }

// examineTime is how long an answer with an examination may take.
const examineTime = 3 * time.Minute

func (h *Handler) doctorPage(v *visit, examine bool) error {
	ref, err := v.domainRef()
	if err != nil {
		return err
	}
	r, err := h.load(v.Context(), v.who, ref)
	if err != nil {
		return err
	}
	c := doctorContent{Tabs: tabs(v, ref), Name: ref.Name, Action: domainPath(ref.Name, "/doctor"), MayProbe: r.view.May.Probe, Examined: examine}
	if examine {
		_ = http.NewResponseController(v.ResponseWriter).SetWriteDeadline(now().Add(examineTime)) // otherwise the usual one applies
		report, err := h.Admin.Doctor(v.Context(), v.who, ref)
		var mistakes *admin.InvalidError
		switch {
		case errors.As(err, &mistakes):
			c.Problem, c.Examined = sentence(mistakes.Problems[0].Text), false
		case err != nil:
			return err
		default:
			c.fill(report)
		}
	}
	return h.show(v, http.StatusOK, doctorTemplate, document{Title: ref.Name + ": doctor", Content: c})
}

func (c *doctorContent) fill(report doctor.Report) {
	for _, f := range report.Findings {
		row := findingRow{Finding: f, Class: "warn", Words: sentence(string(f.Severity)), PagePath: codePath(string(f.Code))}
		if f.Severity == doctor.Problem {
			row.Class = "bad"
		}
		row.Words = strings.TrimSuffix(row.Words, ".")
		c.Findings = append(c.Findings, row)
	}
	for _, client := range report.Clients {
		row := clientRow{Client: client, Words: "Not known"}
		if client.Works != nil {
			if row.Class, row.Words = "good", "Works"; !*client.Works {
				row.Class, row.Words = "bad", "Does not work"
			}
		}
		c.Clients = append(c.Clients, row)
	}
	c.Unchecked = report.Unchecked
	c.Took = time.Duration(report.Took * float64(time.Second)).Round(100 * time.Millisecond).String()
	const width = 100
	c.Report = report.Text(width, true)
	switch {
	case len(report.Findings) > 0:
		c.Class, c.Summary = "bad", counted(len(report.Findings), "finding", "findings")+"."
	case report.Incomplete:
		c.Class, c.Summary = "warn", "No problem was found, but not everything could be checked."
	default:
		c.Class, c.Summary = "good", "No problem was found."
	}
}

// codePath is the path of what the documentation says about a code of doctor.
func codePath(code string) string {
	if _, ok := docs.Code(code); !ok {
		return ""
	}
	return "/codes/" + code
}

var codePageTemplate = templates.AdminHTML("codepage.html.tmpl")

// showCodePage shows what the documentation says about a code of doctor.
func (h *Handler) showCodePage(v *visit) error {
	text, ok := docs.Code(v.part("code"))
	if !ok {
		return admin.ErrNotFound
	}
	title, body, _ := strings.Cut(strings.TrimPrefix(text, "# "), "\n")
	return h.show(v, http.StatusOK, codePageTemplate, document{Title: title, Content: strings.TrimSpace(body)})
}

var historyTemplate = templates.AdminHTML("history.html.tmpl")

// historyContent is what history.html.tmpl is filled with.
type historyContent struct {
	Tabs     []link
	Name     string
	Restore  string // the path of the form that restores
	Revision string
	Changes  []changeRow
	First    string
	Next     string
}

type changeRow struct {
	Number              int64
	Time, Actor         string
	Via, Action, Reason string
	Undoes              int64
	Differences         []string
	Diff                []diffLine
	CanRestore          bool
}

func (h *Handler) showHistory(v *visit) error {
	ref, err := v.domainRef()
	if err != nil {
		return err
	}
	return h.historyPage(v, ref)
}

func (h *Handler) showProfileHistory(v *visit) error { return h.historyPage(v, v.profileRef()) }

const changesPerPage = 20

func (h *Handler) historyPage(v *visit, ref edits.Ref) error {
	before := numberIn(v.URL.Query().Get("before"))
	changes, err := h.Admin.History(v.Context(), v.who, ref, admin.HistoryQuery{Before: before, Limit: changesPerPage + 1})
	if err != nil {
		return err
	}
	c := historyContent{Tabs: tabs(v, ref), Name: ref.Name, Restore: recordPath(ref, "/restore")}
	r, err := h.load(v.Context(), v.who, ref)
	may := r.view.May.Restore && h.writable(v.Context()) == nil
	switch {
	case errors.Is(err, admin.ErrNotFound) || errors.Is(err, edits.ErrNotFound): // it is gone, and may be put back
		may = h.canAdd(v)
	case err != nil:
		return err
	}
	c.Revision = string(r.view.Revision)
	if before > 0 {
		c.First = recordPath(ref, "/history")
	}
	if len(changes) > changesPerPage {
		changes = changes[:changesPerPage]
		c.Next = recordPath(ref, "/history") + "?before=" + number(changes[len(changes)-1].Number)
	}
	for _, change := range changes {
		row := changeRow{Number: change.Number, Time: moment(change.Time), Actor: change.Actor, Via: viaWords[change.Via], Action: actionWords[change.Action],
			Reason: change.Reason, Undoes: change.Undoes, Diff: diffLines(change.Diff()), CanRestore: may && change.Summary == nil}
		if row.Action == "" {
			row.Action = change.Action
		}
		if change.Summary != nil {
			row.Differences = append(row.Differences, change.Summary.String())
		}
		for _, d := range change.Differences() {
			row.Differences = append(row.Differences, d.String())
		}
		c.Changes = append(c.Changes, row)
	}
	return h.show(v, http.StatusOK, historyTemplate, document{Title: title(ref) + ": history", Content: c})
}

var viaWords = map[edits.Via]string{edits.Command: "command line", edits.API: "API", edits.Web: "this page", edits.ByHand: "edited by hand"}

var actionWords = map[string]string{
	edits.ActionAdd: "Added", edits.ActionSet: "Changed", edits.ActionRemove: "Removed", edits.ActionEnable: "Switched on",
	edits.ActionDisable: "Switched off", edits.ActionEdit: "Edited", edits.ActionUndo: "Restored", edits.ActionApply: "Applied from a file",
}

func (h *Handler) restoreDomain(v *visit) error {
	ref, err := v.domainRef()
	if err != nil {
		return err
	}
	return h.restore(v, ref)
}

func (h *Handler) restoreProfile(v *visit) error { return h.restore(v, v.profileRef()) }

// restore puts a record back to how it was before a change.
func (h *Handler) restore(v *visit, ref edits.Ref) error {
	o := admin.Options{If: edits.Revision(v.field("revision")), Via: edits.Web, Probe: admin.ProbeSkip, Reason: v.field("reason")}
	outcome, err := h.Admin.Restore(v.Context(), v.who, ref, numberIn(v.field("change")), o)
	if err != nil {
		return err
	}
	if len(outcome.Changes) == 0 {
		return v.to(recordPath(ref, ""), nil)
	}
	if change := outcome.Changes[0]; change.After == nil { // it did not exist before
		return v.to(map[edits.Kind]string{edits.Domain: "/domains", edits.Profile: "/profiles"}[ref.Kind], goneQuery(ref, change))
	}
	return v.to(recordPath(ref, ""), queryOf("restored", number(outcome.Changes[0].Number)))
}
