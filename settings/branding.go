package settings

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Logo is a checked image for pages that people see.
type Logo struct {
	// File is the file that it was read from.
	File string
	// Name is the last element of the path at which it is served: a hash of the content and the ending of the format.
	Name string
	// Type is "image/png" or "image/jpeg".
	Type string
	Data []byte
	// Width and Height are in pixels.
	Width, Height int
}

// Colour is a colour of the sRGB space, 0xRRGGBB.
type Colour uint32

// The colours of pages: the paper that text stands on, in light and dark. Package templates has the same in its style sheet.
const (
	LightPaper Colour = 0xFFFFFF
	DarkPaper  Colour = 0x17191C
)

// MinContrast is the contrast that text needs (WCAG 2.2, success criterion 1.4.3).
const MinContrast = 4.5

// ErrContrast is wrapped by the error for a colour that cannot be read as text.
var ErrContrast = errors.New("the contrast is too low")

// ParseColour reads a colour such as "#0b6e4f".
func ParseColour(s string) (Colour, error) {
	digits, hash := strings.CutPrefix(s, "#")
	n, err := strconv.ParseUint(digits, 16, 32)
	if !hash || len(digits) != 6 || err != nil || strings.ContainsAny(digits, "+-_") {
		return 0, fmt.Errorf("%q is not a valid colour; write # and six hexadecimal digits, such as \"#0b6e4f\"", s)
	}
	return Colour(n), nil
}

// String returns the colour as CSS has it.
func (c Colour) String() string { return fmt.Sprintf("#%06x", uint32(c)) }

// luminance is the relative luminance of WCAG 2.2.
func (c Colour) luminance() float64 {
	linear := func(v uint32) float64 {
		s := float64(v&0xFF) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(uint32(c)>>16) + 0.7152*linear(uint32(c)>>8) + 0.0722*linear(uint32(c))
}

// Contrast returns the contrast between two colours, from 1 to 21.
func (c Colour) Contrast(other Colour) float64 {
	light, dark := c.luminance(), other.luminance()
	if light < dark {
		light, dark = dark, light
	}
	return (light + 0.05) / (dark + 0.05)
}

// Readable returns the colour itself if it can be read as text on paper, else the nearest mixture with black or white that can.
func (c Colour) Readable(paper Colour) Colour { return c.withContrast(paper, MinContrast) }

// OnDark returns the colour for pages in dark that goes with c in light. It has more contrast than it must, because a colour that is just
// readable looks dull there.
func (c Colour) OnDark() Colour { return c.withContrast(DarkPaper, 7) }

func (c Colour) withContrast(paper Colour, contrast float64) Colour {
	target := Colour(0)
	if paper.luminance() < 0.18 { // black and white have the same contrast to this
		target = 0xFFFFFF
	}
	for step := range 101 {
		if m := c.mix(target, step); m.Contrast(paper) >= contrast {
			return m
		}
	}
	return target
}

// mix returns c with so many per cent of another colour.
func (c Colour) mix(other Colour, percent int) Colour {
	var mixed Colour
	for shift := 0; shift < 24; shift += 8 {
		a, b := int(c>>shift&0xFF), int(other>>shift&0xFF)
		mixed |= Colour(a+((b-a)*percent+50*sign(b-a))/100) << shift
	}
	return mixed
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

// CheckReadable returns an error that wraps ErrContrast, and names a colour that works, unless the colour can be read as text on paper.
func (c Colour) CheckReadable(paper Colour) error {
	if c.Contrast(paper) >= MinContrast {
		return nil
	}
	return fmt.Errorf("%w: %s on %s has %.1f:1, and text needs %.1f:1; write %q or another colour like it", ErrContrast, c, paper,
		math.Floor(c.Contrast(paper)*10)/10, MinContrast, c.Readable(paper))
}
