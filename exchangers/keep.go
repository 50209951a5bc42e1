package exchangers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mailhint/durable"
	"mailhint/settings"
)

// How the domains whose mail comes here are kept across restarts: otherwise the first request for each of them after a start would be
// answered as for an unknown name.
const (
	saveEvery = 5 * time.Minute
	maxSaved  = 64 << 20 // octets that are read; maxOurs names of maximal length need less
	savedHead = "# Domains whose mail comes here, saved by mailhint for its next start: domain, mail exchanger, time of the look-up.\n"
)

// Load reads the domains that Keep has saved, before the first question. They are answered for a day after their look-up. Lines that cannot
// be read are skipped and counted, as a damaged file must not keep the program from starting. A file that does not exist is no error.
func (c *Cache) Load(file string) (skipped int, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read(f, time.Now())
}

// read adds saved domains, the least recently used first.
func (c *Cache) read(from io.Reader, now time.Time) (skipped int, err error) {
	lines := bufio.NewScanner(io.LimitReader(from, maxSaved))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		d, a, ok := parseSaved(lines.Text(), now)
		if !ok {
			skipped++
			continue
		}
		c.ours.Add(d, a)
	}
	return skipped, lines.Err()
}

// parseSaved reads a line of a saved file.
func parseSaved(line string, now time.Time) (d settings.Domain, a answer, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return "", answer{}, false
	}
	d, err := settings.ParseDomain(fields[0])
	host, hostErr := settings.ParseDomain(fields[1])
	seen, timeErr := time.Parse(time.RFC3339, fields[2])
	if err != nil || hostErr != nil || timeErr != nil || seen.After(now.Add(time.Minute)) { // a later time would be trusted for too long
		return "", answer{}, false
	}
	return d, ours(host, nil, seen), true
}

// ours is the result of a look-up that found a host of ours.
func ours(host settings.Domain, hosts []settings.Domain, seen time.Time) answer {
	return answer{host: host, hosts: hosts, until: seen.Add(keepOurs), trusted: seen.Add(trustOurs)}
}

// Keep saves the domains whose mail comes here to a file, every few minutes if there is something new, and once more when ctx is done. It
// creates the directory of the file. What goes wrong is logged once, and counted.
func (c *Cache) Keep(ctx context.Context, file string, log *slog.Logger) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	failed := false
	save := func() {
		err := c.save(file)
		if err != nil && !failed {
			log.Warn("cannot save which domains the fallback answers for; after a restart their first requests will not be answered", "error", err)
		}
		failed = err != nil
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		save()
	}
}

// save writes the file, if there is something new.
func (c *Cache) save(file string) error {
	content, changed := c.saved()
	if !changed {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = durable.Replace(file, content, 0o600)
	}
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed = true
		c.counts.saveFailures++
	}
	return err
}

// saved returns the content of the file, and whether it has changed since the last time.
func (c *Cache) saved() (content []byte, changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed {
		return nil, false
	}
	c.changed = false
	b := bytes.NewBufferString(savedHead)
	for _, d := range c.ours.Keys() { // the least recently used first
		if a, ok := c.ours.Peek(d); ok {
			fmt.Fprintf(b, "%s %s %s\n", d, a.host, a.trusted.Add(-trustOurs).UTC().Format(time.RFC3339))
		}
	}
	return b.Bytes(), true
}
