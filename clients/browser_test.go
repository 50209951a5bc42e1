package clients_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"mailhint/domains"
	"mailhint/settings"
)

// browser is a real Chromium that has the page for people open. Every host name leads to the server under test.
type browser struct {
	context.Context

	mu       sync.Mutex
	messages []string // of the console, and what the policy has refused
	names    int      // how many names unique has made

	script bool // pages may run scripts
}

// openBrowser starts Chromium for a server. All its tabs are closed with the test.
// browserTimeout is how long the browser may take for one thing, on a machine that is busy with other things.
const browserTimeout = 2 * time.Minute

func openBrowser(t *testing.T, server *httptest.Server) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed; Debian has it in package chromium")
	}
	address := netip.MustParseAddrPort(server.Listener.Addr().String())
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", fmt.Sprintf("MAP * 127.0.0.1:%d", address.Port())),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-proxy-server", true), chromedp.Flag("hide-scrollbars", false),
		chromedp.WSURLReadTimeout(time.Minute))
	limit := 15 * time.Minute
	if everything {
		limit = time.Hour
	}
	limited, cancelLimited := context.WithTimeout(context.Background(), limit) // t.Context ends before the browser is closed
	t.Cleanup(cancelLimited)
	allocator, cancel := chromedp.NewExecAllocator(limited, options...)
	first, _ := chromedp.NewContext(allocator)
	b := &browser{Context: first}
	t.Cleanup(func() {
		if err := chromedp.Cancel(first); err != nil { // waits for the browser to end, and removes its files
			t.Logf("closing the browser: %v", err)
		}
		cancel()
		chromedp.FromContext(first).Allocator.Wait()
	})
	b.listen(t)
	return b
}

func (b *browser) listen(t *testing.T) {
	t.Helper()
	chromedp.ListenTarget(b.Context, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			b.messages = append(b.messages, fmt.Sprintf("console.%s %v", e.Type, e.Args))
		case *page.EventJavascriptDialogOpening:
			if e.Type != page.DialogTypeBeforeunload { // leaving a form without sending it is what tests do
				b.messages = append(b.messages, fmt.Sprintf("%s: %s", e.Type, e.Message))
			}
			go chromedp.Run(b.Context, page.HandleJavaScriptDialog(true)) // an error means that the browser has ended
		case *runtime.EventExceptionThrown:
			b.messages = append(b.messages, "exception: "+e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			if e.Entry.Source == log.SourceNetwork && strings.Contains(e.Entry.Text, "status of 4") && !strings.Contains(e.Entry.URL, "/help/") {
				return // the page itself has status 400 or 404 on purpose
			}
			b.messages = append(b.messages, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	})
	if err := chromedp.Run(b.Context, log.Enable(), runtime.Enable()); err != nil { // starts the browser, which ends with the context
		t.Fatal(err)
	}
}

// complaints returns what the browser has complained about since the last call.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	said := b.messages
	b.messages = nil
	return said
}

func (b *browser) run(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.Context, browserTimeout)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// eval returns the value of an expression in the page.
func eval[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	var value T
	b.run(t, chromedp.Evaluate(expression, &value))
	return value
}

// await returns the value of a promise in the page.
func await[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	var value T
	b.run(t, chromedp.Evaluate(expression, &value, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return value
}

// view is how a person looks at a page.
type view struct {
	width  int64
	dark   bool
	script bool
}

func (v view) String() string {
	return fmt.Sprintf("%d-%s-%s", v.width, map[bool]string{true: "dark", false: "light"}[v.dark], map[bool]string{true: "script", false: "plain"}[v.script])
}

// look makes the browser show pages in a view.
func (b *browser) look(t *testing.T, v view) {
	t.Helper()
	b.script = v.script
	scheme := "light"
	if v.dark {
		scheme = "dark"
	}
	b.run(t, emulation.SetDeviceMetricsOverride(v.width, 800, 1, v.width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		emulation.SetScriptExecutionDisabled(!v.script))
}

// speak makes the browser ask for a language, from a device.
func (b *browser) speak(t *testing.T, language, userAgent string) {
	t.Helper()
	b.run(t, network.Enable(), network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": language}), emulation.SetUserAgentOverride(userAgent))
}

// open opens a URL, and waits until the page and its style are there.
func (b *browser) open(t *testing.T, url string) {
	t.Helper()
	b.run(t, chromedp.Navigate(url))
}

// submit sends a form as the browser does when a person presses its button, and waits for the answer.
func (b *browser) submit(t *testing.T, form string, values map[string]string) {
	t.Helper()
	for name, value := range values {
		b.run(t, chromedp.SetValue(form+" [name="+name+"]", value, chromedp.ByQuery))
	}
	b.loads(t, func() {
		b.run(t, chromedp.Evaluate("document.querySelector("+quote(form)+").noValidate = true", nil),
			chromedp.Click(form+" button:not(.copy)", chromedp.ByQuery))
	})
}

// loads does something, and waits for the page that it loads.
func (b *browser) loads(t *testing.T, do func()) {
	t.Helper()
	loaded := make(chan struct{})
	var once sync.Once
	ctx, cancel := context.WithCancel(b.Context)
	defer cancel()
	chromedp.ListenTarget(ctx, func(event any) {
		if _, ok := event.(*page.EventLoadEventFired); ok {
			once.Do(func() { close(loaded) })
		}
	})
	do()
	select {
	case <-loaded:
	case <-time.After(browserTimeout):
		t.Fatal("nothing was loaded")
	}
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

// shoot saves a picture of the whole page below the directory $SCREENSHOTS, if that is set.
func (b *browser) shoot(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	var picture []byte
	b.run(t, chromedp.ActionFunc(func(ctx context.Context) error {
		var err error
		picture, err = page.CaptureScreenshot().WithCaptureBeyondViewport(true).WithClip(b.whole(ctx)).Do(ctx)
		return err
	}))
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// shootView is shoot for what a person sees without scrolling.
func (b *browser) shootView(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	var picture []byte
	b.run(t, chromedp.CaptureScreenshot(&picture))
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// whole is the area of the whole page.
func (b *browser) whole(ctx context.Context) *page.Viewport {
	_, _, _, _, _, size, err := page.GetLayoutMetrics().Do(ctx)
	if err != nil {
		return nil
	}
	return &page.Viewport{Width: size.Width, Height: size.Height, Scale: 1}
}

// The User-Agents of browsers on devices.
const (
	onWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"
	onMac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15"
	onIPhone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"
	onAndroid = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
	onLinux   = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
)

// servePage serves the domains of testdata/page. The mail servers were seen in all states.
func servePage(t *testing.T) *httptest.Server {
	t.Helper()
	snapshot, err := domains.Load(filepath.Join("testdata", "page", "domains.toml"))
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, snapshot, snapshot.Server)
	states := []string{"good", "warning", "login", "ipv6", "certificate", "tls", "closed", "address"}
	s.ShowSeen(func(_ string, server settings.Server) (string, time.Time) {
		if server.Port == 465 {
			return "unknown", time.Time{}
		}
		return states[int(server.Port)%len(states)], time.Now().Add(-20 * time.Minute)
	})
	server := httptest.NewServer(s.Handler(true))
	t.Cleanup(server.Close)
	return server
}
