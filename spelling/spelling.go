// Package spelling finds the word that was probably meant, for "did you mean" hints and for misspelled placeholders in other people's files,
// and spells numbers of things.
package spelling

// Nearest returns the known word that is nearest to an unknown one, or "" if none is near enough to be meant. Of several that are
// equally near it returns the first.
func Nearest(word string, known []string) string {
	nearest, limit := "", max(1, len(word)/3)
	for _, k := range known {
		if d := Distance(word, k, limit); d < limit || d == limit && nearest == "" {
			nearest, limit = k, d
		}
	}
	return nearest
}

// longest bounds what Distance compares letter by letter, in octets: the work grows with the product of the lengths.
const longest = 64

// Distance counts the octets to insert, delete, replace or swap with their neighbor to get from a to b (the optimal string alignment
// distance). Beyond the limit it returns any greater number, and quickly: it is asked about a million domains.
func Distance(a, b string, limit int) int {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if max(len(a), len(b)) >= longest || max(len(a)-len(b), len(b)-len(a)) > limit {
		return limit + 1
	}
	var rows [3][longest]int
	before, row, next := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		smallest := next[0]
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			next[j+1] = min(row[j]+change, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
			smallest = min(smallest, next[j+1])
		}
		if smallest > limit+1 { // a swap reaches back two rows, so the distance may still fall by one
			return limit + 1
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
