package clients_test

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"mailhint/help"
	"mailhint/texts"
)

// kinds are the pages that there are, and how a person gets to them.
type kind struct {
	name string
	open func(t *testing.T, b *browser)
}

// pageKinds are one of each kind, and one for each mail program.
func pageKinds() []kind {
	enter := func(domain, address string) func(*testing.T, *browser) {
		return func(t *testing.T, b *browser) {
			b.open(t, "http://autoconfig."+domain+"/")
			b.submit(t, ".address", map[string]string{"email": address})
		}
	}
	kinds := []kind{
		{"start", func(t *testing.T, b *browser) { b.open(t, "http://autoconfig.shop.example/") }},
		{"start of nobody", func(t *testing.T, b *browser) { b.open(t, "http://192.0.2.1/") }},
		{"not an address", enter("shop.example", "ann")},
		{"unknown domain", enter("plain.example", "ann@nowhere.example")},
		{"not found", func(t *testing.T, b *browser) { b.open(t, "http://autoconfig.shop.example/nowhere") }},
		{"no profile", func(t *testing.T, b *browser) {
			b.open(t, "http://autoconfig.token.example/mobileconfig?emailaddress=ann@token.example")
		}},
		{"international", enter("plain.example", "ann@bücher.example")},
		{"sign-in page", enter("token.example", "ann@token.example")},
		{"only POP3", enter("pop.example", "ann@pop.example")},
		{"only calendars", enter("dav.example", "ann@dav.example")},
		{"long names", enter("long.example", "a.person.with.a.very.long.name.and.several.middle.names@long.example")},
	}
	for _, program := range help.IDs() {
		kinds = append(kinds, kind{program, func(t *testing.T, b *browser) {
			if !eval[bool](t, b, `document.querySelector(".choose [value='ann@shop.example']") !== null`) { // it is not the answer for another program
				enter("shop.example", "ann@shop.example")(t, b)
			}
			b.submit(t, ".choose", map[string]string{"program": program})
		}})
	}
	return kinds
}

// fault is an expression for what is wrong with a page, whatever it is about: "" for nothing.
const fault = `(() => {
	const all = [];
	const root = document.documentElement;
	if (root.scrollWidth > window.innerWidth) {
		const wide = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > window.innerWidth + 1).pop();
		all.push("it scrolls sideways, " + root.scrollWidth + " px: " + (wide ? wide.outerHTML.slice(0, 200) : ""));
	}
	if (document.querySelectorAll("h1").length !== 1) all.push("it has not one h1");
	if (document.title.includes("@")) all.push("the title has an address: " + document.title);
	if (location.href.includes("@") && !location.href.includes("mobileconfig")) all.push("the URL has an address: " + location.href);
	if (document.cookie !== "") all.push("it has a cookie");
	if (getComputedStyle(document.body).maxWidth === "none") all.push("it has no style");
	if (/\{[a-z_]+\}|\b(page|step|error|trouble|label)\.[a-z_]+\b|[\uE000-\uF8FF]|ZgotmplZ/.test(root.outerHTML)) all.push("a text is missing, or not filled in: " + RegExp.lastMatch);
	for (const e of document.querySelectorAll("main a, button, input:not([type=hidden]), select, summary")) {
		const r = e.getBoundingClientRect();
		if (r.height > 0 && r.height < 24 && e.tagName !== "A") all.push("a target is too small: " + e.outerHTML.slice(0, 100));
	}
	const pen = document.createElement("canvas").getContext("2d");
	for (const e of document.querySelectorAll("select")) {
		const s = getComputedStyle(e);
		pen.font = s.font;
		const needs = pen.measureText(e.selectedOptions[0].text).width + parseFloat(s.paddingLeft);
		if (e.offsetWidth > 0 && needs > e.clientWidth) all.push("a choice is cut off: " + e.selectedOptions[0].text + ", " + needs + " of " + e.clientWidth + " px");
	}
	for (const i of document.images) if (!i.complete || i.naturalWidth === 0) all.push("an image is missing: " + i.src);
	return all.join("\n");
})()`

// everything reports whether to try every combination (make soak), and not only each value.
var everything = os.Getenv("SOAK") != ""

// TestPages looks at every page in every language. Each page is seen at all widths, in light and dark, with and without script, but not in
// every combination of these and the language; with SOAK set, it is.
func TestPages(t *testing.T) {
	server := servePage(t)
	b := openBrowser(t, server)
	for i, language := range texts.Languages() {
		agent := []string{onWindows, onMac, onIPhone, onAndroid, onLinux}[i%5]
		b.speak(t, language.Tag(), agent)
		for j, kind := range pageKinds() {
			for _, script := range []bool{true, false} {
				if !everything && script != ((i+j)%2 == 0) {
					continue
				}
				b.look(t, view{320, false, script})
				kind.open(t, b)
				if got := eval[string](t, b, "document.documentElement.lang"); got != language.Tag() {
					t.Errorf("%s: the page is in %q, want %q", kind.name, got, language)
				}
				for k, width := range []int64{320, 390, 1280} {
					for l, dark := range []bool{false, true} {
						if !everything && 2*k+l != (i+3*j)%6 && !(language == texts.English && os.Getenv("SCREENSHOTS") != "") {
							continue
						}
						v := view{width, dark, script}
						b.look(t, v)
						if wrong := eval[string](t, b, fault); wrong != "" {
							t.Errorf("%s, %s, %s: %s", kind.name, language, v, wrong)
						}
						if width != 320 {
							b.shoot(t, strings.ReplaceAll(kind.name, " ", "-")+"-"+language.Tag()+"-"+v.String())
						}
					}
				}
				for _, c := range b.complaints() {
					t.Errorf("%s, %s: %s", kind.name, language, c)
				}
			}
		}
	}
}

// axeFile is axe-core, which finds mistakes that keep people with disabilities out (make programs puts it there).
const axeFile = "../build/tools/npm/node_modules/axe-core/axe.min.js"

// TestAccessibility lets axe-core examine every page in light and in dark, with everything unfolded.
func TestAccessibility(t *testing.T) {
	axe, err := os.ReadFile(axeFile)
	if err != nil {
		t.Skipf("axe-core is not installed (make programs): %v", err)
	}
	server := servePage(t)
	b := openBrowser(t, server)
	for i, kind := range pageKinds() {
		b.speak(t, texts.Languages()[i%len(texts.Languages())].Tag(), onLinux)
		b.look(t, view{390, false, true})
		kind.open(t, b)
		b.run(t, page.SetBypassCSP(true), chromedp.Evaluate(string(axe), nil),
			chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => d.open = true)`, nil))
		for _, v := range []view{{390, false, true}, {1280, true, true}} {
			b.look(t, v)
			report := await[string](t, b, `axe.run(document, {resultTypes: ["violations", "incomplete"]}).then(r => JSON.stringify(
				r.violations.filter(v => ["serious", "critical", "moderate"].includes(v.impact)).map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html.slice(0, 150)).join(" | "))))`)
			var violations []string
			if err := json.Unmarshal([]byte(report), &violations); err != nil {
				t.Fatal(err)
			}
			for _, violation := range violations {
				t.Errorf("%s, %s: %s", kind.name, v, violation)
			}
		}
	}
}

// focused describes the element that has the focus, and whether a person sees that it has.
const focused = `(() => {
	const e = document.activeElement, s = getComputedStyle(e);
	const what = e.id || e.name || e.className || e.getAttribute("href") || e.textContent.trim().slice(0, 20);
	return e.tagName.toLowerCase() + " " + what + (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 || e.tagName === "BODY" ? "" : " UNSEEN");
})()`

// TestKeyboard sets up a mail program with nothing but the keyboard: everything can be reached, in the order of the page, and is seen to
// have the focus.
func TestKeyboard(t *testing.T) {
	server := servePage(t)
	b := openBrowser(t, server)
	b.speak(t, "en", onLinux)
	b.look(t, view{1280, false, true})
	b.open(t, "http://autoconfig.shop.example/")
	press := func(keys string) string {
		t.Helper()
		b.run(t, chromedp.KeyEvent(keys))
		return eval[string](t, b, focused)
	}
	want := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("the focus is on %q, want %q", got, want)
		}
	}
	want(press(kb.Tab), "a skip")
	b.run(t, chromedp.KeyEvent(kb.Enter))
	want(press(kb.Tab), "input email")
	b.run(t, chromedp.KeyEvent("ann@shop.example"))
	b.loads(t, func() { b.run(t, chromedp.KeyEvent(kb.Enter)) })
	var walk []string
	for range 200 {
		at := press(kb.Tab)
		if strings.HasPrefix(at, "body") || len(walk) > 0 && at == walk[0] {
			break
		}
		walk = append(walk, at)
	}
	if i := slices.IndexFunc(walk, func(at string) bool { return strings.HasSuffix(at, "UNSEEN") }); i >= 0 {
		t.Errorf("nobody sees that the focus is on %s", walk[i])
	}
	count := eval[int](t, b, `[...document.querySelectorAll("a, button, input, select, summary")].filter(e => e.checkVisibility() && e.type !== "hidden").length`)
	if len(walk) != count || walk[0] != "a skip" || !slices.Contains(walk, "select program") {
		t.Errorf("the keyboard reaches %d of %d elements: %q", len(walk), count, walk)
	}
	for !strings.HasPrefix(press(kb.Tab), "select program") {
	}
	press("e") // the first program that begins so
	press(kb.Tab)
	b.loads(t, func() { b.run(t, chromedp.KeyEvent(kb.Enter)) })
	if got := eval[string](t, b, `document.querySelector("#steps").textContent`); got != "Evolution" && got != "eM Client" {
		t.Errorf("the page is about %q", got)
	}
}

// TestChangeLanguage changes the language of every page. The person stays where they are, what they have entered is still there, and the URL
// has no address.
func TestChangeLanguage(t *testing.T) {
	server := servePage(t)
	b := openBrowser(t, server)
	b.speak(t, "en", onLinux)
	b.look(t, view{1280, false, false})
	const what = `[location.pathname, document.querySelectorAll(".error, .lead, .steps").length, document.querySelector("#email")?.value, document.querySelector("#program")?.value].join(" ")`
	for _, kind := range pageKinds()[:12] {
		kind.open(t, b)
		before := eval[string](t, b, what)
		b.submit(t, ".language", map[string]string{"lang": "de"})
		if got := eval[string](t, b, what); got != before {
			t.Errorf("%s: from %s to %s", kind.name, before, got)
		}
		if got := eval[string](t, b, "document.documentElement.lang + (location.href.includes('@') || location.href.includes('%40') ? ' ' + location.href : '')"); got != "de" {
			t.Errorf("%s: the page is in %s", kind.name, got)
		}
	}
}

// TestIPad shows what people see on an iPad, whose browser says that it is a Mac's.
func TestIPad(t *testing.T) {
	server := servePage(t)
	b := openBrowser(t, server)
	b.speak(t, "en", onMac)
	b.look(t, view{1280, false, true})
	for touches, want := range map[int64]string{5: "iPhone and iPad", 0: "Mail on a Mac"} {
		b.run(t, emulation.SetTouchEmulationEnabled(touches > 0).WithMaxTouchPoints(max(touches, 1)))
		b.open(t, "http://autoconfig.shop.example/")
		b.submit(t, ".address", map[string]string{"email": "ann@shop.example"})
		if got := eval[string](t, b, `document.querySelector("#steps").textContent`); got != want {
			t.Errorf("with %d touch points the page is about %q", touches, got)
		}
	}
}

// TestCopy presses the buttons that copy a value. Without script there are none.
func TestCopy(t *testing.T) {
	server := servePage(t)
	b := openBrowser(t, server)
	b.speak(t, "en", onLinux)
	for _, script := range []bool{true, false} {
		b.look(t, view{390, false, script})
		b.open(t, "http://autoconfig.shop.example/")
		b.submit(t, ".address", map[string]string{"email": "ann@shop.example"})
		visible := eval[int](t, b, `[...document.querySelectorAll("button.copy")].filter(e => e.checkVisibility()).length`)
		if (visible > 0) != script {
			t.Errorf("script %v: %d buttons", script, visible)
		}
	}
	b.look(t, view{390, false, true})
	b.open(t, "http://autoconfig.shop.example/")
	b.submit(t, ".address", map[string]string{"email": "ann@shop.example"})
	b.run(t, chromedp.Evaluate(`document.addEventListener("copy", () => { window.copiedText = document.activeElement.value })`, nil),
		chromedp.Click("button.copy", chromedp.ByQuery), chromedp.WaitReady(`//button[contains(@class, "copy")][text()="Copied"]`, chromedp.BySearch))
	if got := eval[string](t, b, `window.copiedText || ""`); got != "imap.hoster.example" {
		t.Errorf("copied %q", got)
	}
	if got := eval[string](t, b, `document.querySelector("[role=status]").textContent`); got != "Copied" {
		t.Errorf("a screen reader says %q", got)
	}
}

var pdfPage = regexp.MustCompile(`/Type\s*/Page\b`)

// TestPrint prints the settings on one page.
func TestPrint(t *testing.T) {
	server := servePage(t)
	b := openBrowser(t, server)
	b.speak(t, "de", onLinux)
	b.look(t, view{1280, true, true})
	for _, domain := range []string{"shop.example", "plain.example", "token.example"} {
		b.open(t, "http://autoconfig."+domain+"/")
		b.submit(t, ".address", map[string]string{"email": "ann@" + domain})
		var pdf []byte
		b.run(t, chromedp.ActionFunc(func(ctx context.Context) (err error) {
			pdf, _, err = page.PrintToPDF().WithPaperWidth(8.27).WithPaperHeight(11.69).Do(ctx)
			return err
		}))
		if n := len(pdfPage.FindAll(pdf, -1)); n != 1 {
			t.Errorf("%s is printed on %d pages", domain, n)
		}
		if dir := os.Getenv("SCREENSHOTS"); dir != "" {
			_ = os.WriteFile(dir+"/print-"+domain+".pdf", pdf, 0o644)
		}
	}
}

// TestZoom enlarges everything to 200 %, which leaves a phone's width of a desktop, and the text alone to 200 %.
func TestZoom(t *testing.T) {
	server := servePage(t)
	b := openBrowser(t, server)
	b.speak(t, "de", onLinux)
	b.look(t, view{640, false, true})
	for _, kind := range pageKinds()[:12] {
		kind.open(t, b)
		b.run(t, chromedp.Evaluate(`document.documentElement.style.fontSize = "200%"`, nil))
		if wrong := eval[string](t, b, fault); wrong != "" {
			t.Errorf("%s: %s", kind.name, wrong)
		}
	}
}

// TestHostileInput shows what strangers and admins could have written, and nothing of it does anything.
func TestHostileInput(t *testing.T) {
	server := servePage(t)
	b := openBrowser(t, server)
	b.speak(t, "en", onLinux)
	b.look(t, view{390, false, true})
	for _, address := range []string{
		`"><script>alert(1)</script>@shop.example`, `"'><img/src=x/onerror=alert(1)>"@shop.example`, "javascript:alert(1)@shop.example",
		`</bdi></code><svg/onload=alert(1)>@shop.example`, "{{.}}${7*7}@shop.example", `"><script>alert(1)</script>`, "ann@</title><script>alert(1)</script>",
		"\u202eelpmaxe@shop.example", "a\u0000b@shop.example", strings.Repeat("a", 300) + "@shop.example",
	} {
		b.open(t, "http://autoconfig.shop.example/")
		b.run(t, chromedp.Evaluate(`document.querySelector("#email").type = "text"; document.querySelector("#email").removeAttribute("maxlength")`, nil))
		b.submit(t, ".address", map[string]string{"email": address})
		if n := eval[int](t, b, `document.querySelectorAll("script:not([src]), img:not([width]), svg, [onload], [onerror]").length`); n != 0 {
			t.Errorf("%q becomes markup", address)
		}
		if got := eval[string](t, b, `document.body.innerText.match(/[\u202a-\u202e\u2066-\u2069\u0000]/) ? "yes" : ""`); got != "" {
			t.Errorf("%q reverses the text around it", address)
		}
		for _, c := range b.complaints() {
			t.Errorf("%q: %s", address, c)
		}
	}
}
