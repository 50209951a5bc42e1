package page

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"mailhint/admin"
	"mailhint/docs"
	"mailhint/doctor"
	"mailhint/templates"
)

var doctorTemplate = templates.AdminHTML("doctor.html.tmpl")

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
		_ = http.NewResponseController(v.ResponseWriter).SetWriteDeadline(time.Now().Add(examineTime)) // otherwise the usual one applies
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
		f.Text, f.Fix = sentence(f.Text), sentence(f.Fix)
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
