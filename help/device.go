package help

import "strings"

// Devices, as programs.toml has them.
const (
	windows = "windows"
	mac     = "mac"
	linux   = "linux"
	ios     = "ios"
	android = "android"
)

// deviceMarks are found in the User-Agent of a browser. The first match counts: an iPhone's also says Mac OS X, and Android's Linux. An iPad
// asks for the pages of a Mac, and then says that it is one.
var deviceMarks = []struct{ text, device string }{
	{"iPhone", ios}, {"iPad", ios}, {"iPod", ios},
	{"Android", android},
	{"Windows", windows},
	{"Macintosh", mac},
	{"Linux", linux}, {"X11", linux}, {"CrOS", linux},
}

// maxAgent is how many octets of a User-Agent are searched; real ones are shorter.
const maxAgent = 256

// deviceOf returns the device of a browser; "" if it cannot be recognised.
func deviceOf(userAgent string) string {
	userAgent = userAgent[:min(len(userAgent), maxAgent)]
	for _, m := range deviceMarks {
		if strings.Contains(userAgent, m.text) {
			return m.device
		}
	}
	return ""
}

// usualProgram is the program that most people have on a device.
var usualProgram = map[string]string{
	windows: "outlook-new", mac: "apple-mail", linux: "thunderbird", ios: "ios", android: "gmail", "": "thunderbird",
}
