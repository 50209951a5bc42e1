package settings

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// The figures are from the formula in WCAG 2.2; the grey is the best-known example.
func TestContrast(t *testing.T) {
	for _, test := range []struct {
		a, b Colour
		want float64
	}{{0, 0xFFFFFF, 21}, {0xFFFFFF, 0xFFFFFF, 1}, {0x767676, 0xFFFFFF, 4.54}, {0x777777, 0xFFFFFF, 4.48}, {0xFF0000, 0xFFFFFF, 4.0}, {0x0000FF, 0xFFFFFF, 8.59}} {
		for _, got := range []float64{test.a.Contrast(test.b), test.b.Contrast(test.a)} {
			if math.Abs(got-test.want) > 0.01 {
				t.Errorf("%s on %s: %.3f, want %.2f", test.a, test.b, got, test.want)
			}
		}
	}
}

// The colour for dark pages is readable there, whatever the one for light pages is.
func TestOnDark(t *testing.T) {
	for c := Colour(0); c <= 0xFFFFFF; c += 0x010305 {
		if dark := c.OnDark(); dark.CheckReadable(DarkPaper) != nil {
			t.Fatalf("%s becomes %s: %v", c, dark, dark.CheckReadable(DarkPaper))
		}
	}
}

// Every colour has a readable one near it, in light and in dark, and the error of one that cannot be read names it.
func TestReadable(t *testing.T) {
	for _, paper := range []Colour{LightPaper, DarkPaper} {
		for c := Colour(0); c <= 0xFFFFFF; c += 0x010305 {
			r := c.Readable(paper)
			if r.Contrast(paper) < MinContrast || r.CheckReadable(paper) != nil {
				t.Fatalf("%s on %s becomes %s, which has %.2f", c, paper, r, r.Contrast(paper))
			}
			err := c.CheckReadable(paper)
			if (r == c) != (err == nil) {
				t.Fatalf("%s on %s becomes %s, and the error is %v", c, paper, r, err)
			}
			if err != nil && (!errors.Is(err, ErrContrast) || !strings.Contains(err.Error(), r.String())) {
				t.Fatalf("%s on %s: %v; want an error that names %s", c, paper, err, r)
			}
		}
	}
}

func TestParseColour(t *testing.T) {
	if c, err := ParseColour("#0B6e4f"); err != nil || c.String() != "#0b6e4f" {
		t.Errorf("got %s, %v", c, err)
	}
	for _, bad := range []string{"", "#", "0b6e4f", "#fff", "#0b6e4f00", "#0b6e4g", "red", "#-b6e4f", "#+b6e4f", "#0_6e4f", "#0b6e4f;", "var(--x)"} {
		if c, err := ParseColour(bad); err == nil || !strings.Contains(err.Error(), "#0b6e4f") {
			t.Errorf("%q is read as %s, %v", bad, c, err)
		}
	}
}
