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

// judgement collects what there is to say about a domain. Its methods decide which findings apply; what a finding says is up to
// functions that depend on the observations alone.
type judgement struct {
	*observations
	findings   []Finding
	unchecked  []string
	incomplete bool
	reason     string // the first of unchecked that may hide a problem

	failedQueries []failedQuery
	// explained are host names about which enough has been said: whatever else is found there follows from it.
	explained map[string]bool
	// unwanted means that no code was asked for that depends on what is being judged, so that it does not matter if it is unknown.
	unwanted bool
}

// judge says what is wrong. It depends on nothing but the observations. The order matters: causes come before what follows from them.
func judge(o *observations) Report {
	j := &judgement{observations: o, explained: make(map[string]bool)}
	j.part("DHC", j.judgeNames)    // D01, D02, D04
	j.part("D", j.judgeCAA)        // D07
	j.part("D", j.judgeChallenges) // D09
	j.part("D", j.judgeSRV)        // D05
	j.part("D", j.judgeServices)   // D08
	if j.askedWeb {
		j.part("DHC", j.judgeWeb) // H01 to H04, D06
		j.add(j.pacc()...)        // D06
	}
	j.part("DMC", j.judgeMail)  // M01 to M06, D01
	j.add(j.loginForms()...)    // L01
	j.part("L", j.judgeOAuth)   // L02 to L05
	j.part("L", j.judgeLookups) // L06
	r := Report{Domain: o.Found.Domain, Clients: []Client{}}
	if j.askedWeb && j.lookedAtMail {
		j.part("C", func() { r.Clients = j.judgeClients() }) // C01 to C04
	}
	j.reportFailedQueries()
	r.Findings = merge(j.findings)
	r.Unchecked = append([]string{}, slices.Compact(slices.Sorted(slices.Values(j.unchecked)))...)
	r.Incomplete, r.Reason = j.incomplete, j.reason
	return r
}

// part judges something that codes with these first letters depend on.
func (j *judgement) part(letters string, judge func()) {
	j.unwanted = j.wants != nil && !j.wants(letters)
	judge()
	j.unwanted = false
}

// newFinding makes a finding. A fix that ends with a colon is followed by text to paste; without any, it ends with a full stop.
func newFinding(code Code, severity Severity, subject, text, fix string, paste ...string) Finding {
	f := Finding{Code: code, Severity: severity, Subject: subject, Text: text, Fix: fix, Page: code.Page()}
	if f.Paste = blocks(paste...); f.Paste == "" && strings.HasSuffix(fix, ":") {
		f.Fix = strings.TrimSuffix(fix, ":") + "."
	}
	return f
}

// add adds findings.
func (j *judgement) add(findings ...Finding) { j.findings = append(j.findings, findings...) }

// couldNotCheck adds something that is unknown and may hide a problem.
func (j *judgement) couldNotCheck(format string, args ...any) {
	j.incomplete = j.incomplete || !j.unwanted
	j.note(format, args...)
	if j.reason == "" && !j.unwanted {
		j.reason = fmt.Sprintf(format, args...)
	}
}

// note adds something that was not checked and is no reason to worry.
func (j *judgement) note(format string, args ...any) {
	if !j.unwanted {
		j.unchecked = append(j.unchecked, fmt.Sprintf(format, args...))
	}
}

// hasProblem reports whether there is a problem with one of the codes so far.
func (j *judgement) hasProblem(codes ...Code) bool {
	return slices.ContainsFunc(j.findings, func(f Finding) bool { return f.Severity == Problem && slices.Contains(codes, f.Code) })
}

// hasFinding reports whether there is a finding with a code so far.
func (j *judgement) hasFinding(code Code) bool {
	return slices.ContainsFunc(j.findings, func(f Finding) bool { return f.Code == code })
}

// absent reports whether an error says that something does not exist. If it says that this is unknown, absent adds that.
func (j *judgement) absent(err error, what string) bool {
	if err != nil && !errors.Is(err, resolver.ErrNone) {
		j.dnsFailed(what, err)
		return false
	}
	return err != nil
}

// offers reports whether the settings have servers of one of these protocols.
func (o *observations) offers(protocols ...settings.Protocol) bool {
	return slices.ContainsFunc(o.Servers, func(s settings.Server) bool { return slices.Contains(protocols, s.Protocol) })
}

// wantedAt are the records that a name should have.
func (o *observations) wantedAt(owner string) []dnsrecords.Record {
	var all []dnsrecords.Record
	for _, w := range o.want {
		if w.Name == owner {
			all = append(all, w)
		}
	}
	return all
}

// zoneLines are records as lines of a zone file.
func zoneLines(records ...dnsrecords.Record) string {
	var lines string
	for _, r := range records {
		lines = blocks(lines, fmt.Sprintf("%s. 3600 IN %s %s", r.Name, r.Data.Type(), r.Data))
	}
	return lines
}

// noAddress is the text about a name without addresses.
const noAddress = "no address in DNS"

// What to do about records, before the records themselves.
const (
	publishFix = "Publish this at the domain's name servers:"
	replaceFix = "Replace it at the domain's name servers with:"
)
