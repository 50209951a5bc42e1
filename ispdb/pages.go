package ispdb

import (
	"cmp"
	"fmt"
	"strings"
)

// documentation reads the help pages. Settings can have only one.
func (r *reader) documentation(ep *node) {
	for _, n := range ep.all("documentation") {
		url := r.trim(n.line, n.attr("url"))
		if r.s.Docs != "" {
			r.remark(n.line, kindDocs, "the help page %s is left out: docs can have only one", oneLine(url))
			n.forget()
			continue
		}
		page, fragment, _ := strings.Cut(url, "#")
		docs, err := publicURL(page, "https", "http")
		if url == "" {
			err = fmt.Errorf("its url is missing")
		}
		if err != nil {
			r.remark(n.line, kindDocs, "the help page is left out: %v", err)
			n.forget()
			continue
		}
		if fragment != "" {
			r.remark(n.line, kindDocs, "the fragment of the help page's URL is left out (%s)", oneLine(fragment))
		}
		r.s.Docs = docs
		var languages []string
		for _, d := range n.all("descr") {
			languages = append(languages, cmp.Or(oneLine(d.attr("lang")), "no language"))
			d.forget()
		}
		if languages != nil {
			r.remark(n.line, kindDescr, "the titles of the help page (%s) are ignored: answers have \"Mail settings for\" the domain, in English", oneLine(strings.Join(languages, ", ")))
		}
	}
}

// webmail reads the address of the login page.
func (r *reader) webmail(root *node) {
	w := root.child("webMail")
	if w == nil {
		return
	}
	page, info := w.child("loginPage"), w.child("loginPageInfo")
	if info != nil {
		if page == nil {
			page = info
		}
		r.remark(info.line, kindWebmail, "the login form of the web mail is ignored: no client reads it")
		info.attr("url")
	}
	if page == nil {
		return
	}
	url, err := publicURL(r.trim(page.line, page.attr("url")), "https", "http")
	if err != nil {
		r.remark(page.line, kindWebmail, "the web mail is left out: %v", err)
	}
	r.s.Webmail = url
	if info != nil {
		info.forget()
	}
}
