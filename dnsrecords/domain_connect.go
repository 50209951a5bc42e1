package dnsrecords

import (
	"bytes"
	"encoding/json"
	"strings"
)

// template is a Domain Connect template, with which a DNS hoster lets its customers publish the records of a service provider by a click.
// https://github.com/Domain-Connect/Templates has its schema, and takes templates.
type template struct {
	ProviderID          string           `json:"providerId"`
	ProviderName        string           `json:"providerName"`
	ServiceID           string           `json:"serviceId"`
	ServiceName         string           `json:"serviceName"`
	Version             int              `json:"version"`
	Description         string           `json:"description"`
	VariableDescription string           `json:"variableDescription,omitempty"`
	WarnPhishing        bool             `json:"warnPhishing"` // required as long as there is no syncPubKeyDomain
	Records             []map[string]any `json:"records"`
}

// printDomainConnect prints a template that has the records of a zone, for every domain with the same settings: hosts below the domain itself
// are written with %domain%, which the DNS hoster fills in, and texts that differ from domain to domain are variables.
func printDomainConnect(zone string, records []Record) ([]byte, error) {
	provider := zone
	if server := serverIn(records); server != "" && !strings.HasSuffix(server, "."+zone) {
		provider = server
	}
	t := template{ProviderID: provider, ProviderName: provider, ServiceID: "mail-setup", ServiceName: "Mail program setup", Version: 1,
		Description: "Lets mail programs find the settings of this domain.", WarnPhishing: true}
	var variables []string
	for _, r := range records {
		label := relative(r.Name, zone)
		record := map[string]any{"type": r.Data.Type(), "ttl": r.TTL}
		switch d := r.Data.(type) {
		case Address:
			record["host"], record["pointsTo"] = label, d.String()
		case Alias:
			record["host"], record["pointsTo"] = label, inTemplate(string(d), zone)
		case Service:
			labels := strings.SplitN(label, ".", 3) // _imaps, _tcp and perhaps what is between that and the zone
			record["service"], record["protocol"], record["name"] = labels[0], labels[1], "@"
			if len(labels) == 3 {
				record["name"] = labels[2]
			}
			record["priority"], record["weight"], record["port"], record["target"] = d.Priority, d.Weight, d.Port, inTemplate(d.Target, zone)
		case Text:
			record["host"], record["data"] = label, string(d)
			if variable := variableFor(label); isDigest(r) || strings.Contains(string(d), "%") { // which begins a variable
				record["data"] = "%" + variable + "%"
				variables = append(variables, "%"+variable+"%: text at "+label+", as printed by mailhint dns DOMAIN")
			}
			record["txtConflictMatchingMode"] = "All"
		}
		t.Records = append(t.Records, record)
	}
	t.VariableDescription = strings.Join(variables, "; ")
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(t)
	return b.Bytes(), err
}

// inTemplate writes a host below the domain with its variable, and the root as a dot.
func inTemplate(host, zone string) string {
	if below, ok := strings.CutSuffix(host, "."+zone); ok {
		return below + ".%domain%"
	}
	if host == "" {
		return "."
	}
	return host
}

// variableFor makes a name of a variable from a label.
func variableFor(label string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(label))
}

// serverIn returns the host name of the mailhint server, as the records have it; empty if they do not.
func serverIn(records []Record) string {
	for _, r := range records {
		if alias, ok := r.Data.(Alias); ok {
			return string(alias)
		}
		if service, ok := r.Data.(Service); ok && strings.HasPrefix(r.Name, labelAutodiscover+".") && !isAutodiscover(r.Name, service.Target) {
			return service.Target
		}
	}
	return ""
}
