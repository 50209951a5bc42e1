package dnsrecords

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// printOctoDNS prints the content of the zone's file for octoDNS's YamlProvider (1.22). Keys are sorted, which it requires unless
// enforce_order is false, and semicolons in texts are escaped, which it expects unless escaped_semicolons is false.
func printOctoDNS(zone string, records []Record) ([]byte, error) {
	sorted := sets(records)
	slices.SortFunc(sorted, func(a, b []Record) int {
		return cmp.Or(cmp.Compare(a[0].Name, b[0].Name), cmp.Compare(a[0].Data.Type(), b[0].Data.Type()))
	})
	var b bytes.Buffer
	b.WriteString("---\n")
	for i, set := range sorted {
		if i == 0 || set[0].Name != sorted[i-1][0].Name {
			fmt.Fprintf(&b, "%s:\n", quoteYAML(relative(set[0].Name, zone)))
		}
		fmt.Fprintf(&b, "- ttl: %d\n  type: %s\n", set[0].TTL, set[0].Data.Type())
		if alias, ok := set[0].Data.(Alias); ok { // there is only one
			fmt.Fprintf(&b, "  value: %s\n", quoteYAML(alias.String()))
			continue
		}
		b.WriteString("  values:\n")
		for _, r := range set {
			switch d := r.Data.(type) {
			case Service:
				fmt.Fprintf(&b, "  - port: %d\n    priority: %d\n    target: %s\n    weight: %d\n", d.Port, d.Priority, quoteYAML(fqdn(d.Target)), d.Weight)
			case Text:
				fmt.Fprintf(&b, "  - %s\n", quoteYAML(strings.NewReplacer(`\`, `\\`, `;`, `\;`).Replace(string(d))))
			default:
				fmt.Fprintf(&b, "  - %s\n", quoteYAML(d.String()))
			}
		}
	}
	return b.Bytes(), nil
}

// quoteYAML returns a single-quoted scalar, in which nothing but the quote itself is special (YAML 1.2 section 7.3.2).
func quoteYAML(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// printDNSControl prints a statement for dnsconfig.js of DNSControl (4.20), which adds the records to a domain that D() has defined.
// DNSControl does the quoting and splitting of texts itself.
func printDNSControl(zone string, records []Record) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "D_EXTEND(%s,\n", quoteJSON(zone))
	for _, r := range records {
		name := quoteJSON(relative(r.Name, zone))
		var content string
		switch d := r.Data.(type) {
		case Service:
			content = fmt.Sprintf("%d, %d, %d, %s", d.Priority, d.Weight, d.Port, quoteJSON(fqdn(d.Target)))
		case Text:
			content = quoteJSON(string(d))
		default:
			content = quoteJSON(d.String())
		}
		fmt.Fprintf(&b, "\t%s(%s, %s, TTL(%d)),\n", r.Data.Type(), name, content, r.TTL)
	}
	b.WriteString("END);\n")
	return b.Bytes(), nil
}

// terraformTypes are the resources of the provider hashicorp/dns (3.6) for each type of record, and their longest attribute. The provider
// updates any name server with RFC 2136; the providers of DNS hosters have resources of their own.
var terraformTypes = map[string]struct{ resource, widest string }{
	"A":     {"dns_a_record_set", "addresses"},
	"AAAA":  {"dns_aaaa_record_set", "addresses"},
	"CNAME": {"dns_cname_record", "cname"},
	"SRV":   {"dns_srv_record_set", "zone"},
	"TXT":   {"dns_txt_record_set", "zone"},
}

// printTerraform prints a resource for each set of records, in the layout of terraform fmt.
func printTerraform(zone string, records []Record) ([]byte, error) {
	var b bytes.Buffer
	for i, set := range sets(records) {
		if i > 0 {
			b.WriteString("\n")
		}
		first := set[0]
		of := terraformTypes[first.Data.Type()]
		fmt.Fprintf(&b, "resource %q %q {\n", of.resource, strings.ReplaceAll(first.Name, ".", "_"))
		fmt.Fprintf(&b, "  %-*s = %s\n", len(of.widest), "zone", quoteHCL(fqdn(zone)))
		fmt.Fprintf(&b, "  %-*s = %s\n", len(of.widest), "name", quoteHCL(relative(first.Name, zone)))
		fmt.Fprintf(&b, "  %-*s = %d\n", len(of.widest), "ttl", first.TTL)
		b.WriteString(terraformContent(set))
		b.WriteString("}\n")
	}
	return b.Bytes(), nil
}

// terraformContent returns the content of the records of a set.
func terraformContent(set []Record) string {
	var b strings.Builder
	var values []string
	for _, r := range set {
		switch d := r.Data.(type) {
		case Service:
			fmt.Fprintf(&b, "  srv {\n    priority = %d\n    weight   = %d\n    port     = %d\n    target   = %s\n  }\n", d.Priority, d.Weight, d.Port, quoteHCL(fqdn(d.Target)))
		case Text: // the provider puts it between the quotes of a master file unchanged
			values = append(values, quoteHCL(escape(string(d))))
		default:
			values = append(values, quoteHCL(d.String()))
		}
	}
	list := strings.Join(values, ", ")
	switch set[0].Data.(type) {
	case Alias:
		return fmt.Sprintf("  cname = %s\n", list)
	case Address:
		return fmt.Sprintf("  addresses = [%s]\n", list)
	case Text:
		return fmt.Sprintf("  txt  = [%s]\n", list)
	}
	return b.String()
}

// quoteHCL returns a string literal of Terraform's language, in which ${ and %{ begin templates.
func quoteHCL(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(quoteJSON(s))
}

// sets groups records by name and type, in the order of the first of each.
func sets(records []Record) [][]Record {
	var all [][]Record
	for _, r := range records {
		i := slices.IndexFunc(all, func(set []Record) bool {
			return set[0].Name == r.Name && set[0].Data.Type() == r.Data.Type()
		})
		if i < 0 {
			all = append(all, nil)
			i = len(all) - 1
		}
		all[i] = append(all[i], r)
	}
	return all
}

// relative returns a name without the zone.
func relative(name, zone string) string { return strings.TrimSuffix(name, "."+zone) }
