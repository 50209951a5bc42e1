package domains

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // the formats of logos
	_ "image/png"
	"path/filepath"
	"strings"

	"mailhint/settings"
)

// The limits of a logo. One at the limits is decoded to 16 MB for a moment, when it is read.
const (
	maxLogo       = 256 << 10 // octets
	maxLogoPixels = 2048      // wide or high
)

// imageFile is a file name; the file is read when settings are made of it (loader.logo).
var imageFile = kind[string]{name: "PNG or JPEG file", read: readImageName, plain: plainText[string]}

// readImageName returns the path of a file, which is relative to the file that the table is in.
func readImageName(t *table, key string) (string, bool) {
	name, ok := t.text(key)
	if name != "" && !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(t.src.file), name)
	}
	return name, ok
}

// textColour is a colour that can be read as text on paper.
func textColour(paper settings.Colour) kind[*settings.Colour] {
	read := func(t *table, key string) (*settings.Colour, bool) {
		text, ok := t.text(key)
		if !ok || text == "" {
			return nil, ok
		}
		c, err := settings.ParseColour(text)
		if err == nil {
			err = c.CheckReadable(paper)
		}
		if err != nil {
			t.fail(key, "%v", err)
		}
		return &c, err == nil
	}
	return kind[*settings.Colour]{name: "colour", form: Form{Pattern: whole("", "#[0-9A-Fa-f]{6}")}, read: read, plain: func(c *settings.Colour) any {
		if c == nil {
			return nil
		}
		return c.String()
	}}
}

// readLogo is a logo that was read, or why it cannot be used.
type readLogo struct {
	logo *settings.Logo
	err  error
}

// logo returns the logo of a finished stack of layers; nil if there is none, or none that can be used, which is noted.
func (l *loader) logo(stack *layer, owner *table) *settings.Logo {
	file := stack.values.logo
	if file == "" {
		return nil
	}
	r, known := l.logos[file]
	if !known {
		l.watch.look(file)
		r.logo, r.err = l.readLogo(file)
		l.logos[file] = r
	}
	if r.err != nil {
		l.note(stack.at.of("logo"), keyIn(owner, "logo"), "%v", r.err)
	}
	return r.logo
}

// readLogo reads a file and checks that a browser will show it as an image and as nothing else.
func (l *loader) readLogo(file string) (*settings.Logo, error) {
	text, err := l.read(file, maxLogo, LogoFile)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, fmt.Errorf("the file is larger than %d KB; make the image smaller", maxLogo>>10)
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w; write its path relative to this file", err)
	}
	data := []byte(text)
	head, format, err := image.DecodeConfig(bytes.NewReader(data))
	switch {
	case err != nil && looksLikeSVG(text):
		return nil, errors.New("SVG images could contain scripts; convert it to PNG (rsvg-convert -h 192 -o logo.png logo.svg)")
	case err != nil:
		return nil, errors.New("the file is neither a PNG nor a JPEG image; convert it to one of them")
	case head.Width > maxLogoPixels || head.Height > maxLogoPixels:
		return nil, fmt.Errorf("the image has %d×%d pixels; at most %d are allowed in each direction", head.Width, head.Height, maxLogoPixels)
	}
	if _, _, err := image.Decode(bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("the %s image is damaged; save it again", strings.ToUpper(format))
	}
	if absolute, err := filepath.Abs(file); err == nil { // it fails without a working directory
		file = absolute
	}
	sum := sha256.Sum256(data)
	return &settings.Logo{File: file, Name: hex.EncodeToString(sum[:8]) + "." + format, Type: "image/" + format, Data: data,
		Width: head.Width, Height: head.Height}, nil
}

func looksLikeSVG(text string) bool {
	return strings.Contains(strings.ToLower(text[:min(len(text), 4096)]), "<svg")
}

// logosByName returns all logos for Snapshot.Logo.
func (l *loader) logosByName() map[string]*settings.Logo {
	byName := make(map[string]*settings.Logo)
	for _, r := range l.logos {
		if r.logo != nil {
			byName[r.logo.Name] = r.logo
		}
	}
	return byName
}
