package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// rootCertificates are where Debian has them. They come with the machine that makes the image.
const rootCertificates = "/etc/ssl/certs/ca-certificates.crt"

// The user that the program runs as in a container.
const passwd = "root:x:0:0:root:/:/sbin/nologin\nmailhint:x:65532:65532:mailhint:/var/lib/mailhint:/sbin/nologin\n"

// image makes the file system of a container image: the program, root certificates, a user, and nothing else. deploy/Containerfile makes an
// image of it.
func (r recipe) image(dir, program string) error {
	binary, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	roots, err := os.ReadFile(rootCertificates)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New(rootCertificates + " does not exist; install the package ca-certificates")
	}
	if err != nil {
		return err
	}
	files := []file{
		{name: "usr/bin/mailhint", text: binary, mode: 0o755},
		{name: "etc/ssl/certs/ca-certificates.crt", text: roots, mode: 0o644},
		{name: "etc/passwd", text: []byte(passwd), mode: 0o644},
		{name: "etc/group", text: []byte("root:x:0:\nmailhint:x:65532:\n"), mode: 0o644},
		{name: "etc/mailhint/README", text: []byte("Mount a directory with domains.toml here.\n"), mode: 0o644},
		{name: "var/lib/mailhint/.keep", mode: 0o644},
	}
	for _, f := range files {
		name := filepath.Join(dir, f.name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, f.text, f.mode), os.Chtimes(name, r.date, r.date)); err != nil {
			return err
		}
	}
	return nil
}
