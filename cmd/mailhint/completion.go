package main

import (
	"cmp"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/doctor"
	"mailhint/domains"
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
	snapshot, err := domains.Load(configName(cmd))
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

// utf8Locale reports whether the terminal's locale uses UTF-8, by the variables of POSIX in their order of precedence.
func utf8Locale() bool {
	locale := strings.ToLower(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG")))
	return strings.HasSuffix(locale, "utf-8") || strings.HasSuffix(locale, "utf8")
}
