package autoconfig

import (
	"testing"

	"mailhint/settings"
)

func TestRequests(t *testing.T) {
	ann := settings.Address{Local: "ann+lists", Domain: "example.com"}
	for _, test := range []struct {
		request settings.Request
		want    string
	}{
		{Request("example.com", settings.Address{}), "https://autoconfig.example.com/mail/config-v1.1.xml"},
		{Request("example.com", ann), "https://autoconfig.example.com/mail/config-v1.1.xml?emailaddress=ann%2Blists%40example.com"},
		{WellKnownRequest("example.com", ann), "https://example.com/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=ann%2Blists%40example.com"},
		{EvolutionRequest("example.com", ann), "https://autoconfig.example.com/mail/config-v1.1.xml?emailaddress=EVOLUTIONUSER%40example.com" +
			"&emailmd5=de92163be16b8237245662bcc4bda3fb"},
	} {
		if got := test.request.Method + " " + test.request.URL.String(); got != "GET "+test.want {
			t.Errorf("got %s, want GET %s", got, test.want)
		}
	}
}
