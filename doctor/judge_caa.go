package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailhint/resolver"
	"mailhint/settings"
)

// judgeCAA checks that the CA may issue certificates for our names. It skips names that point to other servers.
func (j *judgement) judgeCAA() {
	for _, prefix := range settings.ServicePrefixes() {
		host := prefix + string(j.Found.Domain)
		c, n := j.caa[host], j.names[host]
		if j.explained[host] || len(n.addresses) == 0 {
			continue
		}
		owner := c.owner
		if owner == host && n.canonical != "" {
			owner = n.canonical // the records of the alias's target apply, and an alias can have none
		}
		switch {
		case errors.Is(c.err, resolver.ErrServerFailure):
			j.add(newFinding(CAAForbids, Problem, c.owner,
				"its CAA records cannot be looked up (SERVFAIL); until this is fixed, no CA will issue a certificate",
				"Make the domain's name servers answer questions for CAA records, if only to say that there are none. "+
					"Old name servers do not know the type; DNSSEC signatures may not be valid."))
		case c.err != nil:
			j.dnsFailed("the CAA records of "+c.owner+", without which no CA may issue a certificate", c.err)
		default:
			j.judgeIssuers(owner, c)
		}
	}
}

// judgeIssuers judges the CAA records of a name.
func (j *judgement) judgeIssuers(owner string, c caa) {
	records, tag := c.records, "issue"
	if c.wildcard {
		records, tag = forWildcard(records)
	}
	paste, why := forbids(records, j.issuers, c.methods)
	switch {
	case errors.Is(why, errUnknownAccount):
		j.couldNotCheck("whether the CAA records of %s allow this server's account with the CA: %s", owner,
			"its URL is not known here; run doctor on the server's machine, as the user that the server runs as")
	case why != nil:
		if paste != "" {
			paste = fmt.Sprintf("%s. 3600 IN CAA 0 %s %q", owner, tag, paste)
		}
		j.add(newFinding(CAAForbids, Problem, owner, why.Error(), "Allow the CA of this server's certificates, or remove the CAA records:", paste))
	}
}

// forWildcard returns the records that apply to a wildcard, as those of other names are, and the tag that they have: issuewild takes precedence over
// issue (RFC 8659 section 4.3).
func forWildcard(records []resolver.CAA) (apply []resolver.CAA, tag string) {
	const wild = "issuewild"
	if !slices.ContainsFunc(records, func(r resolver.CAA) bool { return r.Tag == wild }) {
		return records, "issue"
	}
	for _, r := range records {
		switch r.Tag {
		case wild:
			r.Tag = "issue"
		case "issue":
			continue
		}
		apply = append(apply, r)
	}
	return apply, wild
}

// errUnknownAccount means that records allow an account only, and it is not known whether it is this server's.
var errUnknownAccount = errors.New("its CAA records allow only an account that may not be this server's")

// forbids says why CAA records do not allow any of the CAs to issue a certificate to a server that proves its control of names with one
// of these methods; nil if they do (RFC 8659 section 4, RFC 8657). Instead is the value of an issue record that would allow it; empty if
// the CAs are unknown. In that case only records that allow none of them at all forbid it.
func forbids(records []resolver.CAA, issuers []Issuer, methods []string) (instead string, why error) {
	if len(issuers) > 0 {
		instead = issuers[0].Name
	}
	var allowed []string
	var unmet error // why a record for one of our CAs does not apply to us
	restricted := false
	for _, r := range records {
		switch {
		case r.Tag == "issue":
			restricted = true
			g := readGrant(r.Value)
			if g.issuer == "" {
				continue
			}
			allowed = append(allowed, g.issuer)
			value, err := g.refuses(issuers, methods)
			if err == nil {
				return "", nil
			}
			if !errors.Is(err, errOtherCA) && (unmet == nil || errors.Is(err, errUnknownAccount)) {
				instead, unmet = value, err
			}
		case r.Critical && !slices.Contains([]string{"issuewild", "iodef", "issuemail"}, r.Tag):
			return instead, fmt.Errorf("the CAA record %q is marked critical, so CAs that do not know it must not issue certificates", clip(r.Tag))
		}
	}
	switch {
	case !restricted:
		return "", nil
	case unmet != nil:
		return instead, unmet
	case len(allowed) == 0:
		return instead, errors.New("its CAA records do not allow any CA to issue certificates")
	}
	return instead, fmt.Errorf("its CAA records allow only %s, but this server's certificates come from %s", clip(words(allowed)), words(namesOfIssuers(issuers)))
}

// grant is what an issue record allows (RFC 8659 section 4.2).
type grant struct {
	issuer string // empty for none
	// methods and accounts are the values of the parameters of RFC 8657; nil if there are none.
	methods, accounts []string
	malformed         bool // so that CAs do not issue
}

// readGrant reads the value of an issue record.
func readGrant(value string) (g grant) {
	issuer, parameters, _ := strings.Cut(value, ";")
	g.issuer = strings.ToLower(strings.TrimSpace(issuer))
	for text := range strings.SplitSeq(parameters, ";") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		value = strings.TrimSpace(value)
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case !ok || strings.ContainsAny(name+value, " \t"):
			g.malformed = true
		case name == "validationmethods":
			g.methods = append(g.methods, strings.Split(value, ",")...)
		case name == "accounturi":
			g.accounts = append(g.accounts, value)
		}
	}
	return g
}

// errOtherCA means that a record is for another CA.
var errOtherCA = errors.New("the record is for another CA")

// refuses says why a record does not allow any of the CAs to issue a certificate; nil if it does. Instead is the value of one that would.
func (g grant) refuses(issuers []Issuer, methods []string) (instead string, why error) {
	ours := slices.DeleteFunc(slices.Clone(issuers), func(i Issuer) bool { return !strings.EqualFold(i.Name, g.issuer) })
	if len(ours) == 0 && len(issuers) > 0 {
		return "", errOtherCA
	}
	usesMethod := func(m string) bool { return slices.Contains(methods, m) }
	about := "its CAA record for " + clip(g.issuer)
	switch {
	case g.malformed:
		why = errors.New(about + " has malformed parameters, so the CA must not issue certificates")
	case len(g.methods) > 0 && len(methods) > 0 && !slices.ContainsFunc(g.methods, usesMethod):
		why = fmt.Errorf("%s allows only the validation method %s, but this server uses %s", about, clip(words(g.methods)), words(methods))
	case len(g.accounts) > 1:
		why = fmt.Errorf("%s has %d accounts, so the CA must not issue certificates", about, len(g.accounts))
	case len(g.accounts) == 1 && len(ours) > 0:
		why = otherAccount(about, g.accounts[0], ours)
	}
	return g.with(ours, methods), why
}

// otherAccount says why a record for one account does not allow any of ours with the CA; nil if it does.
func otherAccount(about, account string, ours []Issuer) error {
	switch {
	case slices.ContainsFunc(ours, func(i Issuer) bool { return i.Account == account }):
		return nil
	case slices.ContainsFunc(ours, func(i Issuer) bool { return i.Account == "" }):
		return errUnknownAccount
	}
	return fmt.Errorf("%s allows only the account %s, but this server's is %s", about, clip(account), clip(ours[0].Account))
}

// with is the value of the record with our values of its parameters.
func (g grant) with(ours []Issuer, methods []string) string {
	value := g.issuer
	if len(g.accounts) > 0 && len(ours) > 0 && ours[0].Account != "" {
		value += "; accounturi=" + ours[0].Account
	}
	if len(g.methods) > 0 && len(methods) > 0 {
		value += "; validationmethods=" + strings.Join(methods, ",")
	}
	return value
}

func namesOfIssuers(issuers []Issuer) []string {
	var names []string
	for _, i := range issuers {
		if !slices.Contains(names, i.Name) {
			names = append(names, i.Name)
		}
	}
	return names
}
