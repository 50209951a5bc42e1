package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mailhint/accounts"
	"mailhint/accounts/oidc"
	"mailhint/certs"
	"mailhint/doctor"
	"mailhint/domains"
	"mailhint/exchangers"
	"mailhint/logins"
	"mailhint/monitor"
	"mailhint/postgres"
	"mailhint/replica"
	"mailhint/resolver"
	"mailhint/server"
	"mailhint/settings"
)

func newServe() *cobra.Command {
	var (
		logFormat string
		drain     time.Duration
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer mail programs",
		Long: "serve answers mail programs as configured in domains.toml, until it is stopped (SIGTERM, Ctrl-C).\n" +
			"It notices changes to the file; SIGHUP makes it read the file at once.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if logFormat != "text" && logFormat != "json" {
				return fmt.Errorf("unknown log format %q; write text or json", logFormat)
			}
			ballast = make([]byte, serveBallast)
			lines := server.NewLogWriter(cmd.ErrOrStderr())
			defer lines.Close() // passes the last lines on; there is nowhere to report an error
			log := slog.New(server.NewLogHandler(lines, logFormat == "json", nil))
			slog.SetDefault(log) // for libraries that write with package log
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop)   // a second signal ends the process at once
			signal.Ignore(syscall.SIGPIPE) // a log whose reader has ended is like one on a full disk

			p, err := open(configName(cmd), systemNetwork(), log)
			if err != nil {
				return problem(err)
			}
			defer p.Close()
			if terminal(cmd.ErrOrStderr()) == nil {
				p.warnOfLoopback()
			}
			p.server.Drain = drain
			return problem(p.Run(ctx))
		},
	}
	cmd.Flags().StringVar(&logFormat, "log-format", "text", "how log lines are written: text or json")
	cmd.Flags().DurationVar(&drain, "drain", time.Second, "how long to keep accepting connections after SIGTERM, while /-/readyz reports not ready")
	completesFlag(cmd, "log-format", "text", "json")
	return cmd
}

// serveBallast is the ballast of serve, in octets: with the 3 MB that a small configuration needs, the garbage collector runs for every 23 MB
// that requests leave behind instead of every 4. An answer then takes 6 % less processor time and a new TLS connection 10 %, and under load the
// process has 42 MB instead of 25.
const serveBallast = 20 << 20

// network is what the program uses of the network. Tests bring their own.
type network struct {
	resolver exchangers.Resolver
	prober   func(private []netip.Prefix) monitor.Prober
}

// systemNetwork is the network as this machine sees it.
func systemNetwork() network { return network{resolver: resolver.SystemNow{}, prober: systemProber} }

// hosts returns what finds the addresses of names.
func (n network) hosts() certs.HostResolver {
	if r, ok := n.resolver.(certs.HostResolver); ok {
		return r
	}
	return resolver.SystemNow{}
}

// program is mailhint with everything that serve starts. Use open, Run and Close, in this order.
type program struct {
	log    *slog.Logger
	hangup chan os.Signal

	file         *domains.File
	current      atomic.Pointer[domains.Snapshot] // what is served
	server       *server.Server
	exchangers   *exchangers.Cache
	logins       *logins.Logins
	monitor      *monitor.Monitor    // nil if the mail servers are not checked
	certificates *certs.Certificates // nil unless tls is "acme"
	observer     *observer
	provider     *oidc.SignIn      // nil without the admin page
	people       *accounts.Service // nil without the admin page
	database     *postgres.Store   // nil without [store]
	replica      *replica.Replica  // nil without [store]
}

// open loads the configuration, makes the pieces, and opens the listeners. Connections wait until Run.
func open(config string, network network, log *slog.Logger) (*program, error) {
	p := &program{log: log, hangup: make(chan os.Signal, 1), exchangers: exchangers.New(network.resolver), logins: logins.New(log), observer: newObserver(config, log)}
	signal.Notify(p.hangup, syscall.SIGHUP) // first of all, because otherwise the signal would end the process
	file, err := domains.Open(config, func(s *domains.Snapshot) error {
		if p.server == nil {
			if err := p.openDatabase(s.Store); err != nil {
				return err
			}
			if err := p.assemble(config, s.Server, network); err != nil {
				return err
			}
			p.openReplica(s.Server)
		}
		if err := p.useLogins(s); err != nil {
			return err
		}
		p.update(s)
		return nil
	})
	if err == nil {
		p.file = file
		if p.replica != nil {
			file.MayMoveTo(p.replica)
		}
		p.server.Metrics().MustRegister(file.Collector())
		p.server.ShowLines(file.Lines)
		p.server.OnAnnounced(p.announced)
		err = p.openAdmin(config, file.Current().Server, network)
	}
	if err == nil {
		err = p.server.Listen()
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.warnOfPlainHTTP()
	log.Info("serving", "file", config, "domains", p.current.Load().Domains(), "profiles", file.Current().Profiles)
	return p, nil
}

// assemble makes the pieces that the [server] table asks for, and hands them to each other.
func (p *program) assemble(file string, config domains.Server, network network) error {
	var err error
	if config.TLS == "acme" {
		if p.certificates, err = openCertificates(config, p.current.Load, p.filesBeside(), network.hosts(), p.database, p.log); err != nil {
			return err
		}
	}
	if p.server, err = server.New(config, p.certificates, p.log); err != nil {
		return err
	}
	p.server.Version = versionText()
	if p.server.File, err = filepath.Abs(file); err != nil {
		return err
	}
	p.server.Metrics().MustRegister(p.exchangers.Collector())
	p.loadExchangers(config)
	p.server.Metrics().MustRegister(p.logins.Collector())
	p.server.ShowLines(p.logins.Lines)
	if p.certificates != nil {
		p.server.Metrics().MustRegister(p.certificates.Collector())
		p.server.ShowLines(p.certificates.Lines)
	}
	if config.Probe > 0 {
		p.monitor = monitor.New(network.prober(config.ProbePrivate), doctor.MonitorVerdict, config.Probe, p.log)
		p.server.Metrics().MustRegister(p.monitor.Collector())
		p.server.ShowLines(p.monitor.Lines)
		p.server.ShowSeen(func(host string, server settings.Server) (string, time.Time) {
			state, at := p.monitor.Seen(host, server)
			return string(state), at
		})
	}
	return nil
}

// filesBeside are the certificates from files, which the server opens later.
func (p *program) filesBeside() certificateFilesBeside {
	return certificateFilesBeside{
		covers: func(name string) bool { return p.server != nil && p.server.HasFileFor(name) },
		expiry: func() (first time.Time) {
			if p.server != nil {
				first = p.server.FirstExpiry()
			}
			return first
		},
	}
}

// update makes all pieces use a new configuration.
func (p *program) update(s *domains.Snapshot) {
	p.observer.Changed()
	if p.replica != nil && !s.SameAs(p.current.Load()) {
		s = p.replica.Use(s)
	}
	s.AskExchangers(p.exchangers.Ours)
	p.useProvider(s.OIDC)
	if p.server.Configure(s, nil).Outcome == server.Unchanged {
		return
	}
	if before := p.current.Swap(s); before != nil && !reflect.DeepEqual(s.Server, p.server.Config()) {
		p.log.Warn("the [server] table has changed; restart mailhint to apply it")
	} else if before != nil && !s.Store.SameAs(before.Store) {
		p.log.Warn("the [store] table has changed; restart mailhint to apply it")
	}
	p.logWarnings(s)
	if warning := p.server.UncoveredWarning(s); warning != "" {
		p.log.Warn(warning)
	}
	p.useNames(s)
}

// useNames makes certificates wanted for the names of a configuration, and its mail servers watched.
func (p *program) useNames(s *domains.Snapshot) {
	if p.certificates != nil {
		p.certificates.Want(s.Covered())
	}
	if p.monitor != nil {
		p.monitor.Use(s.Advertised())
	}
}

// maxLoggedWarnings limits how many warnings, and how many skipped lines, one reading of the configuration logs.
const maxLoggedWarnings = 10

// logWarnings logs what is wrong with a configuration that can be used.
func (p *program) logWarnings(s *domains.Snapshot) {
	if summary := s.SkippedSummary(); summary != "" {
		p.log.Warn(summary)
	}
	for _, list := range []domains.Problems{s.Skipped, s.Warnings} {
		for _, w := range list[:min(len(list), maxLoggedWarnings)] {
			p.log.Warn(w.String())
		}
	}
	if more := len(s.Warnings) - maxLoggedWarnings; more > 0 {
		p.log.Warn("there are more warnings; mailhint check lists them", "more", more)
	}
}

// warnOfPlainHTTP warns of a setup in which somebody on the way could change the answers: without TLS, every request counts as one that
// came by https to a proxy in front.
func (p *program) warnOfPlainHTTP() {
	if config := p.server.Config(); config.TLS != "off" || len(config.TrustedProxies) > 0 {
		return
	}
	for _, address := range p.server.Addrs().HTTP {
		if tcp, ok := address.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
			p.log.Warn("tls is \"off\" and other machines can connect: list the proxy that does TLS in trusted_proxies, or write tls = \"files\" or \"acme\"",
				"address", tcp.String())
		}
	}
}

// warnOfLoopback warns of a setup in which no one else can connect, and no proxy seems to be there that passes requests on. It is for a server
// that nobody watches: with a terminal it is probably a trial.
func (p *program) warnOfLoopback() {
	addresses := p.server.Addrs()
	if len(p.server.Config().TrustedProxies) > 0 {
		return
	}
	for _, address := range slices.Concat(addresses.HTTP, addresses.HTTPS) {
		if tcp, ok := address.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
			return
		}
	}
	p.log.Warn("only this machine can connect, and in a container nobody: write http = [\":80\"] in [server], or list the proxy on this machine in trusted_proxies")
}

// Run serves until ctx is done, and follows changes of the configuration meanwhile.
func (p *program) Run(ctx context.Context) error {
	background, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait() // for certificates, because an order that is given up now is not to be counted as the name's failure
	defer stop()
	running.Go(func() { p.file.Watch(background, p.refused) })
	running.Go(func() { p.reloadOnHangup(background) })
	running.Go(func() { p.exchangers.Run(background) })
	running.Go(func() { p.observer.Run(background) })
	running.Go(func() { p.exchangers.Keep(background, fallbackFile(p.server.Config()), p.log) })
	if p.replica != nil {
		running.Go(func() { p.replica.Run(background) })
		running.Go(func() { p.followNames(background) })
		running.Go(func() { p.followSize(background) })
	}
	if p.monitor != nil {
		running.Go(func() { p.monitor.Run(background) })
	}
	if p.certificates != nil {
		running.Go(func() { p.certificates.Run(background) })
	}
	return p.server.Run(ctx)
}

// Close releases what open has opened.
func (p *program) Close() error {
	signal.Stop(p.hangup)
	var errs []error
	if p.server != nil {
		errs = append(errs, p.server.Close())
	}
	p.logins.Close()
	if p.people != nil {
		errs = append(errs, p.people.Close())
	}
	if p.database != nil {
		p.database.Close()
	}
	if p.certificates != nil {
		p.certificates.Close()
	}
	return errors.Join(errs...)
}

// reloadOnHangup reads configuration and certificates at each SIGHUP, until ctx is done.
func (p *program) reloadOnHangup(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.hangup:
			if p.replica != nil {
				p.replica.Accept()
			}
			p.server.Reload(func() { p.refused(p.file.Reload()) })
		}
	}
}

// announced reads the files that somebody says he has just written.
func (p *program) announced(digest string) {
	err, done := p.file.Announced(digest)
	if done {
		p.refused(err)
	}
}

// refused reports a configuration that cannot be used; nil is for one that can, which update has handled.
func (p *program) refused(err error) {
	if err != nil {
		p.server.Configure(nil, err)
	}
}
