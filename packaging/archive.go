package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// archive writes an archive with everything for machines without packages, in one directory.
func (r recipe) archive(name string, files []file) error {
	dir := strings.TrimSuffix(filepath.Base(name), ".tar.gz")
	var list []file
	for _, f := range files {
		switch base := path.Base(f.name); {
		case f.name == "/usr/bin/mailhint":
			f.name = base
		case strings.HasPrefix(f.name, documentFolder):
			f.name = strings.TrimPrefix(f.name, documentFolder)
		case strings.HasPrefix(f.name, "/usr/share/mailhint/"):
			f.name = base
		case strings.HasPrefix(f.name, "/usr/share/man/"):
			f.name = "man/" + base
		case strings.Contains(f.name, "completions"):
			f.name = "completion/" + base
		default: // the units are in deploy, and users make their own configuration
			continue
		}
		list = append(list, f)
	}
	licence, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	list = append(list, file{name: "LICENSE", text: licence, mode: 0o644})
	licences, err := thirdParty(filepath.Join(r.out, "program", dir[strings.LastIndexByte(dir, '_')+1:], "mailhint"))
	if err != nil {
		return err
	}
	list = append(list, file{name: "THIRD-PARTY-LICENSES", text: licences, mode: 0o644})
	return r.writeTar(name, dir, list)
}

// writeTar writes an archive in which nothing depends on who makes it, and when.
func (r recipe) writeTar(name, dir string, files []file) error {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		header := &tar.Header{
			Name: dir + "/" + f.name, Mode: int64(f.mode), Size: int64(len(f.text)), ModTime: r.date, Format: tar.FormatUSTAR, Typeflag: tar.TypeReg,
			Uname: "root", Gname: "root",
		}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(f.text); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, compressed(b.Bytes()), 0o644)
}

// writeSums writes the checksums of all files of a directory, as sha256sum -c reads them.
func writeSums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(text), e.Name())
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
