package probe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailhint/settings"
)

// Complete reports whether there is a server to read and one to send mail with, without which there are no settings to advertise.
func (f *Finding) Complete() bool {
	return (f.offers(settings.IMAP) || f.offers(settings.POP3)) && f.offers(settings.Submission)
}

// Settings are those of a domain with the servers that were chosen. People are taken to log in with their address: looking does not
// tell.
func (f *Finding) Settings() *settings.Settings {
	s := &settings.Settings{Servers: f.Servers, Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}}
	for _, service := range f.Services {
		place := map[string]*settings.Pattern{"CalDAV": &s.CalDAV, "CardDAV": &s.CardDAV, "JMAP": &s.JMAP}[service.Name]
		if service.Fault == "" {
			*place = service.URL
		}
	}
	return s
}

// Comments are what an admin should know about the finding, a line each, the most important last, next to the entry.
func (f *Finding) Comments(now time.Time) []string {
	lines := []string{"What mailhint probe saw on " + now.UTC().Format(time.DateOnly) + ":"}
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
		lines = append(lines, "The domain is a guess: "+string(f.Candidates[0].Host)+" may serve another.")
	}
	if f.Complete() {
		lines = append(lines, "Not seen: whether people log in with their address. If not, add login = \"%EMAILLOCALPART%\".")
	}
	return lines
}

// maxLooks is how many different looks are told of one host: nobody reads more.
const maxLooks = 32

// comments has a line for the host and one for all its ports that are alike.
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
		if !h.alike(l, now) {
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
		colon := ": "
		if strings.HasPrefix(text, "at ") {
			colon = " "
		}
		lines = append(lines, "- "+strings.Join(ports[text], ", ")+colon+text)
	}
	if more := len(order) - maxLooks; more > 0 {
		lines = append(lines, fmt.Sprintf("- and %d more", more))
	}
	return lines
}

// alike reports whether a port looks the same at all addresses.
func (h Host) alike(l Look, now time.Time) bool {
	return !slices.ContainsFunc(h.Looks, func(other Look) bool { return other.Port == l.Port && other.Summary(now) != l.Summary(now) })
}
