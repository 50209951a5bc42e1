package clients_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Clients from the Exchange world read POX by its namespaces, without prefixes.
const (
	wrapperSpace = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
	outlookSpace = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
)

// outlook2010POX is classic Outlook 2010 to 2019 with its old account wizard. It follows the specification and has not been tried with Outlook:
// [MS-OXDSCLI] 2.2.4.1.1.2.6.22 says that Encryption overrides SSL and that TLS means STARTTLS.
func outlook2010POX(a answer) (setup, error) {
	return outlookPOX(a, func(protocol *element, port int) (security, error) {
		ssl, err := onOff(protocol, "SSL", "on")
		if err != nil {
			return "", err
		}
		switch encryption := protocol.content("Encryption"); encryption {
		case "SSL":
			return implicitTLS, nil
		case "TLS": // even on 993, where it then waits in vain for a greeting
			return startTLS, nil
		case "None":
			return noEncryption, nil
		case "Auto": // the strongest that both support
			if slices.Contains([]int{143, 110, 25, 587}, port) {
				return startTLS, nil
			}
			return implicitTLS, nil
		case "":
			return sslOnly(ssl), nil
		default:
			return "", fmt.Errorf("Encryption %q", encryption)
		}
	})
}

// outlook2007POX does not know Encryption: with SSL on it uses implicit TLS on any port, so STARTTLS ports fail.
func outlook2007POX(a answer) (setup, error) {
	return outlookPOX(a, func(protocol *element, _ int) (security, error) {
		ssl, err := onOff(protocol, "SSL", "on")
		return sslOnly(ssl), err
	})
}

func sslOnly(ssl string) security {
	if ssl == "off" {
		return noEncryption
	}
	return implicitTLS
}

// outlookPOX is what both have in common. The order of the Protocols is the server's preference (MS-OXDSCLI 3.2.5).
func outlookPOX(a answer, secured func(*element, int) (security, error)) (setup, error) {
	account, err := outlookAccount(a)
	if err != nil {
		return setup{}, err
	}
	var incoming, outgoing []endpoint
	for _, protocol := range account.all("Protocol") {
		kind := map[string]string{"IMAP": "imap", "POP3": "pop3", "SMTP": "smtp"}[protocol.content("Type")]
		if kind == "" {
			continue
		}
		e, err := outlookProtocol(protocol, a.Address, secured)
		if err != nil {
			return setup{}, err
		}
		if e.Protocol = kind; kind == "smtp" {
			outgoing = append(outgoing, e)
		} else {
			incoming = append(incoming, e)
		}
	}
	if len(incoming) == 0 {
		return setup{}, errors.New("no IMAP or POP3 Protocol")
	}
	return newSetup(incoming, outgoing), nil
}

// outlookAccount finds the account's settings. [MS-OXDSCLI] 3.2.5 requires the User element, which may be empty.
func outlookAccount(a answer) (*element, error) {
	if a.Status != 200 {
		return nil, fmt.Errorf("status %d", a.Status)
	}
	root, err := parse(a.Body)
	if err != nil {
		return nil, err
	}
	response := root.first("Response")
	account := response.first("Account")
	switch {
	case !root.is(wrapperSpace, "Autodiscover") || response == nil:
		return nil, errors.New("no Autodiscover and Response in their name space")
	case response.first("Error") != nil:
		return nil, fmt.Errorf("error %s: %s", response.first("Error").content("ErrorCode"), response.first("Error").content("Message"))
	case !response.is(outlookSpace, "Response"):
		return nil, fmt.Errorf("Response in namespace %q", response.space)
	case response.first("User") == nil:
		return nil, errors.New("no User")
	case account.content("AccountType") != "email" || account.content("Action") != "settings":
		return nil, fmt.Errorf("account type %q, action %q", account.content("AccountType"), account.content("Action"))
	}
	return account, nil
}

func outlookProtocol(protocol *element, address string, secured func(*element, int) (security, error)) (endpoint, error) {
	e := endpoint{Host: protocol.content("Server"), Username: address, Auth: "password"}
	var err error
	if e.Port, err = strconv.Atoi(protocol.content("Port")); err != nil || e.Host == "" {
		return endpoint{}, fmt.Errorf("server %q, port %q", e.Host, protocol.content("Port"))
	}
	if e.Security, err = secured(protocol, e.Port); err != nil {
		return endpoint{}, err
	}
	if login := protocol.content("LoginName"); login != "" {
		e.Username = login
	}
	return e, e.setOutlookSwitches(protocol)
}

// setOutlookSwitches reads the switches. SPA is on if it is missing, and then the password is only used with NTLM.
func (e *endpoint) setOutlookSwitches(protocol *element) error {
	spa, spaErr := onOff(protocol, "SPA", "on")
	required, requiredErr := onOff(protocol, "AuthRequired", "on")
	domain, domainErr := onOff(protocol, "DomainRequired", "off")
	if spa == "on" {
		e.Auth = "ntlm"
	}
	if required == "off" {
		e.Auth = "none"
	}
	if domain == "on" { // it requires DOMAIN\user
		e.Username = protocol.content("DomainName") + `\` + e.Username
	}
	return errors.Join(spaErr, requiredErr, domainErr)
}

// onOff reads a switch. Anything but on and off is an error, including an empty element: <SSL/> broke Outlook (virtualmin issue 1184).
func onOff(protocol *element, name, missing string) (string, error) {
	if protocol.first(name) == nil {
		return missing, nil
	}
	value := protocol.content(name)
	if value != "on" && value != "off" {
		return "", fmt.Errorf("%s %q is not on or off", name, value)
	}
	return value, nil
}

// exchangelibPOX is exchangelib's properties.py, which needs an Exchange server. For an IMAP answer it must end with its own plain error
// (errExchangeOnly) and not with an internal exception.
func exchangelibPOX(a answer) (setup, error) {
	if a.Status != 200 {
		return setup{}, fmt.Errorf("status %d", a.Status)
	}
	root, err := parse(a.Body)
	if err != nil {
		return setup{}, err
	}
	if !root.is(wrapperSpace, "Autodiscover") {
		return setup{}, errors.New("unknown root element")
	}
	response := root.first("Response")
	if response.is(wrapperSpace, "Response") && response.first("Error") != nil {
		return setup{}, fmt.Errorf("error %s: %s", response.first("Error").content("ErrorCode"), response.first("Error").content("Message"))
	}
	if !response.is(outlookSpace, "Response") {
		return setup{}, errors.New("unknown error response")
	}
	if response.first("User") == nil {
		return setup{}, errors.New("no User: AttributeError")
	}
	for _, kind := range []string{"EXPR", "EXCH"} {
		for _, protocol := range response.first("Account").all("Protocol") {
			if url := protocol.content("EwsUrl"); protocol.content("Type") == kind && url != "" {
				return setup{Incoming: endpoint{Protocol: "ews", Host: url, Port: 443, Security: implicitTLS, Username: a.Address}}, nil
			}
		}
	}
	return setup{}, errExchangeOnly
}
