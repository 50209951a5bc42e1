package storetest

import (
	"testing"

	"mailhint/edits"
)

func TestMemory(t *testing.T) {
	Run(t, func(testing.TB) Place {
		m := NewMemory()
		return Place{Open: func(testing.TB) edits.Store { return m }, Lists: true}
	})
}
