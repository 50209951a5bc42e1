package domains

import (
	"hash/maphash"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/BurntSushi/toml"
)

// A text with thousands of domains is cut at the headers of their tables into blocks, which are decoded on all cores, and which need not be
// decoded again when the same text is read with a small change. Whatever is not plain is decoded as a whole, so that values and messages
// are always those of the whole.

// header is a line such as [domains."example.com"] or [[domains."example.com".rules]], or any other header.
type header struct {
	offset int    // of the line
	domain string // the part behind domains; empty for other headers
}

// block is a part of a text that has only tables of domains.
type block struct {
	text   string
	values map[string]any // by domain; nil if it cannot be decoded
}

// decoded are the values of blocks by their text. They are never changed.
type decoded map[string]map[string]any

const (
	cutFrom = 32 << 10 // octets of a text from which on it is cut
	// blockEntries is how many domains a block has on average. Where it ends depends only on names, so that a change in one entry leaves
	// the others in blocks with the same text as before.
	blockEntries = 64
)

var blockSeed = maphash.MakeSeed()

// decode returns what toml.Decode returns. before are the blocks of an earlier reading. next are those of this one; nil if the text was
// decoded as a whole.
func decode(text string, l *lines, cutFrom int, before decoded) (values map[string]any, next decoded, err error) {
	if len(text) >= cutFrom {
		if values, next, ok := decodeBlocks(text, l, blockEntries, before); ok {
			return values, next, nil
		}
	}
	values = make(map[string]any)
	_, err = toml.Decode(text, &values)
	return values, nil, err
}

// decodeBlocks is decode for a text that can be cut. ok is false if it cannot, or if it is not valid.
func decodeBlocks(text string, l *lines, entries uint64, before decoded) (values map[string]any, next decoded, ok bool) {
	if !l.complete {
		return nil, nil, false
	}
	blocks, rest := cut(text, l.headers, entries)
	if len(blocks) == 0 {
		return nil, nil, false
	}
	decodeAll(blocks, before)
	values = make(map[string]any)
	if _, err := toml.Decode(rest, &values); err != nil {
		return nil, nil, false
	}
	if _, there := values["domains"]; there {
		return nil, nil, false
	}
	domains := make(map[string]any, len(l.headers))
	next = make(decoded, len(blocks))
	count := 0
	for _, b := range blocks {
		if b.values == nil {
			return nil, nil, false
		}
		for name, v := range b.values {
			domains[name] = v
		}
		if count += len(b.values); count != len(domains) { // a domain is in two blocks
			return nil, nil, false
		}
		next[b.text] = b.values
	}
	values["domains"] = domains
	return values, next, true
}

// cut returns the parts of a text that have only tables of domains, and all the rest.
func cut(text string, headers []header, entries uint64) (blocks []block, rest string) {
	var others strings.Builder
	if len(headers) > 0 {
		others.WriteString(text[:headers[0].offset])
	}
	start := -1 // of the block that is being collected
	for i, h := range headers {
		end := len(text)
		if i+1 < len(headers) {
			end = headers[i+1].offset
		}
		if h.domain == "" {
			others.WriteString(text[h.offset:end])
			continue
		}
		if start < 0 {
			start = h.offset
		}
		last := i+1 == len(headers) || headers[i+1].domain == ""
		if last || headers[i+1].domain != h.domain && maphash.String(blockSeed, h.domain)%entries == 0 {
			blocks = append(blocks, block{text: text[start:end]})
			start = -1
		}
	}
	return blocks, others.String()
}

// decodeAll decodes blocks on all cores.
func decodeAll(blocks []block, before decoded) {
	onAllCores(len(blocks), func(i int) {
		b := &blocks[i]
		if known, ok := before[b.text]; ok {
			b.values = known
			return
		}
		b.values = decodeBlock(b.text)
	})
}

// onAllCores calls a function for each of n numbers, in no particular order.
func onAllCores(n int, do func(i int)) {
	atOnce := max(1, min(64, n/(4*runtime.GOMAXPROCS(0)))) // numbers that a core takes
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+atOnce-1)/atOnce) {
		working.Go(func() {
			for {
				end := int(next.Add(int64(atOnce)))
				for i := end - atOnce; i < min(end, n); i++ {
					do(i)
				}
				if end >= n {
					return
				}
			}
		})
	}
	working.Wait()
}

// decodeBlock returns the tables of the domains in a block; nil if it has a mistake or anything else.
func decodeBlock(text string) map[string]any {
	values := make(map[string]any)
	if _, err := toml.Decode(text, &values); err != nil || len(values) != 1 {
		return nil
	}
	domains, _ := values["domains"].(map[string]any)
	return domains
}
