package admin

import "testing"

// SetHistoryPage makes the pages of the history small in a test.
func SetHistoryPage(t *testing.T, size int) {
	before := historyPage
	t.Cleanup(func() { historyPage = before })
	historyPage = size
}
