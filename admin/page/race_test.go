//go:build race

package page_test

// slower is how much longer everything takes with the race detector.
const slower = 15
