package mobileconfig

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/settings"
)

// codes are addresses and hosts whose links make small and large codes.
var codes = []struct{ host, address string }{
	{"autoconfig.example.com", "fred@example.com"},
	{"autoconfig.example.com", "fred+news@example.com"},
	{"x.example", "a@b.example"},
	{"autoconfig.xn--bcher-kva.example", "jörg.müller@bücher.example"},
	{"autoconfig.example.com", "猫@example.com"},
	{"autoconfig.example.com", `"a b&c=d%<>#?/\\"@example.com`},
	{"autoconfig." + strings.Repeat("a-rather-long-label.", 10) + "example", strings.Repeat("猫", 21) + "@" + strings.Repeat("another-long-label.", 9) + "example"},
}

// TestCodesAreRead reads the codes with zbarimg, the SVG after librsvg has rendered it.
func TestCodesAreRead(t *testing.T) {
	zbarimg, rsvg := program(t, "zbarimg", "zbar-tools"), program(t, "rsvg-convert", "librsvg2-bin")
	for _, c := range codes {
		t.Run(c.address, func(t *testing.T) {
			a := address(t, c.address)
			code, err := newCode(c.host, a)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			image, drawing, drawn := filepath.Join(dir, "qr.png"), filepath.Join(dir, "qr.svg"), filepath.Join(dir, "drawn.png")
			for name, data := range map[string][]byte{image: code.PNG(), drawing: SVG(code, "title")} {
				if err := os.WriteFile(name, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := exec.Command(rsvg, "-o", drawn, drawing).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, name := range []string{image, drawn} {
				out, err := exec.Command(zbarimg, "--quiet", "--raw", "-S*.disable", "-Sqrcode.enable", name).Output()
				if got, want := strings.TrimSuffix(string(out), "\n"), Link(c.host, a); err != nil || got != want {
					t.Errorf("%s: zbarimg reads %q, %v, want %q", filepath.Base(name), got, err, want)
				}
			}
		})
	}
}

// TestDrawing compares the PNG and the SVG with the code, module by module.
func TestDrawing(t *testing.T) {
	code, err := newCode("autoconfig.example.com", settings.Address{Local: "fred", Domain: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	image, err := png.Decode(bytes.NewReader(code.PNG()))
	if err != nil {
		t.Fatal(err)
	}
	var drawing struct {
		Title string `xml:"title"`
		Box   string `xml:"viewBox,attr"`
		Role  string `xml:"role,attr"`
		Paths []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(SVG(code, `<&>"'猫`), &drawing); err != nil {
		t.Fatal(err)
	}
	if drawing.Title != `<&>"'猫` || drawing.Role != "img" || drawing.Box != "0 0 45 45" {
		t.Errorf("title %q, role %q, viewBox %q", drawing.Title, drawing.Role, drawing.Box)
	}
	black := readBars(t, drawing.Paths[1].D)
	for y := -border; y < code.Size+border; y++ {
		for x := -border; x < code.Size+border; x++ {
			r, _, _, _ := image.At((x+border)*code.Scale+code.Scale/2, (y+border)*code.Scale+code.Scale/2).RGBA()
			if want := code.Black(x, y); (r == 0) != want || black[[2]int{x + border, y + border}] != want {
				t.Fatalf("module %d %d: black is %v in the image, %v in the drawing, want %v", x, y, r == 0, black[[2]int{x + border, y + border}], want)
			}
		}
	}
}

// readBars returns the modules that the SVG's path fills.
func readBars(t *testing.T, path string) map[[2]int]bool {
	t.Helper()
	black := make(map[[2]int]bool)
	for bar := range strings.SplitSeq(strings.TrimSuffix(path, "z"), "z") {
		var x, y, n, back int
		if _, err := fmt.Sscanf(bar, "M%d %dh%dv1h-%d", &x, &y, &n, &back); err != nil || n != back {
			t.Fatalf("%q: %v", bar, err)
		}
		for i := range n {
			black[[2]int{x + i, y}] = true
		}
	}
	return black
}
