package probe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Comments returns what an admin should know about the finding, a line each, to be put above the entry. The most important come last,
// next to the entry.
func (f *Finding) Comments(now time.Time) []string {
	lines := []string{"Found by mailhint probe on " + now.UTC().Format(time.DateOnly) + ":"}
	for i, h := range f.Hosts {
		lines = append(lines, h.comments(f.Candidates[i].Source, now)...)
	}
	if len(f.Hosts) == 0 {
		lines = append(lines, "no host that could be a mail server")
	}
	for _, s := range f.Services {
		if s.Fault == "" {
			lines = append(lines, fmt.Sprintf("%s: %s answers with HTTP status %d", s.Name, s.URL, s.Web.Status))
		}
	}
	lines = append(lines, f.Remarks...)
	for _, p := range f.Problems {
		lines = append(lines, "PROBLEM: "+p)
	}
	if f.IsHost {
		lines = append(lines, fmt.Sprintf("The domain %s is a guess: %s may serve another one.", f.Domain, f.Candidates[0].Host))
	}
	if f.Complete() {
		lines = append(lines, "A probe cannot tell whether users log in with their full address. If they log in with the part before the @,",
			"add: login = \"%EMAILLOCALPART%\"")
	}
	return lines
}

// maxLooks limits how many different results are listed for one host: nobody reads more.
const maxLooks = 32

// comments returns a line for the host, and one for all of its ports with the same result.
func (h Host) comments(source Source, now time.Time) []string {
	var addresses []string
	for _, a := range h.Addresses {
		addresses = append(addresses, a.String())
	}
	lines := []string{fmt.Sprintf("%s (%s), %s", h.Name, source, strings.Join(addresses, " "))}
	var order []string
	ports := make(map[string][]string)
	for _, l := range h.Looks {
		text := l.Summary(now)
		if !h.sameEverywhere(l, now) {
			text = "at " + l.Address.String() + ": " + text
		}
		number := strconv.Itoa(int(l.Port.Number))
		if ports[text] == nil {
			order = append(order, text)
		}
		if !slices.Contains(ports[text], number) {
			ports[text] = append(ports[text], number)
		}
	}
	for _, text := range order[:min(len(order), maxLooks)] {
		line := "- port " + ports[text][0]
		if len(ports[text]) > 1 {
			line = "- ports " + strings.Join(ports[text], ", ")
		}
		if !strings.HasPrefix(text, "at ") {
			line += ":"
		}
		lines = append(lines, line+" "+text)
	}
	if more := len(order) - maxLooks; more > 0 {
		lines = append(lines, fmt.Sprintf("- and %d more", more))
	}
	return lines
}

// sameEverywhere reports whether a port has the same result at all addresses.
func (h Host) sameEverywhere(l Look, now time.Time) bool {
	return !slices.ContainsFunc(h.Looks, func(other Look) bool { return other.Port == l.Port && other.Summary(now) != l.Summary(now) })
}
