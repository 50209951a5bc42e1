package dnsrecords

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"mailhint/settings"
)

// format is a form that records can be printed in.
type format struct {
	name    string
	print   func(zone string, records []Record) ([]byte, error)
	comment string // what a line of comment begins with
	// replaces is true if what is printed replaces all records of the same name and type, so that they must be printed together.
	replaces bool
}

var formats = []format{
	{"zone", printZone, "; ", false},
	{"table", printTable, "", false},
	{jsonFormat, printJSON, "", false},
	{"nsupdate", printNsupdate, "; ", true},
	{"octodns", printOctoDNS, "# ", true},
	{"dnscontrol", printDNSControl, "// ", true},
	{"terraform", printTerraform, "# ", true},
	{"domainconnect", printDomainConnect, "", false},
	{certbotFormat, printCertbot, "", false},
}

// certbotFormat has the names of all domains in its commands.
const certbotFormat = "certbot"

// jsonFormat has no comments.
const jsonFormat = "json"

// Formats are the names of the formats that Print knows.
var Formats = formatNames()

func formatNames() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

func parseFormat(name string) (format, error) {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return format{}, fmt.Errorf("unknown format %q; write one of %s", name, strings.Join(Formats, ", "))
	}
	return formats[i], nil
}

// Print returns records in one of the Formats. The zone is the one that contains them: the domain itself or one above it. It is empty for
// records of several zones, which all formats but octodns, dnscontrol and domainconnect can print.
func Print(formatName string, zone settings.Domain, records []Record) ([]byte, error) {
	f, err := parseFormat(formatName)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if zone != "" && !strings.HasSuffix(r.Name, "."+string(zone)) {
			return nil, fmt.Errorf("%s is not in the zone %s", r.Name, zone)
		}
	}
	return f.print(string(zone), records)
}

// printZone prints lines of a master file (RFC 1035 section 5). Names are absolute, so that the lines can be put anywhere in a zone file.
func printZone(_ string, records []Record) ([]byte, error) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
	for _, r := range records {
		fmt.Fprintf(w, "%s\t%d\tIN\t%s\t%s ; %s\n", fqdn(r.Name), r.TTL, r.Data.Type(), r.Data, r.Remark)
	}
	err := w.Flush()
	return b.Bytes(), err
}

// printTable prints a table to read.
func printTable(_ string, records []Record) ([]byte, error) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tTYPE\tTTL\tCONTENT\tWHY")
	for _, r := range records {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", r.Name, r.Data.Type(), r.TTL, r.Data, r.Remark)
	}
	err := w.Flush()
	return b.Bytes(), err
}

// record is a Record in JSON. Content is spelled as in a master file; the members after it are its parts.
type record struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	TTL      *uint32 `json:"ttl,omitempty"` // nil for a published record: a resolver only knows how long it will keep it
	Content  string  `json:"content"`
	Address  string  `json:"address,omitempty"`
	Priority *uint16 `json:"priority,omitempty"`
	Weight   *uint16 `json:"weight,omitempty"`
	Port     *uint16 `json:"port,omitempty"`
	Target   string  `json:"target,omitempty"`
	Text     string  `json:"text,omitempty"`
	Remark   string  `json:"remark,omitempty"`
}

// printJSON prints an array of objects, one per line.
func printJSON(_ string, records []Record) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("[")
	for i, r := range records {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n" + quoteJSON(recordOf(r)))
	}
	b.WriteString("\n]\n")
	return b.Bytes(), nil
}

// AsJSON returns a record for encoding/json, in the form that the format json has.
func AsJSON(r Record) any { return recordOf(r) }

// recordOf returns a record in JSON.
func recordOf(r Record) record {
	j := record{Name: fqdn(r.Name), Type: r.Data.Type(), TTL: &r.TTL, Content: r.Data.String(), Remark: r.Remark}
	switch d := r.Data.(type) {
	case Address:
		j.Address = d.String()
	case Alias:
		j.Target = d.String()
	case Service:
		j.Priority, j.Weight, j.Port, j.Target = &d.Priority, &d.Weight, &d.Port, fqdn(d.Target)
	case Text:
		j.Text = string(d)
	}
	return j
}

// quoteJSON returns a value as JSON, in which only what must be escaped is escaped.
func quoteJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(v) // cannot fail: strings and numbers, into a strings.Builder
	return strings.TrimSuffix(b.String(), "\n")
}

// printNsupdate prints a script for nsupdate(1) (RFC 2136), which replaces the records of the same name and type, so that it can be run
// again. A CNAME replaces addresses and the other way round, because a name cannot have both.
//
// The script does not name the zone: nsupdate finds it.
func printNsupdate(_ string, records []Record) ([]byte, error) {
	var b bytes.Buffer
	deleted := make(map[string]bool)
	for _, r := range records {
		for _, t := range replaced(r.Data) {
			line := fmt.Sprintf("update delete %s %s\n", fqdn(r.Name), t)
			if !deleted[line] { // a second time it would delete what has been added
				b.WriteString(line)
			}
			deleted[line] = true
		}
		fmt.Fprintf(&b, "update add %s %d IN %s %s\n", fqdn(r.Name), r.TTL, r.Data.Type(), r.Data)
	}
	b.WriteString("send\n")
	return b.Bytes(), nil
}

// replaced returns the types of records to delete when one is added.
func replaced(d Data) []string {
	switch d.(type) {
	case Address, Alias:
		return []string{"A", "AAAA", "CNAME"}
	}
	return []string{d.Type()}
}
