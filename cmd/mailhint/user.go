package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mailhint/accounts"
	"mailhint/accounts/file"
	"mailhint/domains"
	"mailhint/secretfile"
	"mailhint/untrusted"
)

// openAccounts opens the store of accounts that belongs to the configuration: the database of [store], or the state directory.
func openAccounts(cmd *cobra.Command) (*accounts.Service, error) {
	database, err := openDatabase(cmd)
	if err != nil {
		return nil, err
	}
	if database != nil {
		return accounts.New(database.Accounts(), accounts.Options{}), nil
	}
	dir, err := domains.StateDir(configName(cmd))
	if err != nil {
		return nil, problem(err)
	}
	return accounts.New(file.Open(dir), accounts.Options{}), nil
}

// commandLine is who acts when somebody runs a command.
func commandLine() accounts.Principal { return accounts.CommandLine(actor()) }

// grantFlags are the flags that say what an account or token may do.
type grantFlags struct {
	role              string
	domains, profiles []string
}

func (f *grantFlags) addTo(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.role, "role", "", "operator, domain-admin, provisioner or viewer")
	cmd.Flags().StringSliceVar(&f.domains, "domains", nil, "the domains that a domain-admin, provisioner or viewer is limited to, separated by commas")
	cmd.Flags().StringSliceVar(&f.profiles, "profiles", nil, "the profiles on which a provisioner adds and removes domains, separated by commas; * for all")
	var roles []string
	for _, role := range accounts.Roles {
		roles = append(roles, string(role))
	}
	completesFlag(cmd, "role", roles...)
}

// accountError says how the program ends after an error of package accounts: what a flag or argument says wrong is about the command line.
func accountError(err error, what, name string) error {
	invalid := (*accounts.InvalidError)(nil)
	switch {
	case errors.As(err, &invalid) && slices.Contains([]string{"role", "domains", "profiles", "expires"}, invalid.Field):
		return fmt.Errorf("--%s: %s", invalid.Field, invalid.Text)
	case errors.As(err, &invalid) && invalid.Field == "name":
		return errors.New(invalid.Text)
	case errors.Is(err, accounts.ErrNotFound):
		err = fmt.Errorf("there is no %s %s; mailhint %s list shows them all", what, untrusted.Clip(name, 80), what)
	case errors.Is(err, accounts.ErrExists):
		err = fmt.Errorf("there is a %s %s already", what, untrusted.Clip(name, 80))
	}
	return problem(err)
}

func newUser() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Manage the accounts that may sign in to the admin page",
		Long: "user manages accounts. Each has a role:\n" +
			"  operator      may do everything\n" +
			"  domain-admin  changes the keys that editable lists, of its domains and of those whose key admins names it\n" +
			"  provisioner   adds and removes domains on its profiles\n" +
			"  viewer        looks at all domains, or at those that are named\n" +
			"\n" +
			"Accounts are kept in accounts.toml in the state_dir, or in the database that [store] names. A running server follows. Passwords\n" +
			"are asked for at the terminal or read from a file, and never given as arguments, which other users of the machine could see.",
		Example: "  mailhint user add anna --role operator\n" +
			"  mailhint user list",
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newUserAdd(), newUserList(), newUserSet(), newUserPasswd(), newUserTOTP(), newUserRemove(), newHelp())
	return cmd
}

// oneName is for commands with a NAME.
func oneName(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return fmt.Errorf("%s needs a NAME", nameOf(cmd))
	case len(args) > 1:
		return fmt.Errorf("%s takes one NAME; drop %q", nameOf(cmd), strings.Join(args[1:], " "))
	}
	return nil
}

func newUserAdd() *cobra.Command {
	var grant grantFlags
	var passwordFile string
	cmd := &cobra.Command{
		Use:   "add NAME --role ROLE",
		Short: "Add an account",
		Long:  "add adds an account. mailhint user --help explains the roles. The password is asked for twice at the terminal, or is the only line\nof --password-file, a file that only its owner may read; - reads it from stdin.",
		Example: "  mailhint user add anna --role operator\n" +
			"  mailhint user add firm-it --role domain-admin --domains firm.example,firma.example\n" +
			"  mailhint user add panel --role provisioner --profiles shared --password-file panel.password",
		Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if grant.role == "" {
				return errors.New("--role is missing: write operator, domain-admin, provisioner or viewer")
			}
			a := accounts.Account{Name: args[0], Role: accounts.Role(grant.role), Domains: grant.domains, Profiles: grant.profiles}
			err := accounts.CheckName(a.Name)
			if err == nil {
				_, err = accounts.CheckGrant(a.Role, a.Domains, a.Profiles)
			}
			if err != nil {
				return accountError(err, "user", a.Name)
			}
			s, err := openAccounts(cmd)
			if err != nil {
				return err
			}
			password, err := readPassword(cmd, a.Name, passwordFile)
			if err != nil {
				return err
			}
			if a, err = s.AddAccount(cmd.Context(), commandLine(), a, password); err != nil {
				return accountError(err, "user", args[0])
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "added %s (%s)\n", a.Name, a.Role)
			return nil
		},
	}
	grant.addTo(cmd)
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "file with the password on its only line, instead of the terminal; - for stdin")
	return cmd
}

// readPassword asks for a new password at the terminal, or reads it from a file.
func readPassword(cmd *cobra.Command, name, file string) (string, error) {
	switch file {
	case "":
		return askPassword(cmd, name)
	case "-":
		line, err := readLine(cmd.InOrStdin())
		if err == nil && line == "" {
			err = errors.New("stdin has no password")
		}
		return line, problem(err)
	}
	password, err := secretfile.Read(file)
	return password, problem(err)
}

// readLine reads a line without its end.
func readLine(r io.Reader) (string, error) {
	const longest = 8 << 10
	line, err := bufio.NewReader(io.LimitReader(r, longest)).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

// askPassword asks for a new password twice.
func askPassword(cmd *cobra.Command, name string) (string, error) {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", errors.New("there is no terminal to ask for the password; give it in a file: --password-file FILE, or - for stdin")
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
		defer fmt.Fprintln(cmd.ErrOrStderr())
		password, err := term.ReadPassword(int(in.Fd()))
		return string(password), problem(err)
	}
	first, err := ask(fmt.Sprintf("New password for %s (at least %d characters): ", name, accounts.MinPassword))
	if err != nil {
		return "", err
	}
	if err := accounts.CheckPassword(name, first); err != nil {
		return "", problem(err)
	}
	second, err := ask("The same again: ")
	if err == nil && first != second {
		err = problem(errors.New("the two passwords differ; nothing was changed"))
	}
	return first, err
}

func newUserList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Long:    "list prints every account with its role, its domains and profiles, and whether codes of an app are asked for. With --json, it prints an\nobject for each account on a line of its own. It never prints passwords, hashes or secrets.",
		Example: "  mailhint user list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := openAccounts(cmd)
			if err != nil {
				return err
			}
			list, err := s.Accounts(cmd.Context(), commandLine())
			switch {
			case err != nil:
				return problem(err)
			case asJSON:
				return problem(accounts.PrintJSON(cmd.OutOrStdout(), list))
			case len(list) == 0:
				fmt.Fprintln(cmd.ErrOrStderr(), "there are no accounts; add one with mailhint user add NAME --role operator")
				return nil
			}
			return problem(accounts.PrintAccounts(cmd.OutOrStdout(), list))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, an object on each line")
	return printsReport(cmd)
}

func newUserSet() *cobra.Command {
	var grant grantFlags
	var disable, enable bool
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change what an account may do",
		Long:  "set changes the role of an account, its domains and profiles, or whether it may sign in at all. What is not given stays, but a new role\nbegins without domains and profiles. The sessions of the account end.",
		Example: "  mailhint user set firm-it --domains firm.example,firma.example,firm.test\n" +
			"  mailhint user set berta --role viewer\n" +
			"  mailhint user set berta --disable",
		Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if disable && enable {
				return errors.New("--disable and --enable exclude each other; drop one")
			}
			s, err := openAccounts(cmd)
			if err != nil {
				return err
			}
			a, err := s.Account(cmd.Context(), commandLine(), args[0])
			if err != nil {
				return accountError(err, "user", args[0])
			}
			if role := accounts.Role(cmp.Or(grant.role, string(a.Role))); role != a.Role {
				a.Role, a.Domains, a.Profiles = role, nil, nil
			}
			if cmd.Flags().Changed("domains") {
				a.Domains = grant.domains
			}
			if cmd.Flags().Changed("profiles") {
				a.Profiles = grant.profiles
			}
			a.Disabled = (a.Disabled || disable) && !enable
			_, err = s.ChangeAccount(cmd.Context(), commandLine(), a)
			return accountError(err, "user", args[0])
		},
	}
	grant.addTo(cmd)
	cmd.Flags().BoolVar(&disable, "disable", false, "the account can no longer sign in, and its tokens are no longer valid")
	cmd.Flags().BoolVar(&enable, "enable", false, "the account can sign in again")
	return cmd
}

func newUserPasswd() *cobra.Command {
	var passwordFile string
	cmd := &cobra.Command{
		Use:     "passwd NAME",
		Short:   "Set the password of an account",
		Long:    "passwd sets the password of an account, for example of somebody who has forgotten it. It is asked for as in mailhint user add. The\nsessions of the account end.",
		Example: "  mailhint user passwd anna",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openAccounts(cmd)
			if err != nil {
				return err
			}
			if _, err := s.Account(cmd.Context(), commandLine(), args[0]); err != nil {
				return accountError(err, "user", args[0])
			}
			password, err := readPassword(cmd, args[0], passwordFile)
			if err != nil {
				return err
			}
			return accountError(s.SetPassword(cmd.Context(), commandLine(), args[0], password), "user", args[0])
		},
	}
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "file with the password on its only line, instead of the terminal; - for stdin")
	return cmd
}

func newUserTOTP() *cobra.Command {
	var remove bool
	cmd := &cobra.Command{
		Use:   "totp NAME",
		Short: "Set up an authenticator app for an account, or remove it",
		Long: "totp prints the secret for an authenticator app (TOTP, RFC 6238), as text and as a QR code, and asks for the code that the app shows.\n" +
			"From then on, the account needs a code besides the password. It also prints recovery codes: each replaces a code once, for example\n" +
			"when the phone is lost. People can do the same on the admin page. With --remove, no codes are asked for any more.\n" +
			"The sessions of the account end.",
		Example: "  mailhint user totp anna\n" +
			"  mailhint user totp anna --remove",
		Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openAccounts(cmd)
			if err != nil {
				return err
			}
			if _, err := s.Account(cmd.Context(), commandLine(), args[0]); err != nil {
				return accountError(err, "user", args[0])
			}
			if remove {
				return accountError(s.ResetTOTP(cmd.Context(), commandLine(), args[0]), "user", args[0])
			}
			return setUpCodes(cmd, s, args[0])
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "ask for no codes any more, for example because the phone is lost")
	return cmd
}

// setUpCodes sets up an app for an account.
func setUpCodes(cmd *cobra.Command, s *accounts.Service, name string) error {
	secret, err := s.NewTOTP(commandLine())
	if err != nil {
		return problem(err)
	}
	url := accounts.OTPAuth("mailhint", name, secret)
	code, err := accounts.QR(url)
	if err != nil {
		return problem(err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%sSecret for the app: %s\n%s\nCode that the app shows now: ", code, secret, url)
	shown, err := readLine(cmd.InOrStdin())
	if err != nil {
		return problem(err)
	}
	recovery, err := s.SetTOTP(cmd.Context(), commandLine(), name, secret, shown)
	if err != nil {
		return accountError(err, "user", name)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "Recovery codes; each works once. Keep them in a safe place:")
	_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(recovery, "\n"))
	return problem(err)
}

func newUserRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME",
		Short:   "Remove an account",
		Long:    "rm removes an account with its sessions and tokens. What it has done stays in the history and the audit trail.",
		Example: "  mailhint user rm berta",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openAccounts(cmd)
			if err != nil {
				return err
			}
			return accountError(s.RemoveAccount(cmd.Context(), commandLine(), args[0]), "user", args[0])
		},
	}
}
