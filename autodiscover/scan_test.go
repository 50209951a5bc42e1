package autodiscover

import (
	"strings"
	"testing"
)

// Requests as clients write them are scanned; everything else is left to encoding/xml. FuzzRequest compares what both return.
func TestScanRequest(t *testing.T) {
	const thunderbird = `<?xml version="1.0" encoding="utf-8"?>` + "\n" +
		`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">` +
		`<Request><EMailAddress>bob@example.com</EMailAddress>` +
		`<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>` +
		`</Request></Autodiscover>`
	want := request{address: "bob@example.com", schema: schemaPrefix + schemaOutlook}
	if got, ok := scanRequest(thunderbird); !ok || got != want {
		t.Errorf("got %+v, %v; want %+v", got, ok, want)
	}
	for _, change := range []struct{ old, new string }{
		{"bob", "b&amp;b"},
		{"bob", "b&b"},
		{"bob", "b<!-- -->b"},
		{"bob", "<![CDATA[bob]]>"},
		{"bob", "b]]>b"},
		{"bob", "b\xFFb"},
		{"bob", "b\x00b"},
		{"bob", "bö"},
		{"bob", "b\r\nb"},
		{"bob", "<b>bob</b>"},
		{`encoding="utf-8"`, `encoding="windows-1252"`},
		{`"1.0"`, `"1.1"`},
		{"\n<Autodiscover ", "<!DOCTYPE a>\n<Autodiscover "},
		{"<Request>", "<Request/><Request>"},
		{"<Request>", "<:Request>"},
		{"<Request>", "<1Request>"},
		{"<Request>", "<Request a=b>"},
		{"<Request>", `<Request a="b"c="d">`},
		{"<Request>", `<Request a="<">`},
		{"<Request>", "<Request>" + strings.Repeat("<a>", maxDepth) + strings.Repeat("</a>", maxDepth)},
		{"</Request>", "</request>"},
		{"</Request>", "</Request a='b'>"},
		{"</Request>", "<EMailAddress>a@example.com</EMailAddress></Request>"},
		{"</Autodiscover>", ""},
		{"</Autodiscover>", "</Autodiscover>x"},
		{"</Autodiscover>", "</Autodiscover><Autodiscover></Autodiscover>"},
	} {
		body := strings.Replace(thunderbird, change.old, change.new, 1)
		if body == thunderbird {
			t.Fatalf("%q does not occur in the request", change.old)
		}
		if got, ok := scanRequest(body); ok {
			t.Errorf("%q instead of %q: scanned as %+v, want it left to encoding/xml", change.new, change.old, got)
		}
	}
}
