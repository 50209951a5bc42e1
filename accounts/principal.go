package accounts

import (
	"net/netip"
	"slices"
	"strings"
)

// Principal is who acts. Only Service makes one from a request, after it has checked a session or token: no part of it is ever taken from
// what a request says of itself. The zero value may do nothing.
type Principal struct {
	// Name is the account's; for a person of an identity provider "oidc:" and a name; for a token that was made on the command line "token:"
	// and its name. Names of accounts contain no colon.
	Name string
	Role Role
	// Domains and Profiles are as in Account.
	Domains, Profiles []string
	// Token is the name of the token, Session the ID of the session that proved who it is; at most one of them is set.
	Token, Session string
	// Address is the network address of the client.
	Address netip.Addr

	within *Principal // this may do nothing that that one may not; nil for no such limit
}

// Target is what an action is about. The zero value is right for actions about no domain or profile in particular.
type Target struct {
	// Domain is the name of a record: in lower case and A-labels, as edits.Ref has it. It must come from the record, not from a request, so that
	// an alias or another spelling does not pass for it. For Add it is the name of the new record.
	Domain string
	// Profile is the profile that the domain inherits from or, for ViewProfile and EditProfile, the profile; empty for none.
	Profile string
	// Admins is the value of the domain's key admins.
	Admins []string
	// Account is the account that a token, session or event belongs to (Event.Actor); empty for the command line.
	Account string
}

// Principal returns who acts when a request has been proved to come from an account.
func (a Account) Principal(address netip.Addr) Principal {
	if a.Disabled {
		return Principal{Name: a.Name, Address: address}
	}
	return Principal{Name: a.Name, Role: a.Role, Domains: a.Domains, Profiles: a.Profiles, Address: address}
}

// CommandLine returns who acts when somebody runs a command on the machine of the store: an operator, whose name says so.
func CommandLine(user string) Principal { return Principal{Name: commandPrefix + user, Role: Operator} }

const commandPrefix = "command:"

// May reports whether somebody may perform an action. A change of a domain's profile needs the permission before and after it.
func (p Principal) May(action Action, t Target) bool {
	if p.within != nil && !p.within.May(action, t) {
		return false
	}
	switch ReachOf(p.Role, action, p.Token != "") {
	case Everything:
		return true
	case Own:
		return p.owns(action, t)
	}
	return false
}

// owns reports whether the target of an action is one's own.
func (p Principal) owns(action Action, t Target) bool {
	switch action {
	case View, Probe, Edit, Add, Remove:
		return p.ownsDomain(t)
	case ViewProfile:
		return p.ownsProfile(t)
	case ManageTokens, ManageSessions, ManageSelf, ViewAudit:
		return p.Name != "" && t.Account == p.Name
	}
	return false
}

func (p Principal) ownsDomain(t Target) bool {
	named := t.Domain != "" && slices.Contains(p.Domains, t.Domain)
	switch p.Role {
	case DomainAdmin:
		return named || t.Domain != "" && slices.Contains(t.Admins, p.Name)
	case Provisioner:
		return t.Domain != "" && p.AllowsProfile(t.Profile) && (named || len(p.Domains) == 0)
	case Viewer:
		return named || len(p.Domains) == 0
	}
	return false
}

// ownsProfile reports whether a profile is one's own: a provisioner's are listed; that of any other is one that a domain of theirs inherits
// from, which t.Domain and t.Admins describe.
func (p Principal) ownsProfile(t Target) bool {
	if p.Role == Provisioner {
		return p.AllowsProfile(t.Profile)
	}
	return p.ownsDomain(t)
}

// AllowsProfile reports whether somebody may put domains on a profile.
func (p Principal) AllowsProfile(profile string) bool {
	if p.within != nil && !p.within.AllowsProfile(profile) {
		return false
	}
	switch p.Role {
	case Operator:
		return true
	case Provisioner:
		return profile != "" && (slices.Contains(p.Profiles, profile) || slices.Contains(p.Profiles, AllProfiles))
	}
	return false
}

// MayChange reports whether somebody who may Edit or Add a domain may set, change or remove one of its keys. editable is the value of the
// key editable that the domain has, also by inheritance. A key below another, such as oauth2.issuer, is judged by the first part.
func (p Principal) MayChange(key string, editable []string) bool {
	if p.within != nil && !p.within.MayChange(key, editable) {
		return false
	}
	key, _, _ = strings.Cut(key, ".")
	switch p.Role {
	case Operator:
		return true
	case Provisioner:
		return key == "profile" || slices.Contains(editable, key)
	case DomainAdmin:
		return slices.Contains(editable, key)
	}
	return false
}

// SeesAll reports whether somebody may view every domain, so that nothing need be filtered.
func (p Principal) SeesAll() bool {
	return (p.Role == Operator || p.Role == Viewer && len(p.Domains) == 0) && (p.within == nil || p.within.SeesAll())
}
