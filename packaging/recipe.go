package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// recipe says what to make.
type recipe struct {
	version   string // as git describe prints it
	archs     []string
	out, nfpm string

	maintainer string    // who answers for the packages: Name <address>
	date       time.Time // of everything that has one
}

// run makes everything.
func (r recipe) run(ctx context.Context) error {
	var err error
	if r.date, err = sourceDate(ctx); err != nil {
		return err
	}
	if err := emptied(r.out); err != nil {
		return err
	}
	texts, err := r.describe(ctx)
	if err != nil {
		return err
	}
	for _, arch := range r.archs {
		if err := r.make(ctx, arch, texts); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
	}
	return writeSums(r.out)
}

// make makes everything for one architecture.
func (r recipe) make(ctx context.Context, arch string, texts []file) error {
	program, err := r.compile(ctx, arch)
	if err != nil {
		return err
	}
	modules, err := modulesOf(ctx, program)
	if err != nil {
		return err
	}
	bom, err := r.billOfMaterials(modules)
	if err != nil {
		return err
	}
	base := filepath.Join(r.out, "mailhint_"+r.version+"_linux_"+arch)
	if err := os.WriteFile(base+".cdx.json", bom, 0o644); err != nil {
		return err
	}
	installed, err := installation(program, texts)
	if err != nil {
		return err
	}
	return errors.Join(
		r.archive(base+".tar.gz", installed),
		r.image(filepath.Join(r.out, "image", arch), program),
		r.packages(ctx, arch, installed, modules),
	)
}

// sourceDate is the time that all files get: SOURCE_DATE_EPOCH, or that of the last commit.
func sourceDate(ctx context.Context) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("git log: %w; set SOURCE_DATE_EPOCH where there is no git", err)
		}
		text = string(out[:max(0, len(out)-1)])
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q, not a number of seconds", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// emptied makes a directory, without what was in it.
func emptied(dir string) error {
	return errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755))
}
