package accounts

import "slices"

// Role is what kind of work an account or token is for.
type Role string

// The roles.
const (
	Operator    Role = "operator"     // may do everything
	DomainAdmin Role = "domain-admin" // changes the editable keys of some domains
	Provisioner Role = "provisioner"  // adds and removes domains on some profiles
	Viewer      Role = "viewer"       // looks at all domains, or at some
)

// Roles lists the roles, the most powerful first.
var Roles = []Role{Operator, DomainAdmin, Provisioner, Viewer}

// Action is what somebody may or may not do. Every route of the API and the page, and every operation of package admin, is one of these.
type Action string

// The actions. Those on domains and profiles depend on the Target; the others on whose account, token or session it is.
const (
	View   Action = "view"   // read a domain: its keys, effective values, history, previews, DNS records, doctor report
	Probe  Action = "probe"  // make this server connect to mail servers for a domain
	Edit   Action = "edit"   // change a domain, or restore what it was; see MayChange for the keys
	Add    Action = "add"    // add a domain
	Remove Action = "remove" // remove a domain

	ViewProfile Action = "view profile" // read a profile
	EditProfile Action = "edit profile" // add, change or remove a profile
	Apply       Action = "apply"        // replace many domains and profiles by a snapshot

	ViewAudit      Action = "view audit"      // read the audit trail
	ManageAccounts Action = "manage accounts" // list, add, change and remove accounts
	ManageTokens   Action = "manage tokens"   // list, add and revoke tokens
	ManageSessions Action = "manage sessions" // list and end sessions
	ManageSelf     Action = "manage self"     // change one's own password and codes
)

// Actions lists all actions.
var Actions = []Action{View, Probe, Edit, Add, Remove, ViewProfile, EditProfile, Apply, ViewAudit, ManageAccounts, ManageTokens, ManageSessions, ManageSelf}

// Reach says on what a role may perform an action.
type Reach int

// The reaches.
const (
	Nothing Reach = iota
	// Own are, for domains and profiles, those that Principal.owns describes; for the audit trail, what one has done oneself; for accounts, tokens
	// and sessions, one's own.
	Own
	Everything
)

// table is who may do what. What is not in it is denied.
var table = map[Action]map[Role]Reach{
	View:   {Operator: Everything, DomainAdmin: Own, Provisioner: Own, Viewer: Own},
	Probe:  {Operator: Everything, DomainAdmin: Own, Provisioner: Own},
	Edit:   {Operator: Everything, DomainAdmin: Own, Provisioner: Own},
	Add:    {Operator: Everything, Provisioner: Own},
	Remove: {Operator: Everything, Provisioner: Own},

	ViewProfile: {Operator: Everything, DomainAdmin: Own, Provisioner: Own, Viewer: Own},
	EditProfile: {Operator: Everything},
	Apply:       {Operator: Everything},

	ViewAudit:      {Operator: Everything, DomainAdmin: Own, Provisioner: Own, Viewer: Own},
	ManageAccounts: {Operator: Everything},
	ManageTokens:   {Operator: Everything, DomainAdmin: Own, Provisioner: Own, Viewer: Own},
	ManageSessions: {Operator: Everything, DomainAdmin: Own, Provisioner: Own, Viewer: Own},
	ManageSelf:     {Operator: Own, DomainAdmin: Own, Provisioner: Own, Viewer: Own},
}

// interactive are the actions that only a person who has signed in may perform, not a token.
var interactive = []Action{ManageAccounts, ManageSessions, ManageSelf}

// ReachOf returns on what a role may perform an action; whether with a token, too. It is the table that tests of routes are made from.
func ReachOf(role Role, action Action, token bool) Reach {
	if token && slices.Contains(interactive, action) {
		return Nothing
	}
	return table[action][role]
}
