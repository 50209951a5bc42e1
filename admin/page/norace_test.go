//go:build !race

package page_test

// slower is how much longer everything takes without the race detector.
const slower = 1
