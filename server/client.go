package server

import (
	"net/http"
	"strings"

	"mailhint/autoconfig"
)

// client is the family of the client that sent a request, as far as it can be recognised. There are few of them, so that it can be the
// label of a metric; the User-Agent itself never is.
type client uint8

const (
	other client = iota
	thunderbird
	thunderbirdAndroid
	evolution
	kde
	geary
	nine
	deltaChat
	snappyMail
	fairEmail
	horde
	nextcloud
	outlook
	apple
	exchangelib
	curl
	browser
	clientCount // how many there are
)

var clientNames = [clientCount]string{
	other:              "other",
	thunderbird:        "thunderbird",
	thunderbirdAndroid: "thunderbird-android",
	evolution:          "evolution",
	kde:                "kde",
	geary:              "geary",
	nine:               "nine",
	deltaChat:          "delta-chat",
	snappyMail:         "snappymail",
	fairEmail:          "fairemail",
	horde:              "horde",
	nextcloud:          "nextcloud",
	outlook:            "outlook",
	apple:              "apple",
	exchangelib:        "exchangelib",
	curl:               "curl",
	browser:            "browser",
}

func (c client) String() string { return clientNames[c] }

// marks are found in the User-Agent of a client. The first match counts, because many also contain Mozilla/.
var marks = []struct {
	text string
	client
}{
	{"Thunderbird/", thunderbird},          // Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.7.0
	{"Evolution/", evolution},              // Evolution/3.46.4-2+deb12u1
	{"ispdb/", kde},                        // Mozilla/5.0 (X11; Linux x86_64) KIO/5.103 ispdb/0.1
	{"okhttp/", thunderbirdAndroid},        // okhttp/4.12.0, if without a query
	{"Horde", horde},                       // Horde_Http 2.1.7
	{"Nextcloud", nextcloud},               // Nextcloud-Server-Crawler/33.0.0
	{"Outlook", outlook},                   // Microsoft Office/14.0 (… Microsoft Outlook 14.0.…)
	{"Microsoft Office", outlook},          //
	{"windowscommunicationsapps", outlook}, // Windows Mail
	{"exchangelib/", exchangelib},          // exchangelib/4.9.0 (python-requests/2.28.1)
	{"FairEmail", fairEmail},
	{"accountsd", apple}, // macOS, when an "Exchange" account is added
	{"dataaccessd", apple},
	{"CFNetwork/", apple},
	{"curl/", curl},
	{"Mozilla/", browser},
}

// maxAgent is how many octets of a User-Agent are searched; real ones are shorter, but one can have 16 KiB.
const maxAgent = 256

// clientOf returns the family of the client that sent a request, before it is normalised.
func clientOf(r *http.Request) client {
	switch {
	case strings.Contains(r.URL.RawQuery, "emailmd5="):
		return evolution
	case strings.HasPrefix(r.URL.Path, "/v1.1/"):
		return nine
	}
	agents := r.Header["User-Agent"]
	if len(agents) == 0 || agents[0] == "" {
		return unnamed(r)
	}
	agent := agents[0][:min(len(agents[0]), maxAgent)]
	for _, m := range marks {
		if !strings.Contains(agent, m.text) {
			continue
		}
		if m.client == thunderbirdAndroid && r.URL.RawQuery != "" { // another client with the same library
			return other
		}
		return m.client
	}
	return other
}

// unnamed tells apart the clients that send no User-Agent. All only use GET: SnappyMail (ba496919d) at the path of an early draft, which no
// other client asks for, Geary (43.0) at one path without a query, Delta Chat (core 2.57.0) at the same path with the address.
func unnamed(r *http.Request) client {
	switch {
	case r.Method != http.MethodGet:
		return other
	case r.URL.Path == autoconfig.DraftPath:
		return snappyMail
	case r.URL.Path == autoconfig.Path && r.URL.RawQuery == "" && !r.URL.IsAbs():
		return geary
	}
	return deltaChat
}
