// Command packaging makes what is released: packages for Debian and Red Hat, archives with the static program, file systems for container
// images, and a bill of materials for each architecture. "make packages" runs it.
//
// The result depends on the sources, the version and SOURCE_DATE_EPOCH, and not on the directory or the time: two builds are equal to the byte.
//
// Read recipe.go first. program.go builds the program and what it says about itself, packages.go calls nfpm, changelog.go is
// Debian's, archive.go makes the archives,
// image.go the file systems, licences.go and sbom.go list what the program is made of, version.go spells versions.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	r := recipe{}
	archs := flag.String("arch", "amd64,arm64", "the architectures, as Go calls them")
	flag.StringVar(&r.version, "version", "", "the version, as git describe prints it")
	flag.StringVar(&r.out, "out", "build/packages", "the directory to write to, which is emptied first")
	flag.StringVar(&r.nfpm, "nfpm", "build/tools/nfpm", "the program nfpm; empty to make no packages")
	flag.StringVar(&r.maintainer, "maintainer", "The mailhint authors <mailhint@localhost>", "who answers for the packages")
	flag.Parse()
	r.archs = strings.Split(*archs, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := r.check(flag.Args())
	if err == nil {
		err = r.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (r recipe) check(args []string) error {
	switch {
	case len(args) > 0:
		return fmt.Errorf("packaging takes no arguments; drop %q", args)
	case r.version == "":
		return errors.New("name the version with -version")
	}
	return nil
}
