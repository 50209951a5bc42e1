package domains

import (
	"bytes"
	"context"
	"hash/crc32"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/settings"
)

const branded = "[defaults]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\nlogo = \"logo.png\"\naccent = \"#0b6e4f\"\n[domains.\"a.example\"]\n[domains.\"b.example\"]\n" +
	"name = \"B\"\n[domains.\"c.example\"]\nlogo = \"\"\naccent = \"\"\n"

func writeImage(t *testing.T, file string, width, height int) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// One file is one logo, found by its name, inherited and dropped like any other value. Another content is another name, and is loaded
// although domains.toml itself has not changed.
func TestLogo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, dir, "domains.toml", branded)
	writeImage(t, filepath.Join(dir, "logo.png"), 40, 10)
	load := func() *Snapshot {
		t.Helper()
		s, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	of := func(s *Snapshot, d settings.Domain) *settings.Settings {
		t.Helper()
		found, err := s.Lookup(context.Background(), settings.Question{Host: d})
		if err != nil {
			t.Fatal(err)
		}
		return found.Settings
	}
	s := load()
	logo := of(s, "a.example").Logo
	if logo == nil || logo != of(s, "b.example").Logo || s.Logo(logo.Name) != logo || logo.Type != "image/png" || logo.Width != 40 || logo.Height != 10 {
		t.Fatalf("got %+v", logo)
	}
	if c := of(s, "c.example"); c.Logo != nil || c.Accent != nil {
		t.Errorf("an empty value does not drop the inherited one: %+v", c)
	}
	if s.Logo("other.png") != nil || s.Logo("") != nil {
		t.Error("a logo that does not exist")
	}
	writeImage(t, filepath.Join(dir, "logo.png"), 41, 10)
	changed := load()
	if changed.SameAs(s) || of(changed, "a.example").Logo.Name == logo.Name {
		t.Error("another logo in the same file is not noticed")
	}
}

// A file of any size and kind is refused, and nothing of its content is repeated.
func TestHostileLogo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, dir, "domains.toml", branded)
	logo := filepath.Join(dir, "logo.png")
	for name, content := range map[string]string{
		"10 MB": strings.Repeat("secret", 10<<20/6), "decompression bomb": pngHeader(30000, 30000), "empty": "", "svg": "<svg onload='secret'>", "html": "<script>secret</script>",
	} {
		if err := os.WriteFile(logo, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(file)
		if s != nil || err == nil || !strings.Contains(err.Error(), "logo") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// pngHeader is the beginning of a PNG image of any size.
func pngHeader(width, height uint32) string {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1)))
	data := b.Bytes()
	for i := range 4 {
		data[16+i], data[20+i] = byte(width>>(24-8*i)), byte(height>>(24-8*i))
	}
	sum := crc32.ChecksumIEEE(data[12:29])
	for i := range 4 {
		data[29+i] = byte(sum >> (24 - 8*i))
	}
	return string(data)
}
