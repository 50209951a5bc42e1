package doctor

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"mailhint/resolver"
)

// issueRecords are CAA records with the tag issue.
func issueRecords(values ...string) []resolver.CAA {
	var all []resolver.CAA
	for _, value := range values {
		all = append(all, resolver.CAA{Tag: "issue", Value: value})
	}
	return all
}

// TestForbids: which issue records allow this server's CA to issue certificates to it (RFC 8659 section 4, RFC 8657).
func TestForbids(t *testing.T) {
	const mine, other = "https://ca.example/acct/1", "https://ca.example/acct/2"
	known, unknown := []Issuer{{"ca.example", mine}}, []Issuer{{"ca.example", ""}}
	tests := []struct {
		values  []string
		issuers []Issuer
		want    string // regular expression for the reason; empty if they allow it
		instead string
	}{
		{nil, known, "", ""},
		{[]string{"ca.example"}, known, "", ""},
		{[]string{"CA.example ;"}, known, "", ""},
		{[]string{";"}, known, "do not allow any CA", "ca.example"},
		{[]string{"", "; x=y"}, nil, "do not allow any CA", ""},
		{[]string{"other.example", "third.example"}, known, "only other.example and third.example, but .* from ca.example", "ca.example"},
		{[]string{"other.example"}, nil, "", ""},
		{[]string{"other.example", "ca.example"}, known, "", ""},

		{[]string{"ca.example; validationmethods=http-01"}, known, "", ""},
		{[]string{"ca.example;validationmethods=dns-01,tls-alpn-01"}, known, "", ""},
		{[]string{"ca.example; ValidationMethods=dns-01"}, known, "only the validation method dns-01, but this server uses http-01 and tls-alpn-01",
			"ca.example; validationmethods=http-01,tls-alpn-01"},
		{[]string{"ca.example; validationmethods=dns-01"}, nil, "only the validation method dns-01", "ca.example; validationmethods=http-01,tls-alpn-01"},
		{[]string{"other.example; validationmethods=http-01"}, known, "only other.example", "ca.example"},
		{[]string{"ca.example; validationmethods=dns-01", "ca.example; validationmethods=http-01"}, known, "", ""},

		{[]string{"ca.example; accounturi=" + mine}, known, "", ""},
		{[]string{"ca.example; accounturi=" + other}, known, "only the account .*/2, but this server's is .*/1", "ca.example; accounturi=" + mine},
		{[]string{"ca.example; accounturi=" + other}, unknown, errUnknownAccount.Error(), "ca.example"},
		{[]string{"ca.example; accounturi=" + other}, nil, "", ""},
		{[]string{"ca.example; accounturi=" + other, "ca.example"}, unknown, "", ""},
		{[]string{"ca.example; accounturi=" + other, "ca.example; accounturi=" + mine}, known, "", ""},
		{[]string{"ca.example; accounturi=" + other + "; accounturi=" + mine}, known, "2 accounts", "ca.example; accounturi=" + mine},
		{[]string{"ca.example; accounturi=" + other + "; validationmethods=http-01"}, known, "only the account",
			"ca.example; accounturi=" + mine + "; validationmethods=http-01,tls-alpn-01"},
		{[]string{"ca.example; accounturi=" + other}, []Issuer{{"ca.example", mine}, {"ca.example", other}}, "", ""},
		{[]string{"ca.example; validationmethods=dns-01", "ca.example; accounturi=" + other}, unknown, errUnknownAccount.Error(), "ca.example"},

		{[]string{"ca.example; policy"}, known, "malformed", "ca.example"},
		{[]string{"ca.example; a=b c=d"}, known, "malformed", "ca.example"},
		{[]string{"ca.example; policy=ev"}, known, "", ""},
	}
	for _, test := range tests {
		instead, why := forbids(issueRecords(test.values...), test.issuers, validationMethods)
		got := fmt.Sprint(why)
		if (why == nil) != (test.want == "") || why != nil && (!regexp.MustCompile(test.want).MatchString(got) || instead != test.instead) {
			t.Errorf("%q, %v: got %s, instead %q; want %q, %q", test.values, test.issuers, got, instead, test.want, test.instead)
		}
	}
	critical := []resolver.CAA{{Tag: "issue", Value: "ca.example"}, {Critical: true, Tag: "tbs"}}
	if _, why := forbids(critical[1:], known, nil); why == nil || !strings.Contains(why.Error(), `"tbs" is marked critical`) {
		t.Errorf("got %v", why)
	}
}

// TestCAAUnknown: a CA must not issue a certificate while questions for CAA records get SERVFAIL, so that is a problem. Without any answer
// it is unknown whether it is so for the CA, and so is whose account a record names.
func TestCAAUnknown(t *testing.T) {
	snapshot := load(t, usual)
	tests := []struct {
		name   string
		err    error
		record string
		want   string // finding
		note   string
	}{
		{"SERVFAIL", resolver.ErrServerFailure, "", "D07 problem a.example: its CAA records cannot be looked up (SERVFAIL)", ""},
		{"a timeout", resolver.ErrTimeout, "", "", "the CAA records of a.example, without which no CA may issue a certificate"},
		{"an account", nil, "ca.example; accounturi=https://ca.example/1", "", "whether the CAA records of a.example allow this server's account"},
	}
	for _, test := range tests {
		w := newWorld(t, snapshot, "a.example")
		if test.err != nil {
			w.caaErr["a.example"] = &resolver.Error{Question: "a.example CAA", Kind: resolver.ErrFailed, Causes: []error{test.err}}
		} else {
			w.caa["a.example"] = issueRecords(test.record)
		}
		d := w.doctor()
		d.Issuers, d.Validation, d.Only = []Issuer{{Name: "ca.example"}}, validationMethods, []string{"D07"}
		r := d.Examine(t.Context(), find(t, snapshot, "a.example"))
		got := ""
		for _, f := range r.Findings {
			got += fmt.Sprintf("%s %s %s: %s\n", f.Code, f.Severity, f.Subject, f.Text)
		}
		notes := strings.Join(r.Unchecked, "\n")
		if !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") || !strings.HasPrefix(notes, test.note) ||
			r.Incomplete != (test.note != "") {
			t.Errorf("%s: got %q, not checked %q, incomplete %t; want %q, %q", test.name, got, notes, r.Incomplete, test.want, test.note)
		}
	}
	if _, why := forbids(issueRecords("ca.example; accounturi=x"), []Issuer{{Name: "ca.example"}}, nil); !errors.Is(why, errUnknownAccount) {
		t.Errorf("got %v", why)
	}
}
