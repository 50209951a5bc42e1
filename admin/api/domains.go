package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/doctor"
	"mailhint/edits"
	"mailhint/probe"
)

// DomainPath is the domain in the path of a request.
type DomainPath struct {
	Domain string `path:"domain" maxLength:"300" doc:"The name of the record: a domain in Unicode or A-labels, or *. and a domain. An alias does not name a record." example:"example.com"`
}

// ref reads the domain. One that is not valid is one that does not exist.
func (p DomainPath) ref() (edits.Ref, error) {
	ref, err := edits.ParseDomain(p.Domain)
	if err != nil {
		return ref, notFound(admin.ErrNotFound.Error())
	}
	return ref, nil
}

// ChangeParams are the parameters of changes.
type ChangeParams struct {
	IfMatch string `header:"If-Match" doc:"The ETag of the record as it was read. Weak ETags and * are refused." example:"\"5f0c9a\""`
	DryRun  bool   `query:"dry_run" doc:"Save nothing; answer with the diff and with what each client would get."`
	Probe   string `query:"probe" enum:"require,warn,skip" default:"skip" doc:"Whether to look at the mail servers first: require refuses a change if one does not work, warn only reports it."`
	Address string `query:"address" maxLength:"400" doc:"The address for which to preview what clients get; a made-up one by default."`
}

func (p ChangeParams) options(revision edits.Revision, reason string) admin.Options {
	return admin.Options{If: revision, Via: edits.API, Reason: reason, DryRun: p.DryRun, Probe: admin.ProbeMode(p.Probe), Address: p.Address}
}

// outcome is the answer to a change.
type outcome struct {
	Status int
	ETag   string `header:"ETag" doc:"The ETag that the record has afterwards; missing if it is gone, and in a dry run."`
	Body   Outcome
}

func outcomeAs(status int, o admin.Outcome, dryRun bool) *outcome {
	answer := &outcome{Status: status, Body: outcomeOf(o)}
	if dryRun {
		answer.Status = http.StatusOK
	} else {
		answer.ETag = etag(o.Revision)
	}
	return answer
}

// the statuses of problems that an operation can answer with, besides those that all have.
var (
	reads  = []int{400, 401, 403, 404, 422, 429, 503}
	writes = []int{400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 503}
	looks  = []int{400, 401, 403, 404, 415, 422, 429, 501, 503}
)

// operation describes an operation.
func operation(method, path, id, tag, summary, description string, problems []int) huma.Operation {
	op := huma.Operation{OperationID: id, Method: method, Path: Prefix + path, Summary: summary, Description: description, Tags: []string{tag}, Errors: problems,
		MaxBodyBytes: -1, BodyReadTimeout: -1} // the guard has read the body already, and a deadline would end what takes longer
	if method == http.MethodPut || method == http.MethodPost {
		op.DefaultStatus = http.StatusOK
	}
	return op
}

// domainOperation describes an operation on a domain.
func domainOperation(method, path, id, summary, description string, problems []int) huma.Operation {
	return operation(method, "/domains/{domain}"+path, id, "domains", summary, description, problems)
}

type listInput struct {
	Search    string `query:"search" maxLength:"300" doc:"Only domains whose name, or an alias of which, contains this."`
	Profile   string `query:"profile" maxLength:"300" doc:"Only domains that inherit from this profile."`
	ManagedBy string `query:"managed_by" enum:"file,list,store" doc:"Only domains that are kept there."`
	State     string `query:"state" enum:"unknown,good,warning,login,ipv6,certificate,tls,closed,address" doc:"Only domains in this state of the background probe."`
	After     string `query:"after" maxLength:"300" doc:"Only names after this one: next of the page before."`
	Limit     int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"At most so many."`
}

// list is the answer to a list.
type list struct {
	ETag string `header:"ETag"`
	Body struct {
		Domains []Row  `json:"domains" doc:"Ordered by name."`
		Next    string `json:"next,omitempty" doc:"What to send as after for the next page; missing on the last one."`
		Total   *int   `json:"total,omitempty" doc:"How many domains match, on all pages; missing if that is not known."`
	}
}

type putInput struct {
	DomainPath
	ChangeParams
	IfNoneMatch string `header:"If-None-Match" doc:"Only * is possible, for a domain that is to be added."`
	Body        putBody
}

type putBody struct {
	Values Values  `json:"values" doc:"All the record's own keys and values."`
	List   *string `json:"list,omitempty" maxLength:"300" doc:"The profile whose list is to have the domain; empty for none. Without it, a domain stays where it is, and one that is added with nothing but a profile goes into the list of that profile, if it has one."`
	Reason string  `json:"reason,omitempty" maxLength:"1000" doc:"Why, for the history."`
}

type patchInput struct {
	DomainPath
	ChangeParams
	Body patchBody
}

type patchBody struct {
	Values Patch  `json:"values"`
	Reason string `json:"reason,omitempty" maxLength:"1000" doc:"Why, for the history."`
}

type deleteInput struct {
	DomainPath
	IfMatch string `header:"If-Match" doc:"The ETag of the record as it was read. Weak ETags and * are refused."`
	DryRun  bool   `query:"dry_run" doc:"Save nothing; answer with the diff."`
	Reason  string `query:"reason" maxLength:"1000" doc:"Why, for the history."`
}

type restoreInput struct {
	DomainPath
	ChangeParams
	IfNoneMatch string `header:"If-None-Match" doc:"Only * is possible, for a domain that was removed."`
	Body        restoreBody
}

type restoreBody struct {
	Number int64  `json:"number,omitempty" minimum:"0" doc:"The change to undo, with all later ones of the record; 0 or nothing for the latest."`
	Reason string `json:"reason,omitempty" maxLength:"1000" doc:"Why, for the history."`
}

// view is a record as an answer.
type view struct {
	ETag string `header:"ETag"`
	Body View
}

func viewAs(v admin.View) *view { return &view{etag(v.Revision), viewOf(v)} }

type historyInput struct {
	DomainPath
	HistoryParams
	DetailsParam
}

type HistoryParams struct {
	Before int64 `query:"before" minimum:"0" doc:"Only changes with a lower number; 0 for the newest."`
	Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"At most so many."`
}

// DetailsParam is for lists of changes.
type DetailsParam struct {
	Details bool `query:"details" doc:"Also say what each change did, in a line and as a diff; then at most 100 changes."`
}

// changes is a list of changes as an answer.
type changes struct {
	ETag string `header:"ETag"`
	Body struct {
		Changes []Change `json:"changes" doc:"The newest first."`
	}
}

func changesAs(all []edits.Change, details bool) *changes {
	answer := new(changes)
	const most = 100 // a diff of a long list takes long
	if details {
		all = all[:min(len(all), most)]
	}
	answer.Body.Changes = changesOf(all)
	for i := range answer.Body.Changes {
		if details {
			answer.Body.Changes[i].What, answer.Body.Changes[i].Diff = all[i].What(), all[i].Diff()
		}
	}
	answer.ETag = tagOf(answer.Body)
	return answer
}

func (a *api) registerDomains() {
	huma.Register(a.API, operation(http.MethodGet, "/domains", "list-domains", "domains", "List domains", "Lists the domains that this account may see, a page at a time.", reads), a.listDomains)
	huma.Register(a.API, domainOperation(http.MethodGet, "", "get-domain", "Read a domain", "Answers with the domain's own values, and with every key: its effective value, where that is set, and whether this account may change it.", reads), a.getDomain)
	huma.Register(a.API, domainOperation(http.MethodPut, "", "put-domain", "Add or replace a domain", "Gives a domain new values, all of them. With If-None-Match: * it adds the domain.", writes), a.putDomain)
	huma.Register(a.API, domainOperation(http.MethodPatch, "", "patch-domain", "Change keys of a domain", "Changes single keys and keeps the others.", writes), a.patchDomain)
	huma.Register(a.API, domainOperation(http.MethodDelete, "", "delete-domain", "Remove a domain", "Removes a domain, also from the list that has it. An account cannot remove more than a tenth of its domains within an hour, or ten if that is more.", writes), a.deleteDomain)
	huma.Register(a.API, domainOperation(http.MethodPost, "/restore", "restore-domain", "Undo changes of a domain", "Returns a domain to how it was before a change. One that was removed is restored with If-None-Match: *.", writes), a.restoreDomain)
	huma.Register(a.API, domainOperation(http.MethodGet, "/history", "domain-history", "List the changes of a domain", "Accounts that do not see every domain are shown the changes since the domain was last added.", reads), a.domainHistory)
	huma.Register(a.API, domainOperation(http.MethodGet, "/preview", "preview-domain", "See what clients get", "Answers with what each kind of client gets from what is served.", reads), a.previewDomain)
	huma.Register(a.API, domainOperation(http.MethodPost, "/probe", "probe-domain", "Look at mail servers", "Connects to the domain's mail servers, or to one that is not saved yet, and says whether mail programs can use them. Accounts have a budget. For accounts that are not operators, only the usual ports of mail servers at public addresses are looked at.", looks), a.probeDomain)
	huma.Register(a.API, domainOperation(http.MethodPost, "/doctor", "examine-domain", "Examine a domain", "Looks where mail clients look, and reports what is wrong with how to fix it. Takes up to two minutes.", looks), a.examineDomain)
	huma.Register(a.API, domainOperation(http.MethodGet, "/dns", "domain-dns", "List the DNS records to publish", "Answers with the records that the domain should publish and, if asked, with whether it does.", looks), a.domainDNS)
	huma.Register(a.API, operation(http.MethodPost, "/probe", "find-servers", "domains", "Search for the mail servers of a domain", "Searches where DNS and common names point, and answers with values for a domain that is to be added.", looks), a.findServers)
}

func (a *api) listDomains(ctx context.Context, in *listInput) (*list, error) {
	page, err := a.Domains(ctx, principal(ctx), admin.Query{Search: in.Search, Profile: in.Profile, ManagedBy: edits.ManagedBy(in.ManagedBy), State: in.State, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, problemOf(err)
	}
	answer := new(list)
	answer.Body.Domains = make([]Row, len(page.Rows))
	for i, r := range page.Rows {
		row := Row{Record: recordOf(r.Record), State: r.State}
		if !r.Seen.IsZero() {
			row.Seen = &r.Seen
		}
		answer.Body.Domains[i] = row
	}
	if page.More {
		answer.Body.Next = page.Rows[len(page.Rows)-1].Name
	}
	if page.Total >= 0 {
		answer.Body.Total = &page.Total
	}
	answer.ETag = tagOf(answer.Body)
	return answer, nil
}

func (a *api) getDomain(ctx context.Context, in *DomainPath) (*view, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	v, err := a.Domain(ctx, principal(ctx), ref)
	if err != nil {
		return nil, problemOf(err)
	}
	return viewAs(v), nil
}

func (a *api) putDomain(ctx context.Context, in *putInput) (*outcome, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	return a.put(ctx, ref, in.ChangeParams, in.IfNoneMatch, in.Body)
}

// put adds or replaces a record.
func (a *api) put(ctx context.Context, ref edits.Ref, params ChangeParams, ifNoneMatch string, body putBody) (*outcome, error) {
	r, err := expected(params.IfMatch, ifNoneMatch)
	if err != nil {
		return nil, err
	}
	o := params.options(r, body.Reason)
	o.List = body.List
	var done admin.Outcome
	status := http.StatusOK
	if r != edits.Absent {
		done, err = a.Put(ctx, principal(ctx), ref, edits.Values(body.Values), o)
	} else {
		status = http.StatusCreated
		done, err = a.Add(ctx, principal(ctx), ref, edits.Values(body.Values), o)
	}
	if err != nil {
		return nil, problemOf(err)
	}
	return outcomeAs(status, done, params.DryRun), nil
}

func (a *api) patchDomain(ctx context.Context, in *patchInput) (*outcome, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	return a.patch(ctx, ref, in.ChangeParams, in.Body)
}

func (a *api) patch(ctx context.Context, ref edits.Ref, params ChangeParams, body patchBody) (*outcome, error) {
	r, err := expected(params.IfMatch, "")
	if err != nil {
		return nil, err
	}
	done, err := a.Patch(ctx, principal(ctx), ref, body.Values, params.options(r, body.Reason))
	if err != nil {
		return nil, problemOf(err)
	}
	return outcomeAs(http.StatusOK, done, params.DryRun), nil
}

func (a *api) deleteDomain(ctx context.Context, in *deleteInput) (*outcome, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	return a.remove(ctx, ref, in.IfMatch, in.DryRun, in.Reason)
}

func (a *api) remove(ctx context.Context, ref edits.Ref, ifMatch string, dryRun bool, reason string) (*outcome, error) {
	r, err := expected(ifMatch, "")
	if err != nil {
		return nil, err
	}
	done, err := a.Delete(ctx, principal(ctx), ref, admin.Options{If: r, Via: edits.API, DryRun: dryRun, Reason: reason})
	if err != nil {
		return nil, problemOf(err)
	}
	return outcomeAs(http.StatusOK, done, dryRun), nil
}

func (a *api) restoreDomain(ctx context.Context, in *restoreInput) (*outcome, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	return a.restore(ctx, ref, in.ChangeParams, in.IfNoneMatch, in.Body)
}

func (a *api) restore(ctx context.Context, ref edits.Ref, params ChangeParams, ifNoneMatch string, body restoreBody) (*outcome, error) {
	r, err := expected(params.IfMatch, ifNoneMatch)
	if err != nil {
		return nil, err
	}
	done, err := a.Restore(ctx, principal(ctx), ref, body.Number, params.options(r, body.Reason))
	if err != nil {
		return nil, problemOf(err)
	}
	return outcomeAs(http.StatusOK, done, params.DryRun), nil
}

func (a *api) domainHistory(ctx context.Context, in *historyInput) (*changes, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	all, err := a.History(ctx, principal(ctx), ref, admin.HistoryQuery{Before: in.Before, Limit: in.Limit})
	if err != nil {
		return nil, problemOf(err)
	}
	return changesAs(all, in.Details), nil
}

type previewInput struct {
	DomainPath
	Address string `query:"address" maxLength:"400" doc:"An address in the domain or in one of its aliases; a made-up one by default."`
	Client  string `query:"client" enum:"thunderbird,outlook,outlook-json,apple,pacc,srv,human" doc:"Only this kind of client."`
}

// previews is what clients get as an answer.
type previews struct {
	ETag string `header:"ETag"`
	Body struct {
		Previews []Preview `json:"previews"`
	}
}

func (a *api) previewDomain(ctx context.Context, in *previewInput) (*previews, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	all, err := a.Preview(ctx, principal(ctx), ref, admin.PreviewQuery{Address: in.Address, Client: in.Client})
	if err != nil {
		return nil, problemOf(err)
	}
	answer := new(previews)
	answer.Body.Previews = previewsOf(all)
	answer.ETag = tagOf(answer.Body)
	return answer, nil
}

type probeInput struct {
	DomainPath
	Body *struct {
		Key   string `json:"key" enum:"imap,pop3,smtp,sieve" doc:"The key that is to have the server."`
		Value string `json:"value" maxLength:"500" doc:"The server as domains.toml spells it, such as imaps://imap.example.com."`
	}
}

// checks is what was seen of mail servers as an answer.
type checks struct {
	Body struct {
		Servers []ServerCheck `json:"servers"`
	}
}

func (a *api) probeDomain(ctx context.Context, in *probeInput) (*checks, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	var q admin.ProbeQuery
	if in.Body != nil {
		q = admin.ProbeQuery{Key: in.Body.Key, Value: in.Body.Value}
	}
	all, err := a.Probe(ctx, principal(ctx), ref, q)
	if err != nil {
		return nil, problemOf(err)
	}
	answer := new(checks)
	answer.Body.Servers = checksOf(all)
	return answer, nil
}

// report is what the doctor has found as an answer.
type report struct{ Body doctor.Report }

func (a *api) examineDomain(ctx context.Context, in *DomainPath) (*report, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	found, err := a.Doctor(ctx, principal(ctx), ref)
	if err != nil {
		return nil, problemOf(err)
	}
	return &report{found}, nil
}

type dnsInput struct {
	DomainPath
	LookUp bool `query:"look_up" doc:"Also look up what is published."`
}

// records are DNS records as an answer.
type records struct {
	ETag string `header:"ETag"`
	Body admin.DNS
}

func (a *api) domainDNS(ctx context.Context, in *dnsInput) (*records, error) {
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	found, err := a.DNS(ctx, principal(ctx), ref, in.LookUp)
	if err != nil {
		return nil, problemOf(err)
	}
	return &records{tagOf(found), found}, nil
}

type findInput struct {
	Body struct {
		Domain string `json:"domain" maxLength:"300" doc:"A domain, or an address in it."`
	}
}

// foundServers is the result of a search as an answer.
type foundServers struct {
	Body struct {
		Report probe.Report `json:"report" doc:"Everything that was found, as mailhint probe --json prints it."`
		Values Values       `json:"values,omitempty" doc:"Values for the domain; missing unless there are servers for receiving and for sending."`
	}
}

func (a *api) findServers(ctx context.Context, in *findInput) (*foundServers, error) {
	name := in.Body.Domain
	ref, err := edits.ParseDomain(name[1+lastAt(name):])
	if err != nil {
		return nil, problemOf(&admin.InvalidError{Problems: []admin.Problem{{Key: "domain", Text: err.Error()}}})
	}
	who := principal(ctx)
	if !who.May(accounts.Add, accounts.Target{Domain: ref.Name}) && who.Role != accounts.Provisioner {
		return nil, problemOf(&admin.DeniedError{Why: "only those who may add domains may search for servers"})
	}
	found, err := a.Find(ctx, who, ref)
	if err != nil {
		return nil, problemOf(err)
	}
	answer := new(foundServers)
	answer.Body.Report, answer.Body.Values = found.Report, Values(found.Values)
	return answer, nil
}

func lastAt(name string) int {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '@' {
			return i
		}
	}
	return -1
}
