package tomledit

// plan says how a list becomes another: which elements are removed, which get another value, and what is put behind which element; -1 stands
// for the beginning.
type plan struct {
	remove  []bool
	replace map[int]any
	insert  map[int][]any
}

// align makes a plan that keeps what both lists have, if it is in the same order, and changes elements where some have gone and others have
// come.
func align(old, wanted []any) plan {
	a, b := spellAll(old), spellAll(wanted)
	left, right := count(a), count(b) // what is still to come
	p := plan{make([]bool, len(a)), make(map[int]any), make(map[int][]any)}
	var gone []int
	var come []any
	kept := -1 // the last one
	flush := func() {
		after := kept
		for i, v := range come {
			if i < len(gone) {
				after = gone[i]
				p.replace[after] = v
			} else {
				p.insert[after] = append(p.insert[after], v)
			}
		}
		for _, i := range gone[min(len(come), len(gone)):] {
			p.remove[i] = true
		}
		gone, come = nil, nil
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			flush()
			kept = i
			left[a[i]]--
			right[b[j]]--
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || right[a[i]] == 0 || left[b[j]] > 0):
			left[a[i]]--
			gone = append(gone, i)
			i++
		default:
			right[b[j]]--
			come = append(come, wanted[j])
			j++
		}
	}
	flush()
	return p
}

func spellAll(values []any) []string {
	spelled := make([]string, len(values))
	for i, v := range values {
		spelled[i] = string(appendValue(nil, v))
	}
	return spelled
}

func count(values []string) map[string]int {
	n := make(map[string]int, len(values))
	for _, v := range values {
		n[v]++
	}
	return n
}
