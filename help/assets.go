package help

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
	"rsc.io/qr"

	"mailhint/edge"
	"mailhint/mobileconfig"
	"mailhint/settings"
	"mailhint/templates"
)

// Assets answers with the files that pages for people consist of: style, script, logos, and the QR codes of pages.
type Assets struct {
	help  *Handler
	logo  func(name string) *settings.Logo
	files map[string]asset
	codes *lru.Cache[string, []byte] // by host; making one takes less than a tenth of a millisecond, so that it needs no budget
}

type asset struct {
	kind string
	data []byte
}

// maxCodes is how many QR codes are kept, of about 6 KB each.
const maxCodes = 256

// NewAssets returns Assets for the pages of h. Logo finds the logos that settings have.
func NewAssets(h *Handler, logo func(name string) *settings.Logo) *Assets {
	codes, _ := lru.New[string, []byte](maxCodes) // fails for a size below 1 only
	return &Assets{h, logo, map[string]asset{
		edge.StylePath:  {"text/css; charset=utf-8", templates.Asset("style.css")},
		edge.ScriptPath: {"text/javascript; charset=utf-8", templates.Asset("script.js")},
		edge.IconPath:   {"image/svg+xml", templates.Asset("icon.svg")},
	}, codes}
}

// oneDay is for files whose URLs change with their content. It is not longer, because another replica may have answered at the URL before it
// had that content.
const oneDay = "public, max-age=86400"

// ServeHTTP answers GET and HEAD.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if file, ok := a.files[r.URL.Path]; ok {
		write(w, file.kind, oneDay, file.data)
		return
	}
	if name, ok := strings.CutPrefix(r.URL.Path, edge.LogoPath); ok {
		if logo := a.logo(name); logo != nil {
			write(w, logo.Type, oneDay, logo.Data)
			return
		}
	}
	if r.URL.Path == edge.CodePath && a.help.isOurs(w, r) {
		if code, err := a.code(r.Host); err == nil {
			write(w, "image/svg+xml", edge.Private, code)
			return
		}
	}
	edge.Text(w, http.StatusNotFound, "There is no such file.")
}

// isOurs reports whether the Host is a name that people can enter to find the page.
func (h *Handler) isOurs(w http.ResponseWriter, r *http.Request) bool {
	if h.isOwn(r.Host) {
		return true
	}
	_, err := edge.Find(w, h.lookup, r, settings.Address{})
	return err == nil
}

// code returns the QR code of the page at a host. It is the same for everyone: the person enters the address on the other device.
func (a *Assets) code(host string) ([]byte, error) {
	if kept, ok := a.codes.Get(host); ok {
		return kept, nil
	}
	code, err := qr.Encode("https://"+host+"/", qr.M)
	if err != nil { // a host name is short enough
		return nil, fmt.Errorf("QR code: %w", err)
	}
	image := mobileconfig.SVG(code, "https://"+host+"/")
	a.codes.Add(host, image)
	return image, nil
}

func write(w http.ResponseWriter, kind, cacheControl string, data []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", cacheControl)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.Write(data) // the client is gone if this fails; the server's log shows the status
}
