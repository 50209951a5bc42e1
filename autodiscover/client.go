package autodiscover

import (
	"encoding/xml"
	"strings"

	"mailhint/settings"
)

// NewRequest returns the body with which Outlook asks for an address, for those who want to compare a server's answer with their
// own.
func NewRequest(a settings.Address) string {
	var b strings.Builder
	b.WriteString(xml.Header)
	b.WriteString(`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>`)
	xml.EscapeText(&b, []byte(a.String())) // writing to a strings.Builder cannot fail
	b.WriteString(`</EMailAddress><AcceptableResponseSchema>` + schemaPrefix + schemaOutlook + `</AcceptableResponseSchema></Request></Autodiscover>`)
	return b.String()
}
