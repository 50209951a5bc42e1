package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mailhint/certs"
	"mailhint/domains"
	"mailhint/exchangers"
	"mailhint/monitor"
	"mailhint/resolver"
	"mailhint/server"
)

func newServe() *cobra.Command {
	var (
		logFormat string
		drain     time.Duration
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer mail programs",
		Long: "serve answers mail programs as domains.toml says, until it is told to stop (SIGTERM, Ctrl-C).\n" +
			"It follows changes of the file; SIGHUP makes it read the file at once.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if logFormat != "text" && logFormat != "json" {
				return fmt.Errorf("unknown log format %q; write text or json", logFormat)
			}
			floor := make([]byte, heapFloor)
			defer runtime.KeepAlive(floor)
			lines := server.NewLogWriter(cmd.ErrOrStderr())
			defer lines.Close() // the last chance to write them
			log := slog.New(server.NewLogHandler(lines, logFormat == "json", nil))
			slog.SetDefault(log) // libraries that write with package log
			p, err := start(configName(cmd), log)
			if err != nil {
				return problem(err)
			}
			p.server.Drain = drain
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			context.AfterFunc(ctx, stop) // a second signal ends the process at once
			return problem(p.run(ctx))
		},
	}
	cmd.Flags().StringVar(&logFormat, "log-format", "text", "how log lines are written: text or json")
	cmd.Flags().DurationVar(&drain, "drain", time.Second, "how long to go on accepting after SIGTERM, while /-/readyz says no")
	return cmd
}

// heapFloor is memory, in octets, that is never touched and so costs none. It only counts: the garbage collector, which would run with
// each 4 MB of what a few connections leave behind, waits for 14. New TLS connections take a tenth less processor time by that, and the
// process at most 10 MB more.
const heapFloor = 4 << 20

// program is a running mailhint.
type program struct {
	log    *slog.Logger
	file   *domains.File
	server *server.Server
	config domains.Server // the [server] table at the start
	hangup chan os.Signal

	outside    outside
	exchangers *exchangers.Cache
	monitor    *monitor.Monitor // nil if the mail servers are not looked at

	certificates *certs.Certificates // nil unless tls is "acme"
	snapshot     atomic.Pointer[domains.Snapshot]
}

// start loads the configuration and opens the listeners.
func start(config string, log *slog.Logger) (*program, error) {
	return startIn(outside{resolver: resolver.SystemNow{}, prober: systemProber}, config, log)
}

// outside is what the program needs of the world. Tests bring their own.
type outside struct {
	resolver exchangers.Resolver
	prober   func(private []netip.Prefix) monitor.Prober
}

func startIn(world outside, config string, log *slog.Logger) (*program, error) {
	p := &program{log: log, hangup: make(chan os.Signal, 1), outside: world, exchangers: exchangers.New(world.resolver)}
	signal.Notify(p.hangup, syscall.SIGHUP) // first of all: unheard, it would end the process
	file, err := domains.Open(config, p.use)
	if err != nil {
		return nil, err
	}
	p.file = file
	if err := p.server.Listen(); err != nil {
		return nil, err
	}
	p.warnOfPlainHTTP()
	snapshot := file.Current()
	log.Info("serving", "file", config, "domains", snapshot.Domains(), "profiles", snapshot.Profiles)
	return p, nil
}

// warnOfPlainHTTP tells of a set-up in which whoever listens on the way could change the answers: without TLS, every request
// counts as one that came by https to a proxy in front.
func (p *program) warnOfPlainHTTP() {
	if p.config.TLS != "off" || len(p.config.TrustedProxies) > 0 {
		return
	}
	for _, address := range p.server.Addrs().HTTP {
		if tcp, ok := address.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
			p.log.Warn("tls is \"off\" and others can connect: name the proxy that does TLS in trusted_proxies, or write tls = \"files\"", "address", tcp.String())
		}
	}
}

// use prepares the answers for a new state of the domains and has them served.
func (p *program) use(s *domains.Snapshot) error {
	if p.server == nil {
		srv, err := server.New(s.Server, p.log)
		if err != nil {
			return err
		}
		srv.Version = versionText()
		if s.Server.TLS == "acme" {
			if p.certificates, err = openCertificates(s.Server, p.snapshot.Load, p.outside.hosts(), p.log); err != nil {
				return err
			}
			srv.Certify(p.certificates)
		}
		p.server, p.config = srv, s.Server
		p.addParts()
	} else if !reflect.DeepEqual(s.Server, p.config) {
		p.log.Warn("the [server] table has changed; restart mailhint to apply it")
	}
	s.AskExchangers(p.exchangers.Ours)
	p.server.Use(p.server.Prepare(s))
	p.snapshot.Store(s)
	if warning := p.server.UncoveredWarning(s); warning != "" {
		p.log.Warn(warning)
	}
	if p.certificates != nil {
		p.certificates.Want(s.Covered())
	}
	if p.monitor != nil {
		p.monitor.Use(s.Advertised())
	}
	return nil
}

// hosts returns what finds the addresses of names.
func (o outside) hosts() certs.HostResolver {
	if r, ok := o.resolver.(certs.HostResolver); ok {
		return r
	}
	return resolver.SystemNow{}
}

// addParts makes what works besides answering, and has it tell its state.
func (p *program) addParts() {
	p.server.Metrics().MustRegister(p.exchangers.Collector())
	if p.certificates != nil {
		p.server.Metrics().MustRegister(p.certificates.Collector())
		p.server.Tell(p.certificates.Lines)
	}
	if p.config.Probe > 0 {
		p.monitor = monitor.New(p.outside.prober(p.config.ProbePrivate), judgeServer, p.config.Probe, p.log)
		p.server.Metrics().MustRegister(p.monitor.Collector())
		p.server.Tell(p.monitor.Lines)
	}
}

// run serves until ctx is done. It follows the configuration meanwhile.
func (p *program) run(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go p.file.Watch(watching, p.reloaded)
	go p.exchangers.Run(watching)
	if p.monitor != nil {
		go p.monitor.Run(watching)
	}
	if p.certificates != nil {
		var ordering sync.WaitGroup
		ordering.Go(func() { p.certificates.Run(watching) })
		defer func() {
			stop()
			ordering.Wait() // an order that is given up is not the name's failure, and is noted so
			p.certificates.Close()
		}()
	}
	defer signal.Stop(p.hangup)
	go func() {
		for {
			select {
			case <-watching.Done():
				return
			case <-p.hangup:
				p.reload()
			}
		}
	}()
	return p.server.Run(ctx)
}

// reload reads configuration and certificates now.
func (p *program) reload() {
	p.server.Reloading()
	p.reloaded(p.file.Reload())
	if err := p.server.ReloadCertificates(); err != nil {
		p.log.Error("a certificate cannot be used; the one before it goes on serving", "error", err)
	}
}

// reloaded says what became of a reload.
func (p *program) reloaded(err error) {
	if err != nil {
		p.server.Reject(err)
		p.log.Error("the configuration cannot be used; the one before it goes on serving", "error", err)
		return
	}
	s := p.file.Current()
	p.log.Info("configuration reloaded", "domains", s.Domains(), "profiles", s.Profiles)
}
