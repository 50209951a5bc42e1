package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailhint/docs"
	"mailhint/reference"
	"mailhint/spelling"
)

// newHelp is the command help of the program or of one of its commands that have commands of their own. Unlike cobra's, it refuses
// a topic that does not exist.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | config [KEY…] | CODE]",
		Short: "Explain a command, a key of domains.toml, or a code of doctor",
		Long: "help explains a command, as COMMAND --help does; with config every key of domains.toml, or only some keys or tables;\n" +
			"and with a code such as D01 what doctor means by it and how to fix it.",
		Example: "  mailhint help cert get\n" +
			"  mailhint help config\n" +
			"  mailhint help config tls\n" +
			"  mailhint help config fallback\n" +
			"  mailhint help D01",
		RunE: func(cmd *cobra.Command, topic []string) error {
			return explain(cmd, topic)
		},
		ValidArgsFunction: completeTopic,
	}
}

func explain(cmd *cobra.Command, topic []string) error {
	isProgram := !cmd.Parent().HasParent()
	if isProgram && len(topic) > 0 && topic[0] == "config" {
		return helpConfig(cmd.OutOrStdout(), topic[1:])
	}
	if isProgram && len(topic) == 1 {
		if page, ok := docs.Code(topic[0]); ok {
			_, err := io.WriteString(cmd.OutOrStdout(), docs.Plain(page))
			return problem(err)
		}
	}
	found, err := findTopic(cmd.Parent(), topic)
	if err != nil {
		return err
	}
	found.InitDefaultHelpFlag() // so that it is listed
	found.SetOut(cmd.OutOrStdout())
	return found.Help()
}

// helpConfig explains the keys and tables that words name, or all.
func helpConfig(w io.Writer, words []string) error {
	sections := reference.Sections()
	if len(words) > 0 {
		sections = nil
	}
	var unknown []error
	for _, word := range words {
		found, err := reference.Find(word)
		sections, unknown = append(sections, found...), append(unknown, err)
	}
	if err := errors.Join(unknown...); err != nil {
		return err
	}
	return problem(reference.Print(w, sections))
}

// findTopic returns the command that words name below another.
func findTopic(above *cobra.Command, words []string) (*cobra.Command, error) {
	for _, word := range words {
		i := slices.IndexFunc(above.Commands(), func(c *cobra.Command) bool { return c.Name() == word })
		switch {
		case i >= 0:
			above = above.Commands()[i]
		case above.HasSubCommands():
			return nil, unknownTopic(above, word)
		default:
			return nil, fmt.Errorf("%s has no commands of its own; drop %q", above.CommandPath(), word)
		}
	}
	return above, nil
}

// codeLike matches what looks like a code of doctor.
var codeLike = regexp.MustCompile(`^[A-Za-z][0-9]{1,2}$`)

// unknownTopic is the error for a word that names nothing that help could explain.
func unknownTopic(above *cobra.Command, word string) error {
	topics := commandsOf(above)
	where := ` for "` + above.CommandPath() + `"`
	if !above.HasParent() {
		topics = slices.Concat(topics, []string{"config"}, docs.Codes())
		where = ""
	}
	if !above.HasParent() && codeLike.MatchString(word) {
		return fmt.Errorf("unknown topic %q; the codes are %s", word, strings.Join(docs.Codes(), ", "))
	}
	near := spelling.Nearest(strings.ToLower(word), topics)
	if near == "" {
		near = spelling.Nearest(strings.ToUpper(word), topics)
	}
	switch {
	case near != "":
		return fmt.Errorf("unknown topic %q%s; did you mean %s?", word, where, near)
	case where == "" && slices.Contains(reference.Names(), strings.ToLower(word)):
		return fmt.Errorf("unknown topic %q; to explain the key, run mailhint help config %s", word, strings.ToLower(word))
	}
	return fmt.Errorf("unknown topic %q%s", word, where)
}

// commandsOf lists the names of the commands below another.
func commandsOf(above *cobra.Command) []string {
	var names []string
	for _, c := range above.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}

func completeTopic(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	isProgram := !cmd.Parent().HasParent()
	var topics []string
	switch {
	case isProgram && len(args) > 0 && args[0] == "config":
		topics = reference.Names()
	default:
		above, err := findTopic(cmd.Parent(), args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for _, c := range above.Commands() {
			if c.IsAvailableCommand() {
				topics = append(topics, c.Name()+"\t"+c.Short)
			}
		}
		if isProgram && len(args) == 0 {
			topics = append(topics, "config\tEvery key of domains.toml")
			for _, code := range docs.Codes() {
				page, _ := docs.Code(code)
				title, _, _ := strings.Cut(strings.TrimPrefix(page, "# "+code+": "), "\n")
				topics = append(topics, code+"\t"+title)
			}
		}
	}
	return slices.DeleteFunc(topics, func(t string) bool { return !strings.HasPrefix(t, begun) }), cobra.ShellCompDirectiveNoFileComp
}
