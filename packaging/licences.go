package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is a module that the program contains.
type module struct {
	path, version string
	licence       string   // its SPDX identifier
	texts         []string // of the licence, and of notices that must go with it
}

// modulesOf lists the modules in a program, and Go's own library first, with their licences.
func modulesOf(ctx context.Context, program string) ([]module, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	root, err := output0(ctx, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	std := module{path: "std", version: strings.TrimPrefix(info.GoVersion, "go")}
	dirs := map[string]string{"std": root}
	list, err := output0(ctx, "go", "list", "-m", "-f", "{{.Path}}\t{{.Dir}}", "all")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(list) {
		name, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		dirs[name] = dir
	}
	modules := []module{std}
	for _, m := range info.Deps {
		modules = append(modules, module{path: m.Path, version: m.Version})
	}
	var errs []error
	for i := range modules {
		errs = append(errs, modules[i].read(dirs[modules[i].path]))
	}
	return modules, errors.Join(errs...)
}

// output0 is the output of a command without its last newline.
func output0(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// licenceFile matches the names of files with licences and notices.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// read finds the licence in a module's directory.
func (m *module) read(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", m.path, err)
	}
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		m.texts = append(m.texts, strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")))
		if id := identify(string(text)); id != "" && m.licence == "" {
			m.licence = id
		}
	}
	if m.licence == "" {
		return fmt.Errorf("%s: no licence that is known here; teach it to identify, if the program may contain it", m.path)
	}
	return nil
}

// identify returns the SPDX identifier of a licence that the program may contain; "" for any other text.
func identify(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case has("Apache License Version 2.0"):
		return "Apache-2.0"
	case has("Mozilla Public License Version 2.0") || has("Mozilla Public License, version 2.0"):
		return "MPL-2.0"
	case has("CC0 1.0 Universal"):
		return "CC0-1.0"
	case has("Permission to use, copy, modify, and/or distribute this software for any purpose"),
		has("Permission to use, copy, modify, and distribute this software for any purpose"):
		return "ISC"
	case has("Permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("Redistribution and use in source and binary forms") && has("may be used to endorse"):
		return "BSD-3-Clause"
	case has("Redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	}
	return ""
}

// common are the licences whose text every Debian system has, so that packages must not repeat it.
var common = map[string]string{"Apache-2.0": "/usr/share/common-licenses/Apache-2.0", "MPL-2.0": "/usr/share/common-licenses/MPL-2.0", "CC0-1.0": "/usr/share/common-licenses/CC0-1.0"}

// copyright is the file /usr/share/doc/mailhint/copyright of Debian: our licence, and those of all modules. Texts that every Debian system has
// are only referred to.
func copyright(licence string, modules []module) string {
	return "mailhint\n\n" + strings.TrimSpace(licence) + "\n\n" +
		"The program contains the following modules, each with its own licence.\n" + list(modules, common)
}

// thirdParty lists the modules in a program with the full texts of their licences.
func thirdParty(program string) ([]byte, error) {
	modules, err := modulesOf(context.Background(), program)
	return []byte("The program mailhint contains the following modules, each with its own licence.\n" + list(modules, nil)), err
}

// list writes modules with their licences. Modules with exactly the same texts share them.
func list(modules []module, elsewhere map[string]string) string {
	var b strings.Builder
	done := make([]bool, len(modules))
	for i, m := range modules {
		if done[i] {
			continue
		}
		b.WriteString("\n" + strings.Repeat("-", 80) + "\n\n")
		for j := i; j < len(modules); j++ {
			if modules[j].licence == m.licence && slices.Equal(modules[j].texts, m.texts) {
				done[j] = true
				fmt.Fprintf(&b, "%s %s (%s)\n", modules[j].name(), modules[j].version, m.licence)
			}
		}
		for _, text := range m.texts {
			if place := elsewhere[identify(text)]; place != "" {
				text = "On Debian systems the full text of this licence is in " + place + "."
			}
			b.WriteString("\n" + text + "\n")
		}
	}
	return b.String()
}

// name is how a module is called in lists.
func (m module) name() string {
	if m.path == "std" {
		return "Go's standard library"
	}
	return m.path
}
