package page

import (
	"net/url"
	"slices"
)

// namesPerPage is how many accounts or tokens a page lists.
const namesPerPage = 100

// pager are links to other pages of a list; empty for those that there are not.
type pager struct{ First, Next string }

// pageOf returns the elements of a list that belong on a page of it, and links to the others. The last name of the page before is in the URL in
// the form that accountPath has, since it may be an address. Without that element, the list begins again.
func pageOf[T any](v *visit, path string, all []T, name func(T) string) ([]T, pager) {
	var p pager
	if after := v.URL.Query().Get("after"); after != "" {
		p.First = path
		all = all[1+slices.IndexFunc(all, func(e T) bool { return accountID(name(e)) == after }):]
	}
	if len(all) > namesPerPage {
		all = all[:namesPerPage]
		p.Next = path + "?" + url.Values{"after": {accountID(name(all[namesPerPage-1]))}}.Encode()
	}
	return all, p
}
