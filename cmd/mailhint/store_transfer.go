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
			"All records are saved in the database, or none. Before that, the settings that every domain would get from there are compared with those that it\n" +
			"gets now, and the documents of a thousand domains in every format. If one differs, nothing is changed. What only a file can have stays in the\n" +
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
	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "do the same and take it back; say what would move, and whether the answers would be the same")
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
	config, err := mustHaveDatabase(cmd)
	if err != nil {
		return err
	}
	isOwn := isSameFile(f.file, configName(cmd))
	// Before the move the files need much memory, and after it hardly any, so that put keeps their texts only.
	moved, err := f.put(cmd, *config, isOwn)
	if err != nil {
		return err
	}
	if f.dryRun {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s would move; all answers would be the same\n", spelling.Count(moved.count, "record"))
		return err
	}
	var served *server.Served
	if isOwn && moved.count > 0 {
		if served, err = f.remove(cmd, *config, moved); err != nil {
			return err
		}
	}
	if _, err = fmt.Fprintf(cmd.OutOrStdout(), "moved %s into the database; all answers are the same\n", spelling.Count(moved.count, "record")); err != nil || served == nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), served)
	return err
}

// moved is what an import has put into the database.
type moved struct {
	count  int
	tables []edits.Edit   // take the tables out of the files
	files  []domains.Text // that were read
	server domains.Server // of the files
}

// put writes the records, unless the answers would differ.
func (f importStoreFlags) put(cmd *cobra.Command, config postgres.Config, isOwn bool) (moved, error) {
	ctx := cmd.Context()
	source, err := domains.Read(f.file, nil)
	if err != nil {
		return moved{}, err
	}
	plan := transfer.NewPlan(source)
	for _, s := range plan.Stay {
		fmt.Fprintln(cmd.ErrOrStderr(), untrusted.Printable(fmt.Sprintf("%s stays in the files: %s", s.Ref, s.Reason)))
	}
	m := moved{plan.Count, plan.Tables(), source.Files, source.Snapshot.Server}
	remaining, err := f.remaining(ctx, configName(cmd), isOwn && plan.Count > 0, m)
	if err != nil {
		return m, err
	}
	config.Files = func() (*domains.Snapshot, error) { return remaining, nil }
	database, err := postgres.Open(ctx, config)
	if err != nil {
		return m, databaseError(err)
	}
	defer database.Close()
	progress := newProgress(cmd.ErrOrStderr(), plan.Count, "records")
	defer progress.done()
	_, err = database.Import(ctx, postgres.Import{
		Records: plan.Records(), Count: plan.Count, Action: transfer.Action, Actor: actor(), Reason: f.reason, DryRun: f.dryRun, Step: progress.step,
		Verify: func(records *postgres.Records) error {
			return transfer.Compare(ctx, source.Snapshot, remaining.With(records))
		},
	})
	return m, err
}

// remaining returns the configuration of the files when the records have moved.
func (f importStoreFlags) remaining(ctx context.Context, config string, move bool, m moved) (*domains.Snapshot, error) {
	if !move {
		return domains.Load(config)
	}
	result, err := f.empty(ctx, m, true)
	return result.Config, err
}

// remove takes records out of the files, as soon as a server that runs here has those of the database. It returns what that serves then; nil if none
// runs.
func (f importStoreFlags) remove(cmd *cobra.Command, config postgres.Config, m moved) (*server.Served, error) {
	ctx := cmd.Context()
	database, err := postgres.Open(ctx, config)
	if err != nil {
		return nil, databaseError(err)
	}
	defer database.Close()
	position, err := database.Position(ctx)
	if err != nil {
		return nil, err
	}
	has := f.awaitReplica(ctx, m.server, position.Sequence)
	if has.Status == server.NotRead {
		return nil, fmt.Errorf("%s\nthe database has the records, but they were not taken out of the files, which are still served; run import again", has.Reason)
	}
	result, err := f.empty(ctx, m, false)
	if err != nil {
		return nil, fmt.Errorf("%w\nthe database has the records, but they could not be taken out of the files, which are still served; run import again", err)
	}
	if has.Status != server.Serving || len(result.Changes) == 0 {
		return nil, nil
	}
	served := server.AwaitServed(ctx, m.server, f.file, result.Config.Digest(), time.Now())
	return &served, nil
}

// empty takes the tables that move, and all names of lists, out of the files.
func (f importStoreFlags) empty(ctx context.Context, m moved, dryRun bool) (edits.Result, error) {
	files, err := filestore.Open(f.file)
	if err != nil {
		return edits.Result{}, err
	}
	return files.Empty(ctx, edits.ChangeSet{Edits: m.tables, Actor: actor(), Via: edits.Command, Reason: f.reason, DryRun: dryRun}, transfer.Action, m.files)
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
