package autodiscover

import (
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

const (
	outlookRequest    = schemaPrefix + "outlook/requestschema/2006"
	mobilesyncRequest = schemaPrefix + "mobilesync/requestschema/2006"
)

// realRequests returns the requests in testdata/requests, which clients have sent.
func realRequests(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/requests/*.xml")
	if err != nil || len(names) < 10 {
		t.Fatalf("found %d requests (%v)", len(names), err)
	}
	all := make(map[string][]byte)
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".xml")] = body
	}
	return all
}

func TestRealRequests(t *testing.T) {
	want := map[string]request{
		"thunderbird-153-raw-ampersand": {address: "fred&co@example.com", schema: schemaPrefix + schemaOutlook},
		"outlook-very-old":              {address: "fred@example.com", schema: schemaPrefix + schemaOutlookOld},
		"hand-made-without-schema":      {address: "fred@example.com"},
		"outlook-16.0.5023-activesync":  {address: "fred@example.com", schema: schemaPrefix + schemaMobilesync, mobilesync: true},
		"autodiscover-activesync-0.0.1": {address: "fred@example.com", schema: schemaPrefix + schemaMobilesync, mobilesync: true},
		"phone-exchange-account":        {address: "fred@example.com", schema: schemaPrefix + schemaMobilesync, mobilesync: true},
	}
	for name, body := range realRequests(t) {
		expected, special := want[name]
		if !special {
			expected = request{address: "fred@example.com", schema: schemaPrefix + schemaOutlook}
		}
		if got, err := parseRequest(body); err != nil || got != expected {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, expected)
		}
	}
}

// body returns a request with the given text as its address.
func body(address string) string {
	return `<Autodiscover xmlns="` + outlookRequest + `"><Request><EMailAddress>` + address + `</EMailAddress></Request></Autodiscover>`
}

// utf16Body encodes a text with its byte order mark.
func utf16Body(text string, bigEndian bool) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		if bigEndian {
			b.WriteByte(byte(u >> 8))
		}
		b.WriteByte(byte(u))
		if !bigEndian {
			b.WriteByte(byte(u >> 8))
		}
	}
	return b.String()
}

func TestOddRequestsAreRead(t *testing.T) {
	const fred = "fred@example.com"
	declared := func(charset string) string { return `<?xml version="1.0" encoding="` + charset + `"?>` }
	tests := []struct{ name, body, address string }{
		{"no declaration", body(fred), fred},
		{"byte order mark", "\xEF\xBB\xBF" + declared("utf-8") + body(fred), fred},
		{"byte order mark and space", "\xEF\xBB\xBF \r\n" + body(fred), fred},
		{"space and newlines before the declaration", " \r\n\t\n" + declared("utf-8") + body(fred), fred},
		{"space after the root", declared("utf-8") + body(fred) + "\r\n \t", fred},
		{"space around the address", body("\r\n  " + fred + "\t"), fred},
		{"comments around the root", "<!-- a -->" + body(fred) + "<!-- b -->", fred},
		{"processing instructions", declared("utf-8") + "<?a b?>" + body(fred) + "<?c?>", fred},
		{"lower case", strings.ToLower(body(fred)), fred},
		{"upper case", strings.ReplaceAll(strings.ToUpper(body("x")), ">X<", ">"+fred+"<"), fred},
		{"prefixes", `<a:Autodiscover xmlns:a="` + outlookRequest + `"><a:Request><a:EMailAddress>` + fred + `</a:EMailAddress></a:Request></a:Autodiscover>`, fred},
		{"undeclared prefixes", strings.NewReplacer("</", "</x:", "<A", "<x:A", "<R", "<x:R", "<E", "<x:E").Replace(body(fred)), fred},
		{"no namespace", `<Autodiscover><Request><EMailAddress>` + fred + `</EMailAddress></Request></Autodiscover>`, fred},
		{"attributes", `<Autodiscover a="1"><Request b="2"><EMailAddress c="3">` + fred + `</EMailAddress></Request></Autodiscover>`, fred},
		{"unknown elements", `<Autodiscover><X><Y>z</Y></X><Request><Z/><EMailAddress>` + fred + `</EMailAddress><LegacyDN>/o=a</LegacyDN></Request></Autodiscover>`, fred},
		{"address below something else too", `<Autodiscover><EMailAddress>a@b.c</EMailAddress><X><EMailAddress>d@e.f</EMailAddress></X><Request><X><EMailAddress>g@h.i</EMailAddress></X><EMailAddress>` + fred + `</EMailAddress></Request></Autodiscover>`, fred},
		{"empty address", body(""), ""},
		{"empty address tag", `<Autodiscover><Request><EMailAddress/></Request></Autodiscover>`, ""},
		{"no @", body("fred"), "fred"},
		{"entities", body("a&amp;b&lt;&#64;c.d"), "a&b<@c.d"},
		{"raw ampersand", body("a&b@c.d"), "a&b@c.d"},
		{"raw ampersand that looks like an entity", body("a&co;b@c.d"), "a&co;b@c.d"},
		{"raw less-than", body("a<b@c.d"), "a<b@c.d"},
		{"raw closing tag", body("a</b&@c.d"), "a</b&@c.d"},
		{"raw ampersand, prefixes", `<a:Autodiscover><a:Request><a:emailADDRESS>a&b@c.d</a:emailADDRESS></a:Request></a:Autodiscover>`, "a&b@c.d"},
		{"raw ampersand, not ASCII", body("ä&İ@c.d"), "ä&İ@c.d"},
		{"CDATA", body("<![CDATA[a&b<@c.d]]>"), "a&b<@c.d"},
		{"CDATA in part", body("fred<![CDATA[@]]>example.com"), fred},
		{"comment inside", body("fred<!-- @ -->@example.com"), fred},
		{"UTF-16LE", "\xFF\xFE" + utf16Body(declared("utf-16")+body(fred), false), fred},
		{"UTF-16BE", "\xFE\xFF" + utf16Body(declared("utf-16")+body(fred), true), fred},
		{"UTF-16LE, mark twice, no declaration", "\xFF\xFE" + utf16Body("\r\n"+body("ä@c.d"), false), "ä@c.d"},
		{"UTF-16LE without mark", utf16Body(declared("utf-16")+body(fred), false), fred},
		{"UTF-16BE without mark", utf16Body(declared("UTF-16BE")+body(fred), true), fred},
		{"UTF-16LE, odd length", "\xFF\xFE" + utf16Body(body(fred), false) + "\n", fred},
		{"UTF-16LE, raw ampersand", "\xFF\xFE" + utf16Body(body("a&b@c.d"), false), "a&b@c.d"},
		{"UTF-16 declared for UTF-8", declared("utf-16") + body("ä@c.d"), "ä@c.d"}, // .NET's StringWriter
		{"ISO-8859-1", declared("ISO-8859-1") + body("m\xFCller@example.com"), "müller@example.com"},
		{"ISO-8859-1, raw ampersand", declared("ISO-8859-1") + body("m\xFCller&co@example.com"), "müller&co@example.com"},
		{"ISO-8859-1 declared, byte order mark", "\xEF\xBB\xBF" + declared("ISO-8859-1") + body("müller@example.com"), "müller@example.com"},
		{"windows-1252 in apostrophes", `<?xml version='1.0' encoding = 'Windows-1252' standalone='no'?>` + body("m\xFCller\x80@c.d"), "müller€@c.d"},
		{"US-ASCII", declared("us-ascii") + body(fred), fred},
		{"Shift_JIS", declared("Shift_JIS") + body("\x94\x4C@c.d"), "猫@c.d"},
		{"unknown character set", declared("klingon") + body("ä@c.d"), "ä@c.d"},
		{"empty character set", declared("") + body(fred), fred},
		{"ISO-8859-1 after a newline", "\r\n" + declared("ISO-8859-1") + body("m\xFCller@example.com"), "müller@example.com"},
		{"declared twice", declared("iso-8859-1") + declared("iso-8859-1") + body("\xFC@c.d"), "ü@c.d"},
	}
	for _, test := range tests {
		got, err := parseRequest([]byte(test.body))
		if want := (request{address: test.address}); err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v for\n%s", test.name, got, err, want, test.body)
		}
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	const fred = "fred@example.com"
	deep := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	tests := []struct{ name, body string }{
		{"nothing", ""},
		{"space", " \r\n"},
		{"only a byte order mark", "\xEF\xBB\xBF"},
		{"only UTF-16's mark", "\xFF\xFE"},
		{"a form", "EMailAddress=fred%40example.com"},
		{"JSON", `{"EMailAddress":"fred@example.com"}`},
		{"HTML", "<!doctype html><title>x</title>"},
		{"SOAP", `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><a/></s:Body></s:Envelope>`},
		{"cut off", body(fred)[:120]},
		{"two addresses", strings.Replace(body(fred), "</Request>", "<EMailAddress>a@b.c</EMailAddress></Request>", 1)},
		{"two addresses, one raw", strings.Replace(body("a&b@c.d"), "</Request>", "<EMailAddress>a@b.c</EMailAddress></Request>", 1)},
		{"two requests", `<Autodiscover><Request><EMailAddress>a@b.c</EMailAddress></Request><Request><EMailAddress>a@b.c</EMailAddress></Request></Autodiscover>`},
		{"two schemas", strings.Replace(body(fred), "</Request>", "<AcceptableResponseSchema>a</AcceptableResponseSchema><AcceptableResponseSchema/></Request>", 1)},
		{"no address", `<Autodiscover><Request><AcceptableResponseSchema>a</AcceptableResponseSchema></Request></Autodiscover>`},
		{"LegacyDN alone", `<Autodiscover><Request><LegacyDN>/o=a/cn=fred</LegacyDN></Request></Autodiscover>`},
		{"another root", strings.ReplaceAll(body(fred), "Autodiscover", "Autodiscovery")},
		{"address in another element beside Request", `<Autodiscover><Request/><X><EMailAddress>` + fred + `</EMailAddress></X></Autodiscover>`},
		{"address beside Request", `<Autodiscover><Request/><EMailAddress>` + fred + `</EMailAddress></Autodiscover>`},
		{"address too deep", `<Autodiscover><X><Request><EMailAddress>` + fred + `</EMailAddress></Request></X></Autodiscover>`},
		{"the right names below another root", `<X><Autodiscover><Request><EMailAddress>` + fred + `</EMailAddress></Request></Autodiscover></X>`},
		{"Request in Request", `<Autodiscover><Request><Request><EMailAddress>` + fred + `</EMailAddress></Request></Request></Autodiscover>`},
		{"address in address", body("<EMailAddress>" + fred + "</EMailAddress>")},
		{"an element in the address", body("x<b/>" + fred)},
		{"an element in the schema", strings.Replace(body(fred), "</Request>", "<AcceptableResponseSchema>a<b/></AcceptableResponseSchema></Request>", 1)},
		{"text after the root", body(fred) + "x"},
		{"text before the root", "x" + body(fred)},
		{"CDATA after the root", body(fred) + "<![CDATA[x]]>"},
		{"two roots", body(fred) + body(fred)},
		{"two roots, raw ampersand", body("a&b@c.d") + "<a/>"},
		{"text after the root, raw ampersand", body("a&b@c.d") + "x"},
		{"DOCTYPE", "<!DOCTYPE Autodiscover>" + body(fred)},
		{"DOCTYPE after the declaration", `<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd">` + body(fred)},
		{"DOCTYPE, raw ampersand", "<!DOCTYPE a>" + body("a&b@c.d")},
		{"DOCTYPE after a raw ampersand", body("a&b@c.d") + "<!DOCTYPE a>"},
		{"DOCTYPE inside", strings.Replace(body(fred), "<Request>", "<Request><!DOCTYPE a>", 1)},
		{"entity", `<!DOCTYPE a [<!ENTITY x "fred@example.com">]>` + body("&x;")},
		{"entity bomb", `<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>` + body("&b;@c.d")},
		{"external entity", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + body("&x;")},
		{"DOCTYPE in UTF-16", "\xFF\xFE" + utf16Body("<!DOCTYPE a>"+body("a&b@c.d"), false)},
		{"DOCTYPE in another character set", `<?xml version="1.0" encoding="iso-8859-1"?><!DOCTYPE a>` + body("\xFC&b@c.d")},
		{"entity without DOCTYPE, elsewhere", strings.Replace(body(fred), "<Request>", "<Request>&x;", 1)},
		{"nine levels", strings.Replace(body(fred), "<Request>", "<Request>"+deep(7), 1)},
		{"a thousand levels", strings.Replace(body(fred), "<Request>", "<Request>"+deep(1000), 1)},
		{"a thousand levels in a raw address", body("&"+deep(1000)) + deep(1000)},
		{"control character", body("fr\x00ed@example.com")},
		{"control character, raw ampersand", body("fr\x1B&ed@example.com")},
		{"not UTF-8", body("fr\xFFed@example.com")},
		{"not UTF-8, raw ampersand", body("fr\xFF&ed@example.com")},
		{"XML 1.1", `<?xml version="1.1"?>` + body(fred)},
		{"a lone surrogate's number", body("fr&#xD800;ed@example.com") + "<"},
	}
	for _, test := range tests {
		got, err := parseRequest([]byte(test.body))
		if !errors.Is(err, errRequest) || got != (request{}) {
			t.Errorf("%s: got %+v, %v; want errRequest for\n%s", test.name, got, err, test.body)
		}
	}
}

const maxBody = 64 << 10

// hostileBodies are as large as the server allows.
func hostileBodies() map[string]string {
	fill := func(unit string) string { return strings.Repeat(unit, maxBody/len(unit)) }
	half := fill("a")[:maxBody/2]
	around := func(inside string) string { // inside a request, cut to size
		b := body("a&b@c.d")
		return strings.Replace(b, "<EMailAddress>", inside[:min(len(inside), maxBody-len(b))]+"<EMailAddress>", 1)
	}
	distinct := func() string {
		var b strings.Builder
		for i := 0; b.Len() < maxBody/2-10; i++ {
			b.WriteString("<" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + "/>")
		}
		return b.String()
	}
	return map[string]string{
		"zeros":                      fill("\x00"),
		"ones":                       fill("\xFF"),
		"less-than":                  fill("<"),
		"ampersands":                 fill("&"),
		"address of ampersands":      body(fill("&")[:maxBody-200]),
		"address of less-than":       body(fill("<")[:maxBody-200]),
		"address of entities":        body(fill("&lt;")[:maxBody-200]),
		"address of UTF-8":           body(fill("\u20ac")[:maxBody-201]),
		"open elements":              fill("<a>"),
		"empty elements":             around(fill("<a/>")),
		"long root, many children":   "<" + half + ">" + fill("<a/>")[:maxBody/2-maxBody/2%4] + "</" + half + ">",
		"long root, all different":   "<" + half + ">" + distinct() + "</" + half + ">",
		"declarations":               fill(`<?xml encoding="big5"?>`),
		"declarations, then a body":  fill(`<?xml version="1.0" encoding="windows-1252"?>`)[:maxBody-4096] + body("\x80\x80\x80\x80@c.d"),
		"thirty declarations":        strings.Repeat(`<?xml version="1.0" encoding="windows-1252"?>`, 30) + body("\x80\x80\x80\x80@c.d"),
		"expanding character set":    `<?xml version="1.0" encoding="windows-1252"?>` + body(fill("\x80")[:maxBody-300]),
		"expanding CJK":              `<?xml version="1.0" encoding="gb18030"?>` + body(fill("\xA2\xE3")[:maxBody-300]),
		"user-defined character set": `<?xml version="1.0" encoding="x-user-defined"?>` + body(fill("\xFF")[:maxBody-300]),
		"escape sequences":           `<?xml version="1.0" encoding="iso-2022-jp"?>` + body(fill("\x1B$B\x1B(B")[:maxBody-300]),
		"UTF-16":                     "\xFF\xFE" + fill("\x3c\x00"),
		"UTF-16 surrogates":          "\xFE\xFF" + fill("\xD8\x00"),
		"attributes":                 "<a" + fill(` a=""`) + "/>",
		"namespaces":                 "<a" + fill(` xmlns:a="b"`) + "/>",
		"namespaces on elements":     around(fill(`<a xmlns:a="b"/>`)),
		"long attribute":             `<a b="` + fill("b") + `"/>`,
		"long namespace":             `<a xmlns="` + half + `">` + fill("<a/>")[:maxBody/2-64] + "</a>",
		"comments":                   around(fill("<!---->")),
		"comment of hyphens":         around("<!--" + fill("- ")[:maxBody/2] + "-->"),
		"open comment":               "<!--" + fill("-"),
		"open CDATA":                 body("<![CDATA[" + fill("]")),
		"open DOCTYPE":               "<!DOCTYPE " + fill("<"),
		"DOCTYPE":                    "<!DOCTYPE [" + fill("<!ENTITY a 'b'>") + "]>",
		"address tags":               fill("emailaddress>"),
		"opening address tags":       fill("<emailaddress>"),
		"closing address tags":       fill("</emailaddress>"),
		"address tags in a request":  around(fill("&</emailaddress>")),
		"space":                      fill(" "),
		"space around":               body(fill(" ")[:maxBody-200]),
		"comments in the address":    body(fill("a<!---->")[:maxBody-200]),
		"CDATA in the address":       body(fill("<![CDATA[]]>")[:(maxBody-200)/12*12]),
		"numbers":                    body(fill("&#x10FFFF;")[:(maxBody-200)/10*10]),
	}
}

// TestHostileBodies limits what a body of the permitted size can cost to reading it once or twice. encoding/xml alone (Go 1.26) takes half
// a second or gigabytes for some of these.
func TestHostileBodies(t *testing.T) {
	for name, text := range hostileBodies() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		got, err := parseRequest([]byte(text))
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		allocated := (after.TotalAlloc - before.TotalAlloc) >> 10
		t.Logf("%-28s %10v %6d KiB", name, took.Round(10*time.Microsecond), allocated)
		if took > 30*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if allocated > 16<<10 {
			t.Errorf("%s: allocated %d KiB", name, allocated)
		}
		if err != nil && !errors.Is(err, errRequest) || len(got.address) > 3*maxBody {
			t.Errorf("%s: %v, %d octets of address", name, err, len(got.address))
		}
	}
}

// FuzzRequest looks for a body that breaks the parser, and for an address that is not what an XML reader sees.
func FuzzRequest(f *testing.F) {
	for _, b := range realRequests(f) {
		f.Add(b)
	}
	f.Add([]byte("\xFF\xFE" + utf16Body(body("a&b@c.d"), false)))
	f.Add([]byte(`<?xml version="1.0" encoding="windows-1252"?>` + body("\x80&@c.d")))
	f.Add([]byte("<!DOCTYPE a>" + body("&x;")))
	f.Add([]byte(body("<![CDATA[a]]><!-- b -->@c.d")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if scanned, ok := scanRequest(string(b)); ok {
			if read, err := readRequest(toUTF8(b)); err != nil || scanned != read {
				t.Fatalf("scanned %+v, read %+v, %v", scanned, read, err)
			}
		}
		req, err := parseRequest(b)
		if err != nil {
			if !errors.Is(err, errRequest) || req != (request{}) {
				t.Fatalf("got %+v, %v", req, err)
			}
			return
		}
		if len(req.address)+len(req.schema) > 3*len(b)+3 {
			t.Fatalf("%d octets became %d", len(b), len(req.address)+len(req.schema))
		}
		// Written properly and read again, it is the same request.
		var again strings.Builder
		again.WriteString(`<Autodiscover><Request><EMailAddress>`)
		xml.EscapeText(&again, []byte(req.address))
		again.WriteString(`</EMailAddress><AcceptableResponseSchema>`)
		xml.EscapeText(&again, []byte(req.schema))
		again.WriteString(`</AcceptableResponseSchema></Request></Autodiscover>`)
		second, err := parseRequest([]byte(again.String()))
		second.mobilesync = req.mobilesync
		if err != nil || second != req {
			t.Fatalf("first %+v, then %+v, %v", req, second, err)
		}
	})
}
