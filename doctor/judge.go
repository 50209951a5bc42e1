package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailhint/dnsrecords"
	"mailhint/resolver"
	"mailhint/settings"
)

// judgement collects what is to be said about a domain.
type judgement struct {
	*seen
	findings   []Finding
	unchecked  []string
	incomplete bool
	reason     string // the first of unchecked that may hide a problem
	silent     []silence
	// spoilt are names about which everything has been said: what is found there follows from it.
	spoilt map[string]bool
	// muted: nobody wants to know what depends on the answers that are judged at the moment.
	muted bool
}

// judge says what is wrong, from what was seen alone.
func judge(s *seen) Report {
	j := &judgement{seen: s, spoilt: make(map[string]bool)}
	j.part("DHC", j.judgeNames)
	j.part("D", j.judgeCAA)
	j.part("D", j.judgeSRV)
	if j.asked {
		j.part("DHC", j.judgeWeb)
		j.part("D", j.judgePACC)
	}
	j.part("DMC", j.judgeMail)
	j.judgeLogin()
	r := Report{Domain: s.Found.Domain, Clients: []Client{}}
	if j.asked && j.looked {
		j.part("C", func() { r.Clients = j.judgeClients() })
	}
	j.tellSilences()
	r.Findings = merge(j.findings)
	r.Unchecked = append([]string{}, slices.Compact(slices.Sorted(slices.Values(j.unchecked)))...)
	r.Incomplete, r.Reason = j.incomplete, j.reason
	return r
}

// part judges something that codes with some letters depend on.
func (j *judgement) part(letters string, judge func()) {
	j.muted = j.wants != nil && !j.wants(letters)
	judge()
	j.muted = false
}

// add notes a finding.
func (j *judgement) add(code Code, severity Severity, subject, text, fix string, paste ...string) {
	f := Finding{Code: code, Severity: severity, Subject: subject, Text: text, Fix: fix, Page: code.Page()}
	if f.Paste = blocks(paste...); f.Paste == "" && strings.HasSuffix(fix, ":") {
		f.Fix = strings.TrimSuffix(fix, ":") + "."
	}
	j.findings = append(j.findings, f)
}

// unknown notes what could not be found out and may hide a problem.
func (j *judgement) unknown(format string, args ...any) {
	j.incomplete = j.incomplete || !j.muted
	j.aside(format, args...)
	if j.reason == "" && !j.muted {
		j.reason = fmt.Sprintf(format, args...)
	}
}

// aside notes what was not checked and need not worry anybody.
func (j *judgement) aside(format string, args ...any) {
	if j.muted {
		return
	}
	j.unchecked = append(j.unchecked, fmt.Sprintf(format, args...))
}

// has reports whether there is a problem with one of the codes already.
func (j *judgement) has(codes ...Code) bool {
	return slices.ContainsFunc(j.findings, func(f Finding) bool { return f.Severity == Problem && slices.Contains(codes, f.Code) })
}

// reported reports whether there is a finding with a code, however bad.
func (j *judgement) reported(code Code) bool {
	return slices.ContainsFunc(j.findings, func(f Finding) bool { return f.Code == code })
}

// zoneLines are records as they stand in a zone file.
func (j *judgement) zoneLines(records []dnsrecords.Record) string {
	var lines string
	for _, r := range records {
		lines = blocks(lines, fmt.Sprintf("%s. 3600 IN %s %s", r.Name, r.Data.Type(), r.Data))
	}
	return lines
}

// wantedAt are the records that a name should have.
func (j *judgement) wantedAt(owner string) []dnsrecords.Record {
	var all []dnsrecords.Record
	for _, w := range j.want {
		if w.Name == owner {
			all = append(all, w)
		}
	}
	return all
}

// found reports whether an error says that something is not there, and notes one that says nothing.
func (j *judgement) absent(err error, what string) bool {
	if err != nil && !errors.Is(err, resolver.ErrNone) {
		j.notAnswered(what, err)
		return false
	}
	return err != nil
}

// offers reports whether the settings name any servers of some protocols.
func (j *judgement) offers(protocols ...settings.Protocol) bool {
	return slices.ContainsFunc(j.Servers, func(s settings.Server) bool { return slices.Contains(protocols, s.Protocol) })
}
