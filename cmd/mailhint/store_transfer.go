package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/filestore"
	"mailhint/postgres"
	"mailhint/server"
	"mailhint/spelling"
	"mailhint/transfer"
	"mailhint/untrusted"
)

func newStoreImport() *cobra.Command {
	flags := importStoreFlags{}
	cmd := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Move domains and profiles from files into the database",
		Long: "import puts the domains and profiles of a configuration, also those in its lists and included files, into the database of [store], and\n" +
			"then takes them out of the files, each with one change that the history has. FILE is the main file of that configuration; without it, it is\n" +
			"the one of --config. Another FILE than that stays as it is.\n" +
			"\n" +
			"Before anything is changed, and again before the files are, the answers that clients would get are compared with those that they get now: all\n" +
			"settings, and the documents of every format made of them. If one differs, nothing is changed. What only a file can have stays in the\n" +
			"files and is reported: a logo, users_file, and the profiles that these and [fallback] use.\n" +
			"\n" +
			"If a server runs here, import waits until that has read the database before it changes the files, which other servers of the same files must\n" +
			"have done by then too. If it is interrupted, the files are still served; run it again.",
		Example: "  mailhint store import --dry-run\n" +
			"  mailhint store import\n" +
			"  mailhint store import /etc/mailhint/old.toml",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.file = configName(cmd)
			if len(args) > 0 {
				flags.file = args[0]
			}
			return problem(flags.run(cmd))
		},
	}
	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "change nothing; say what would move, and whether the answers would be the same")
	cmd.Flags().StringVar(&flags.reason, "reason", "", "why, for the history")
	cmd.Flags().DurationVar(&flags.wait, "wait", time.Minute, "how long to wait for the server that runs here")
	return cmd
}

// importStoreFlags are what store import was told.
type importStoreFlags struct {
	file   string
	dryRun bool
	reason string
	wait   time.Duration
}

func (f importStoreFlags) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	config, err := mustHaveDatabase(cmd)
	if err != nil {
		return err
	}
	files, err := filestore.Open(f.file)
	if err != nil {
		return err
	}
	before, err := domains.Load(f.file)
	if err != nil {
		return err
	}
	records, err := edits.Snapshot(ctx, files)
	if err != nil {
		return err
	}
	plan := transfer.NewPlan(records, before.FallbackProfile())
	for _, s := range plan.Stay {
		fmt.Fprintln(cmd.ErrOrStderr(), untrusted.Printable(fmt.Sprintf("%s stays in the files: %s", s.Ref, s.Reason)))
	}
	isOwn := isSameFile(f.file, configName(cmd))
	remaining, err := f.remaining(ctx, configName(cmd), isOwn, files, plan)
	if err != nil {
		return err
	}
	config.Files = func() (*domains.Snapshot, error) { return remaining, nil }
	database, err := postgres.Open(ctx, *config)
	if err != nil {
		return databaseError(err)
	}
	defer database.Close()
	if err := f.put(ctx, database, before, plan.Put); err != nil {
		return err
	}
	if f.dryRun {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s would move; all answers would be the same\n", spelling.Count(len(plan.Put), "record"))
		return err
	}
	if err := compareWithDatabase(ctx, database, before, remaining); err != nil {
		return fmt.Errorf("%w; the database has the records, but the files are still served", err)
	}
	var served *server.Served
	if isOwn && len(plan.Remove) > 0 {
		if served, err = f.remove(cmd, database, files, plan.Remove); err != nil {
			return err
		}
	}
	if _, err = fmt.Fprintf(cmd.OutOrStdout(), "moved %s into the database; all answers are the same\n", spelling.Count(len(plan.Put), "record")); err != nil || served == nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), served)
	return err
}

// remove takes records out of the files, as soon as a server that runs here has those of the database. It returns what that serves then; nil if none
// runs.
func (f importStoreFlags) remove(cmd *cobra.Command, database *postgres.Store, files edits.Store, list []edits.Edit) (*server.Served, error) {
	ctx := cmd.Context()
	config, err := domains.Load(f.file)
	if err != nil {
		return nil, err
	}
	position, err := database.Position(ctx)
	if err != nil {
		return nil, err
	}
	has := f.awaitReplica(ctx, config.Server, position.Sequence)
	if has.Status == server.NotRead {
		return nil, fmt.Errorf("%s\nthe database has the records, but they were not taken out of the files, which are still served; run import again", has.Reason)
	}
	result, err := files.Apply(ctx, f.set(list))
	if err != nil {
		return nil, fmt.Errorf("%w\nthe database has the records, but they could not be taken out of the files, which are still served", err)
	}
	if has.Status != server.Serving || len(result.Changes) == 0 {
		return nil, nil
	}
	served := server.AwaitServed(ctx, config.Server, f.file, result.Config.Digest(), time.Now())
	return &served, nil
}

// awaitReplica waits until the server that runs here, if one does, has read the database up to a change.
func (f importStoreFlags) awaitReplica(ctx context.Context, config domains.Server, number int64) (served server.Served) {
	start := time.Now()
	for {
		served = server.AwaitSequence(ctx, config, f.file, number, start)
		if served.Status != server.NotRead || time.Since(start) >= f.wait || ctx.Err() != nil {
			return served
		}
	}
}

func isSameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

func (f importStoreFlags) set(list []edits.Edit) edits.ChangeSet {
	return edits.ChangeSet{Edits: list, Actor: actor(), Via: edits.Command, Reason: f.reason, DryRun: f.dryRun}
}

// remaining returns the configuration of the files when the records have moved.
func (f importStoreFlags) remaining(ctx context.Context, config string, isOwn bool, files edits.Store, plan transfer.Plan) (*domains.Snapshot, error) {
	if !isOwn || len(plan.Remove) == 0 {
		return domains.Load(config)
	}
	set := f.set(plan.Remove)
	set.DryRun = true
	result, err := files.Apply(ctx, set)
	return result.Config, err
}

// put writes the records, unless the answers would differ. Those that the database has already, as after an import that was interrupted, are left out.
func (f importStoreFlags) put(ctx context.Context, database *postgres.Store, before *domains.Snapshot, list []edits.Edit) error {
	there := make(map[edits.Ref]edits.Values)
	records, err := edits.Snapshot(ctx, database)
	if err != nil {
		return err
	}
	for _, r := range records {
		there[r.Ref] = r.Values
	}
	var missing []edits.Edit
	for _, e := range list {
		values, exists := there[e.Ref]
		switch {
		case !exists:
			missing = append(missing, e)
		case !values.Equal(e.Values):
			return fmt.Errorf("the database already has %s, with other values; remove it from one of them", e.Ref)
		}
	}
	set := f.set(missing)
	if len(missing) == len(list) { // otherwise the database is compared afterwards
		set.DryRun = true
		result, err := database.Apply(ctx, set)
		if err != nil {
			return err
		}
		if result.Config != nil {
			if err := transfer.Compare(ctx, before, result.Config); err != nil {
				return err
			}
		}
		set.DryRun = f.dryRun
	}
	if f.dryRun {
		return nil
	}
	_, err = database.Apply(ctx, set)
	return err
}

// compareWithDatabase compares the answers of files with those of other files together with the database.
func compareWithDatabase(ctx context.Context, database *postgres.Store, before, files *domains.Snapshot) error {
	records, err := database.Records(ctx)
	if err != nil {
		return err
	}
	err = transfer.Compare(ctx, before, files.With(records))
	if failed := records.Err(); failed != nil {
		return failed
	}
	return err
}

func newStoreExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print the domains and profiles of the database as domains.toml has them",
		Long: "export prints the records of the database as a text to put at the end of the main file, after which [store] can be removed. It makes sure that\n" +
			"the file with this text would give every client the answer that it gets now.",
		Example: "  mailhint store export --output domains.d/store.toml",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return problem(exportStore(cmd)) },
	}
	return printsDocument(cmd)
}

func exportStore(cmd *cobra.Command) error {
	ctx := cmd.Context()
	if _, err := mustHaveDatabase(cmd); err != nil {
		return err
	}
	database, err := openDatabase(cmd)
	if err != nil {
		return err
	}
	now, err := domains.Load(configName(cmd))
	if err != nil {
		return err
	}
	records, err := edits.Snapshot(ctx, database)
	if err != nil {
		return err
	}
	text, err := transfer.Text(records)
	if err != nil {
		return err
	}
	then, err := transfer.With(configName(cmd), text)
	if err != nil {
		return fmt.Errorf("the file with the records of the database would have mistakes:\n%w", err)
	}
	stored, err := database.Records(ctx)
	if err != nil {
		return err
	}
	err = transfer.Compare(ctx, now.With(stored), then)
	if err = errors.Join(stored.Err(), err); err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(text)
	return err
}
