package dnsupdate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"mailhint/dnsrecords"
	"mailhint/spelling"
	"mailhint/untrusted"
)

// PrintPlan prints what is to be changed, and what is left alone, for people. Domains for which there is nothing to do are left out.
func PrintPlan(w io.Writer, plans []Plan) error {
	var b bytes.Buffer
	for _, p := range plans {
		if p.Err != nil || p.Changes()+len(p.Left) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s, in the zone %s at %s, with the key %s:\n", p.Domain, p.Place.Name, p.Place.Server, p.Key)
		for _, r := range p.Remove {
			fmt.Fprintf(&b, "  remove  %s\n", spell(r))
		}
		for _, r := range p.Add {
			fmt.Fprintf(&b, "  add     %s\n", spell(r))
		}
		for _, o := range p.Left {
			fmt.Fprintf(&b, "  leave   %s\n", spell(o.Record))
			fmt.Fprintf(&b, "          %s\n", o.explain())
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// spell returns a record as a zone file has it. Contents of published records are untrusted.
func spell(r dnsrecords.Record) string {
	return untrusted.Printable(fmt.Sprintf("%s. %d IN %s %s", r.Name, r.TTL, r.Data.Type(), r.Data))
}

// explain says why a record is left alone.
func (o Obstacle) explain() string {
	why := "it contradicts a record that is published"
	if len(o.Kept) > 0 {
		var kept []string
		for _, k := range o.Kept {
			kept = append(kept, "IN "+k.Data.Type()+" "+k.Data.String())
		}
		why = "it is in the way of " + strings.Join(kept, " and ")
	}
	if !o.Replaceable {
		return why + "; mailhint never removes records of this type: remove it yourself"
	}
	return why + "; --replace removes it"
}

// Summary says in a sentence what a run comes to.
func Summary(plans []Plan) string {
	var published, added, removed, left, failed, domains int
	for _, p := range plans {
		published += p.Published
		left += len(p.Left)
		switch {
		case p.Err != nil:
			failed++
		case p.Done:
			domains++
			added, removed = added+len(p.Add), removed+len(p.Remove)
		}
	}
	var parts []string
	switch {
	case domains > 0:
		part := "published " + spelling.Count(added, "record") + " of " + spelling.Count(domains, "domain")
		if removed > 0 {
			part += fmt.Sprintf(" and removed %d", removed)
		}
		parts = append(parts, part)
	case failed == 0:
		parts = append(parts, "nothing was changed")
	}
	if published > 0 {
		parts = append(parts, spelling.Count(published, "record")+" published before")
	}
	if left > 0 {
		parts = append(parts, spelling.Count(left, "record")+" in the way")
	}
	if failed > 0 {
		parts = append(parts, spelling.Count(failed, "domain")+" failed")
	}
	return strings.Join(parts, ", ")
}

// planJSON is a Plan in JSON.
type planJSON struct {
	Domain    string         `json:"domain"`
	Zone      string         `json:"zone,omitempty"`
	Server    string         `json:"server,omitempty"`
	Key       string         `json:"key,omitempty"`
	Published int            `json:"published"` // wanted records that were published before
	Add       []any          `json:"add"`
	Remove    []any          `json:"remove"`
	Left      []obstacleJSON `json:"left"`
	Done      bool           `json:"done"` // the changes were made and verified
	Error     string         `json:"error,omitempty"`
	Conflict  bool           `json:"conflict,omitempty"` // the zone was changed at the same time; the same command may succeed
}

// obstacleJSON is an Obstacle in JSON.
type obstacleJSON struct {
	Record      any   `json:"record"`
	Keeps       []any `json:"keeps"` // wanted records that are not published because of it
	Replaceable bool  `json:"replaceable"`
}

// PrintJSON prints plans, and what became of them, as a JSON object.
func PrintJSON(w io.Writer, plans []Plan) error {
	list := make([]planJSON, 0, len(plans))
	for _, p := range plans {
		out := planJSON{Domain: string(p.Domain), Zone: string(p.Place.Name), Server: p.Place.Server, Key: p.Key, Published: p.Published,
			Add: asJSON(p.Add), Remove: asJSON(p.Remove), Left: []obstacleJSON{}, Done: p.Done, Conflict: errors.Is(p.Err, ErrConflict)}
		for _, o := range p.Left {
			out.Left = append(out.Left, obstacleJSON{dnsrecords.AsJSON(o.Record), asJSON(o.Kept), o.Replaceable})
		}
		if p.Err != nil {
			out.Error = untrusted.Printable(p.Err.Error())
		}
		list = append(list, out)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"domains": list})
}

func asJSON(records []dnsrecords.Record) []any {
	all := []any{}
	for _, r := range records {
		all = append(all, dnsrecords.AsJSON(r))
	}
	return all
}
