package filestore

import (
	"sync"
	"time"
)

// memory keeps the configuration that was read last for a short time: a command reads a record, and then changes it.
type memory struct {
	mutex  sync.Mutex
	view   *view
	forget *time.Timer
}

// rememberedFor is how long a configuration is kept. It needs a hundred times the memory of its files.
const rememberedFor = 5 * time.Second

// get returns the configuration; nil if none was read lately. It may no longer be what is on disk.
func (m *memory) get() *view {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.view
}

// set remembers a configuration without mistakes.
func (m *memory) set(v view) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.view = &v
	if m.forget == nil {
		m.forget = time.AfterFunc(rememberedFor, m.clear)
		return
	}
	m.forget.Reset(rememberedFor)
}

func (m *memory) clear() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.view = nil
}
