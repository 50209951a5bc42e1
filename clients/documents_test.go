package clients_test

import (
	"strings"
	"testing"
)

// Documents as this server answers them. The tests change a few characters of one and check which clients notice.
const (
	// minimalConfig is a complete config-v1.1.xml of version 1.1.
	minimalConfig = `<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.com">
    <domain>example.com</domain>
    <displayName>Example Mail</displayName>
    <displayShortName>Example</displayShortName>
    <incomingServer type="imap">
      <hostname>imap.example.com</hostname>
      <port>993</port>
      <socketType>SSL</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <incomingServer type="pop3">
      <hostname>pop.example.com</hostname>
      <port>995</port>
      <socketType>SSL</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.example.com</hostname>
      <port>465</port>
      <socketType>SSL</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </outgoingServer>
    <documentation url="https://autoconfig.example.com/">
      <descr lang="en">Mail settings for example.com</descr>
    </documentation>
  </emailProvider>
</clientConfig>
`

	// imap993 is the IMAP entry of minimalConfig, imap143 the fallback that a domain may list after it.
	imap993 = `<incomingServer type="imap">
      <hostname>imap.example.com</hostname>
      <port>993</port>
      <socketType>SSL</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>`
	imap143 = `<incomingServer type="imap">
      <hostname>imap.example.com</hostname>
      <port>143</port>
      <socketType>STARTTLS</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>`
	pop995 = `<incomingServer type="pop3">
      <hostname>pop.example.com</hostname>
      <port>995</port>
      <socketType>SSL</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>`
	smtp465 = `<outgoingServer type="smtp">
      <hostname>smtp.example.com</hostname>
      <port>465</port>
      <socketType>SSL</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </outgoingServer>`

	// jmapServer, ewsServer and activeSyncServer are what version 1.2 may add inside emailProvider, rootSections what it may add after it.
	jmapServer = `<incomingServer type="jmap">
      <url>https://jmap.example.com/session</url>
      <authentication system="http">Basic</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>`
	ewsServer = `<incomingServer type="ews">
      <url>https://ews.example.com/EWS/Exchange.asmx</url>
      <authentication system="http">Basic</authentication>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>`
	activeSyncServer = `<incomingServer type="activesync">
      <url>https://eas.example.com/Microsoft-Server-ActiveSync</url>
      <authentication>OAuth2</authentication>
      <authentication system="http">Basic</authentication>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>`
	rootSections = `<addressbook type="carddav">
    <url>https://dav.example.com/contacts/</url>
    <authentication system="http">Basic</authentication>
    <username>%EMAILADDRESS%</username>
  </addressbook>
  <calendar type="caldav">
    <url>https://dav.example.com/calendars/</url>
    <authentication>OAuth2</authentication>
    <authentication system="http">Basic</authentication>
    <username>%EMAILADDRESS%</username>
  </calendar>
  <fileShare type="webdav">
    <url>https://dav.example.com/files/</url>
    <authentication system="http">Digest</authentication>
    <username>%EMAILADDRESS%</username>
  </fileShare>
  <setupServer type="managesieve">
    <hostname>imap.example.com</hostname>
    <port>4190</port>
    <socketType>STARTTLS</socketType>
    <authentication>password-cleartext</authentication>
    <username>%EMAILADDRESS%</username>
  </setupServer>
  <oAuth2>
    <authURL>https://login.example.com/auth</authURL>
    <tokenURL>https://login.example.com/token</tokenURL>
    <issuer>login.example.com</issuer>
    <scope>IMAP SMTP offline_access</scope>
    <clientID>open</clientID>
  </oAuth2>
  <clientConfigUpdate url="https://autoconfig.example.com/mail/config-v1.1.xml"/>`

	// outlookSettings is a complete POX answer with both TLS modes.
	outlookSettings = `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">
    <User>
      <DisplayName>fred@example.com</DisplayName>
      <AutoDiscoverSMTPAddress>fred@example.com</AutoDiscoverSMTPAddress>
    </User>
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
      <Protocol>
        <Type>IMAP</Type>
        <Server>imap.example.com</Server>
        <Port>993</Port>
        <LoginName>fred@example.com</LoginName>
        <DomainRequired>off</DomainRequired>
        <SPA>off</SPA>
        <SSL>on</SSL>
        <Encryption>SSL</Encryption>
        <AuthRequired>on</AuthRequired>
      </Protocol>
      <Protocol>
        <Type>SMTP</Type>
        <Server>smtp.example.com</Server>
        <Port>587</Port>
        <LoginName>fred@example.com</LoginName>
        <DomainRequired>off</DomainRequired>
        <SPA>off</SPA>
        <SSL>on</SSL>
        <Encryption>TLS</Encryption>
        <AuthRequired>on</AuthRequired>
        <UsePOPAuth>on</UsePOPAuth>
        <SMTPLast>off</SMTPLast>
      </Protocol>
    </Account>
  </Response>
</Autodiscover>
`

	// poxIMAP143 is the fallback that may follow the first Protocol of outlookSettings.
	poxIMAP143 = `<Protocol>
        <Type>IMAP</Type>
        <Server>imap.example.com</Server>
        <Port>143</Port>
        <LoginName>fred@example.com</LoginName>
        <DomainRequired>off</DomainRequired>
        <SPA>off</SPA>
        <SSL>on</SSL>
        <Encryption>TLS</Encryption>
        <AuthRequired>on</AuthRequired>
      </Protocol>
      `

	mobileSyncSettings = `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006">
    <Culture>en:us</Culture>
    <User>
      <DisplayName>fred@example.com</DisplayName>
      <EMailAddress>fred@example.com</EMailAddress>
    </User>
    <Action>
      <Settings>
        <Server>
          <Type>MobileSync</Type>
          <Url>https://eas.example.com/Microsoft-Server-ActiveSync</Url>
          <Name>https://eas.example.com/Microsoft-Server-ActiveSync</Name>
        </Server>
      </Settings>
    </Action>
  </Response>
</Autodiscover>
`

	requestError = `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response>
    <Error Time="14:03:27.5310000" Id="2477272013">
      <ErrorCode>600</ErrorCode>
      <Message>Invalid Request</Message>
      <DebugData />
    </Error>
  </Response>
</Autodiscover>
`
)

// mobileSyncError is the answer to a mobilesync request if there is no ActiveSync.
var mobileSyncError = strings.NewReplacer(
	"<Response>", `<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006">`,
	"600", "601").Replace(requestError)

// edited returns a document with pairs of old and new text replaced, each at its first occurrence. If an old text is missing, the test is
// wrong.
func edited(t testing.TB, doc string, pairs ...string) string {
	t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if !strings.Contains(doc, pairs[i]) {
			t.Fatalf("%q is not in the document to edit:\n%s", pairs[i], doc)
		}
		doc = strings.Replace(doc, pairs[i], pairs[i+1], 1)
	}
	return doc
}

// config12 returns minimalConfig with everything that version 1.2 adds.
func config12(t testing.TB) string {
	return edited(t, minimalConfig,
		`version="1.1"`, `version="1.2"`,
		smtp465, jmapServer+"\n    "+ewsServer+"\n    "+activeSyncServer+"\n    "+smtp465,
		"</emailProvider>", "</emailProvider>\n  "+rootSections)
}
