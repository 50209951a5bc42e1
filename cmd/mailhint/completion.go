package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/doctor"
	"mailhint/edits"
)

// maxCompletions bounds how many domains a shell is offered. More would not fit on a screen; another letter leaves fewer.
const maxCompletions = 100

// addCompletion adds cobra's command completion, which then refuses unknown shells as other commands refuse unknown commands.
// It prints to the output that root has at this moment.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Args = onlyCommands
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// completesFlag makes shells complete the values of a flag.
func completesFlag(cmd *cobra.Command, flag string, values ...string) {
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values, cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag does not exist, or has completion already
	}
}

// completesCodes makes shells complete a list of doctor's codes.
func completesCodes(cmd *cobra.Command, flag string) {
	var codes []string
	for _, info := range doctor.Codes {
		codes = append(codes, string(info.Code)+"\t"+info.Title)
	}
	complete := func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		before := begun[:strings.LastIndexByte(begun, ',')+1]
		var list []string
		for _, code := range codes {
			list = append(list, before+code)
		}
		return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag does not exist, or has completion already
	}
}

// completesDomains makes shells complete the configured domains, as many as the command takes.
func completesDomains(cmd *cobra.Command, atMost int) *cobra.Command {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= atMost {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return domainsLike(cmd, args, begun), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// domainsLike returns configured domains that begin with some text, or addresses whose domain does. A configuration that cannot be read has
// none.
func domainsLike(cmd *cobra.Command, except []string, begun string) []string {
	snapshot, err := loadConfig(cmd)
	if err != nil {
		return nil
	}
	at := strings.IndexByte(begun, '@') + 1
	local, begun := begun[:at], strings.ToLower(begun[at:])
	showsUnicode := utf8Locale()
	var list []string
	for _, d := range snapshot.NamedDomains() {
		spellings := []string{string(d), d.Unicode()}
		if showsUnicode {
			slices.Reverse(spellings)
		}
		for _, spelling := range spellings {
			if strings.HasPrefix(spelling, begun) && !slices.Contains(except, spelling) {
				list = append(list, local+spelling)
				break
			}
		}
	}
	slices.Sort(list)
	return list[:min(len(list), maxCompletions)]
}

// completesProfiles makes shells complete the profiles after --profile.
func completesProfiles(cmd *cobra.Command) {
	complete := func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return recordsLike(cmd, edits.Profile, begun), cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc("profile", complete); err != nil {
		panic(err) // the flag does not exist, or has completion already
	}
}

// completeRecords completes domains that have a record, also those that are disabled and wildcards, as many as the command takes.
func completeRecords(atMost int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= atMost {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return recordsLike(cmd, edits.Domain, begun), cobra.ShellCompDirectiveNoFileComp
	}
}

// recordsLike returns the names of records that begin with some text. A configuration that cannot be read has none.
func recordsLike(cmd *cobra.Command, kind edits.Kind, begun string) []string {
	s, err := openStore(cmd)
	if err != nil {
		return nil
	}
	page, err := s.List(cmd.Context(), edits.Query{Kind: kind, Search: begun})
	if err != nil {
		return nil
	}
	var list []string
	for _, r := range page.Records {
		spellings := []string{r.Name, r.Shown()}
		if utf8Locale() {
			slices.Reverse(spellings)
		}
		for _, spelling := range spellings {
			if strings.HasPrefix(spelling, begun) {
				list = append(list, spelling)
				break
			}
		}
		if len(list) == maxCompletions {
			break
		}
	}
	return list
}

// completeValues completes a domain, if it has to exist, and then keys: KEY=, and the values of those that have few.
func completeValues(exists bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		switch {
		case len(args) == 0 && exists:
			return recordsLike(cmd, edits.Domain, begun), cobra.ShellCompDirectiveNoFileComp
		case len(args) == 0:
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		key, value, hasValue := strings.Cut(begun, "=")
		if !hasValue {
			return keysLike(begun), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		var values []string
		switch key {
		case "profile":
			values = recordsLike(cmd, edits.Profile, value)
		case "enabled", "pacc":
			values = []string{"true", "false"}
		}
		for i := range values {
			values[i] = key + "=" + values[i]
		}
		return values, cobra.ShellCompDirectiveNoFileComp
	}
}

// keysLike returns the keys of domains that begin with some text, as KEY= with what they mean.
func keysLike(begun string) []string {
	var list []string
	for _, k := range edits.Keys(edits.Domain) {
		if strings.HasPrefix(k.Name, begun) {
			list = append(list, k.Name+"=\t"+k.Description)
		}
	}
	return list
}

// completeChanges completes a domain and then the numbers of its changes.
func completeChanges(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return completeRecords(1)(cmd, args, begun)
	}
	s, err := openStore(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ref, err := edits.ParseDomain(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	changes, err := s.History(cmd.Context(), edits.HistoryQuery{Ref: ref, Limit: maxCompletions})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []string
	for _, c := range changes {
		list = append(list, fmt.Sprintf("%d\t%s", c.Number, spelled().Line(c)))
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// utf8Locale reports whether the terminal's locale uses UTF-8, by the variables of POSIX in their order of precedence.
func utf8Locale() bool {
	locale := strings.ToLower(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG")))
	return strings.HasSuffix(locale, "utf-8") || strings.HasSuffix(locale, "utf8")
}
