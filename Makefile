# Commands for developing mailhint. CI runs "make test".

SHELL := /bin/bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
KUSTOMIZE := sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
NFPM := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0
# From npm, only for tests: what editors check TOML files with, what checks bills of materials, and what finds mistakes in pages that keep
# people with disabilities out (axe-core, MPL-2.0).
NPM := @taplo/cli@0.7.0 tombi@0.11.7 @cyclonedx/cyclonedx-library@10.3.0 ajv@8.20.0 ajv-formats@3.0.1 ajv-formats-draft2019@1.6.1 axe-core@4.14.1
PEBBLE := github.com/letsencrypt/pebble/v2/cmd
PEBBLE_VERSION := v2.10.1
OPENID := github.com/zitadel/oidc/v3/example/server@v3.52.0
# Programs that the tests use, and the Debian packages that contain them: the real Thunderbird, mail servers, name servers, web servers
# and proxies, a browser and a Japanese font, a validator for the schemas of the answers, and independent readers of signatures, property lists and QR codes. The race
# detector needs gcc.
TEST_PROGRAMS := gcc thunderbird chromium xmllint openssl plistutil zbarimg rsvg-convert \
	/usr/sbin/knotd /usr/sbin/named nsupdate unbound dovecot postfix nft ip unshare nginx caddy haproxy apache2 systemd-analyze strace patch \
	/usr/lib/nginx/modules/ngx_stream_module.so /usr/share/fonts/truetype/vlgothic/VL-Gothic-Regular.ttf
TEST_PACKAGES := gcc libc6-dev thunderbird chromium fonts-vlgothic libxml2-utils openssl libplist-utils zbar-tools librsvg2-bin \
	knot bind9 bind9-dnsutils unbound dovecot-core dovecot-imapd dovecot-pop3d dovecot-managesieved postfix nftables iproute2 util-linux \
	nginx libnginx-mod-stream caddy haproxy apache2 systemd strace patch
# For manual pages, packages, containers and other ways to run mailhint:
TEST_PROGRAMS += groff lintian rpm mmdebstrap nc buildah docker-compose nix-instantiate setpriv curl
TEST_PACKAGES += netcat-openbsd groff-base lintian rpm mmdebstrap buildah docker-compose nix-bin curl ca-certificates
# Databases and directories:
TEST_PROGRAMS += /usr/lib/postgresql/*/bin/postgres slapd ldapadd mariadbd
TEST_PACKAGES += postgresql slapd ldap-utils mariadb-server
TOOLS := build/tools
export PATH := $(PATH):/usr/sbin:/sbin
FUZZ_TIME := 30s

.PHONY: run build test lint vulnerabilities bench bench-store soak fuzz packages programs npm load-generator

run:
	go run ./cmd/mailhint serve

build: # a static, stripped program
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o build/mailhint ./cmd/mailhint

test: programs $(TOOLS)/debian.tar lint build
	@mkdir -p build
	@go test -race -count=1 -shuffle=on -timeout 30m -v ./... 2>&1 | tee build/test.log | grep --line-buffered -E '^(ok|FAIL|panic:)|^ *--- FAIL'; \
		status=$${PIPESTATUS[0]}; \
		if [ $$status -ne 0 ]; then \
			grep -vE '^ *(=== |--- PASS)' build/test.log | tail -n 300; \
			echo 'make test: these failed (build/test.log has everything):'; grep -E '^ *--- FAIL|^FAIL|^panic:' build/test.log; exit $$status; \
		fi; \
		if grep -E '^ *--- SKIP' build/test.log; then echo 'make test: a test was skipped, which must not happen here'; exit 1; fi; \
		echo "$$(grep -cE '^ *--- PASS' build/test.log) passed, 0 failed"

lint: vulnerabilities
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt would change: $$unformatted"; exit 1; fi
	go mod tidy -diff
	go vet ./...
	GOOS=windows go vet ./...
	GOOS=darwin go vet ./...
	go run $(STATICCHECK) ./...

# Known vulnerabilities in code that mailhint calls. The check needs Go's vulnerability database, which not every machine can reach: exit
# code 3 means that something was found, any other failure that the check could not run.
vulnerabilities: $(TOOLS)/govulncheck
	@$(TOOLS)/govulncheck ./... >build/vulnerabilities.log 2>&1; status=$$?; \
		if [ $$status = 3 ]; then cat build/vulnerabilities.log; exit 1; fi; \
		if [ $$status != 0 ]; then echo "govulncheck skipped: $$(head -n 1 build/vulnerabilities.log)"; fi

$(TOOLS)/govulncheck:
	GOBIN=$(CURDIR)/$(TOOLS) go install $(GOVULNCHECK)

# Installs what the tests need and the machine does not have. Services that Debian would start are not started.
programs: npm $(TOOLS)/nfpm $(TOOLS)/kustomize $(TOOLS)/pebble $(TOOLS)/pebble-challtestsrv $(TOOLS)/openid-provider
	@missing=; for p in $(TEST_PROGRAMS); do command -v $$p >/dev/null || [ -e $$p ] || missing="$$missing $$p"; done; \
		if [ -n "$$missing" ]; then \
			echo "installing what the tests need:$$missing"; \
			sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; policy=/usr/sbin/policy-rc.d; \
			if [ ! -e $$policy ]; then \
				printf '#!/bin/sh\nexit 101\n' | $$sudo tee $$policy >/dev/null && $$sudo chmod 755 $$policy; trap "$$sudo rm -f $$policy" EXIT; \
			fi; \
			$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(TEST_PACKAGES); \
		fi

# An ACME server and its DNS server.
$(TOOLS)/pebble $(TOOLS)/pebble-challtestsrv:
	GOBIN=$(CURDIR)/$(TOOLS) go install $(PEBBLE)/$(@F)@$(PEBBLE_VERSION)

# An identity provider.
$(TOOLS)/openid-provider:
	GOBIN=$(CURDIR)/$(TOOLS)/openid go install $(OPENID) && mv $(TOOLS)/openid/server $@ && rmdir $(TOOLS)/openid

# Packages for Debian and Red Hat, archives, file systems of container images, and bills of materials, in build/packages. Who builds packages for
# others names himself with MAINTAINER.
MAINTAINER := The mailhint authors <mailhint@localhost>
packages: $(TOOLS)/nfpm
	go run ./packaging -version $(VERSION) -maintainer "$(MAINTAINER)"

$(TOOLS)/nfpm:
	GOBIN=$(CURDIR)/$(TOOLS) go install $(NFPM)

$(TOOLS)/kustomize:
	GOBIN=$(CURDIR)/$(TOOLS) go install $(KUSTOMIZE)

# A small Debian system, in which the tests install the packages.
$(TOOLS)/debian.tar: | programs
	@mkdir -p $(@D); sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo mmdebstrap --quiet --format=tar --variant=essential --include=systemd-standalone-sysusers,init-system-helpers \
			$$(. /etc/os-release && echo $$VERSION_CODENAME) $@.part && $$sudo mv $@.part $@

npm:
	@installed=$(TOOLS)/npm/installed; if [ "$$(cat $$installed 2>/dev/null)" != "$(NPM)" ]; then \
		if ! command -v npm >/dev/null; then \
			sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
			$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends nodejs npm; \
		fi; \
		npm install --prefix $(TOOLS)/npm --no-save --no-audit --no-fund --ignore-scripts $(NPM) && echo "$(NPM)" >$$installed; \
	fi

bench: load-generator # ratios against a bare handler; memory; a million names
	go test -run '^$$' -bench . -benchmem -timeout 30m $$(go list ./... | grep -v /bench)
	go test -run '^$$' -bench . -benchtime 40x -timeout 30m ./bench

bench-store: # one and ten million domains in PostgreSQL; takes ten minutes, 5 GB of memory and 12 GB of disk
	go test -run '^$$' -bench BenchmarkStore -benchtime 1x -timeout 90m ./replica -names 1000000,10000000

# What takes too long for every test: 1,000 kills; two writers and an editor with 1,000 changes each; 20,000 random files; 1,000 edits of
# a server under load; every page for people in every language, size and colour scheme; the time of the API with many domains.
# a server under load; every page for people in every language, size and colour scheme; ten minutes of faults for three replicas.
soak: programs
	go test -count=1 -timeout 30m -v -run 'TestKilled|TestWritersAndEditor' ./filestore -kills 1000 -changes 1000
	go test -count=1 -timeout 30m -v -run RandomFiles ./tomledit -files 20000
	MAILHINT_TEST_EDITS=1000 go test -count=1 -timeout 30m -v -run EditsUnderLoad ./cmd/mailhint
	SOAK=1 go test -count=1 -timeout 30m -run TestPages ./clients
	SOAK=1 go test -count=1 -timeout 30m -run TestAdmin ./clients
	SOAK=1 go test -count=1 -timeout 30m -v -run 'TestAPI(Lists|Edits)Quickly' ./cmd/mailhint
	SOAK=1 go test -count=1 -timeout 30m -v -run TestChaos ./replica
	SOAK=1 go test -count=1 -timeout 30m -v -run TestManyDomains ./compare

load-generator:
	@command -v wrk >/dev/null || { sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; $$sudo apt-get update -q && $$sudo apt-get install -q -y --no-install-recommends wrk; }

fuzz: # every fuzz target for FUZZ_TIME each
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZ_TIME) $$package || exit 1; \
		done; \
	done
