package page

import (
	"errors"
	"net/http"
	"strings"

	"mailhint/admin"
	"mailhint/templates"
)

var previewTemplate = templates.AdminHTML("preview.html.tmpl")

// previewContent is what preview.html.tmpl is filled with.
type previewContent struct {
	Tabs                          []link
	Name, Action, Address, Sample string
	Wrong                         string
	Previews                      []previewPart
	MayProbe                      bool
	Seen                          []seen
}

func (h *Handler) showPreview(v *visit) error {
	ref, err := v.domainRef()
	if err != nil {
		return err
	}
	r, err := h.load(v.Context(), v.who, ref)
	if err != nil {
		return err
	}
	c := previewContent{Tabs: tabs(v, ref), Name: ref.Name, Action: domainPath(ref.Name, "/preview"), Address: v.field("address"), Sample: "ann@" + strings.TrimPrefix(ref.Name, "*.")}
	list, err := h.Admin.Preview(v.Context(), v.who, ref, admin.PreviewQuery{Address: c.Address})
	var mistakes *admin.InvalidError
	status := http.StatusOK
	switch {
	case errors.As(err, &mistakes):
		c.Wrong, status = sentence(mistakes.Problems[0].Text), http.StatusUnprocessableEntity
	case err != nil:
		return err
	}
	c.Previews = previewParts(list)
	if r.view.May.Probe {
		c.MayProbe = true
		if v.field("do") == "look" {
			checks, err := h.Admin.Probe(v.Context(), v.who, ref, admin.ProbeQuery{})
			switch {
			case errors.As(err, &mistakes):
				c.Seen = append(c.Seen, seen{"warn", sentence(mistakes.Error())})
			case err != nil:
				return err
			}
			for _, s := range checks {
				c.Seen = append(c.Seen, serverSeen(s))
			}
		}
	}
	return h.show(v, status, previewTemplate, document{Title: ref.Name + ": preview", Content: c})
}
