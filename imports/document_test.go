package imports

import (
	"testing"

	"mailhint/settings"
)

func TestLoginOf(t *testing.T) {
	person := settings.Address{Local: "anna.bell", Domain: "bakery.example"}
	for name, want := range map[string]settings.Login{
		"anna.bell@bakery.example": settings.EmailAddress, "ANNA.BELL@bakery.example": settings.EmailAddress, "anna.bell": settings.EmailLocalPart,
		"%EMAILADDRESS%": settings.EmailAddress, "%EMAILLOCALPART%@%EMAILDOMAIN%": settings.EmailAddress,
		`CORP\anna.bell`: `CORP\%EMAILLOCALPART%`, "anna.bell#bakery.example": "%EMAILLOCALPART%#%EMAILDOMAIN%",
		"anna.bellamy": "", "ab123": "", "": "", "%EMAILUSER%": "", " anna.bell": "",
	} {
		got, ok := LoginOf(name, person)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q, %t; want %q", name, got, ok, want)
		}
	}
	if _, ok := LoginOf("anna@bakery.example", settings.Address{}); ok {
		t.Error("a name without a person is a form")
	}
}
