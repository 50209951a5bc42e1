package spelling

import (
	"fmt"
	"strings"
)

// Count spells a number of things: "1 domain", "2 domains", "0 entries". The noun is the singular.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	stem, isY := strings.CutSuffix(noun, "y")
	if isY && !strings.HasSuffix(stem, "a") && !strings.HasSuffix(stem, "e") && !strings.HasSuffix(stem, "o") { // days, keys, boys
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
