package mobileconfig

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"

	"rsc.io/qr"

	"mailhint/settings"
)

// newCode returns the QR code of a person's link. The second level of error correction suffices, since it is read from screens.
func newCode(host string, a settings.Address) (*qr.Code, error) {
	return qr.Encode(Link(host, a), qr.M)
}

// border is the width of the quiet zone around a code, in modules (ISO/IEC 18004).
const border = 4

// SVG draws a code as a single path of horizontal bars, one unit per module. Screen readers read out the title.
func SVG(code *qr.Code, title string) []byte {
	size := code.Size + 2*border
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 %d %d" width="%d" height="%d" `+
		`shape-rendering="crispEdges">`+"\n<title>", size, size, size*code.Scale, size*code.Scale)
	xml.EscapeText(&b, []byte(title)) // writing to a bytes.Buffer cannot fail
	fmt.Fprintf(&b, "</title>\n<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/>\n<path d=\"", size, size)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			start := x
			for code.Black(x, y) {
				x++
			}
			if n := x - start; n > 0 {
				b.Write(appendBar(b.AvailableBuffer(), start+border, y+border, n))
			}
		}
	}
	b.WriteString("\"/>\n</svg>\n")
	return b.Bytes()
}

// appendBar appends the path of n modules in a row. A code has hundreds of bars, too many for package fmt.
func appendBar(path []byte, x, y, n int) []byte {
	path = strconv.AppendInt(append(path, 'M'), int64(x), 10)
	path = strconv.AppendInt(append(path, ' '), int64(y), 10)
	path = strconv.AppendInt(append(path, 'h'), int64(n), 10)
	path = strconv.AppendInt(append(path, "v1h-"...), int64(n), 10)
	return append(path, 'z')
}
