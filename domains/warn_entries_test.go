package domains

import (
	"net/netip"
	"testing"

	"mailhint/settings"
)

// What Thunderbird's reader of XML makes of login names.
func TestReadByThunderbird(t *testing.T) {
	for login, want := range map[string]string{
		"00123": "the number 123", "1e3": "the number 1000", "+5": "the number 5", "1.50": "the number 1.5", ".5": "the number 0.5",
		"0x1f": "missing", "0XFF": "missing", "0": "missing", "00": "missing", "0.0": "missing", "1e999": "infinite",
		"TRUE": "true", "True": "true", "false": "missing", "False": "missing",
		"123": "", "true": "", "ann": "", "0x": "", "0x1g": "", "1_000": "", "inf": "", "NaN": "", "0x1p-2": "", "truely": "", "%EMAILLOCALPART%": "",
	} {
		if got := readByThunderbird(login); got != want {
			t.Errorf("%q is read as %q, want %q", login, got, want)
		}
	}
}

// A rule for a network does not match what a rule for a larger one around it matches.
func TestRuleIncludes(t *testing.T) {
	small, large := readRule{}, readRule{}
	small.from = settings.Networks{netip.MustParsePrefix("10.0.0.0/24")}
	large.from = settings.Networks{netip.MustParsePrefix("10.0.0.0/8")}
	if small.includes(large) {
		t.Error("10.0.0.0/24 includes 10.0.0.0/8")
	}
	if !large.includes(small) {
		t.Error("10.0.0.0/8 does not include 10.0.0.0/24")
	}
}
