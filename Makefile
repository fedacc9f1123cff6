# The two commands of README: `make run`, `make test`. Both set up what they need, and a second time takes seconds.

target := $(or $(CARGO_TARGET_DIR),target)
names := cards markdown scss typescript
plugins := $(addprefix -p realm-plugin-,$(names))
export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: run build test mutants faults chaos hostile fuzz bench corpus lint plugins guests third-party setup

run: build
	$(target)/release/realm serve demo

build: plugins
	cargo build --release -p realm-host

# The plugins are built before the host, which embeds them. Cargo does not see that `.cargo/config.toml` says otherwise how C
# is compiled: a QuickJS of before would be taken, which bounds no recursion.
plugins: setup
	cmp -s .cargo/config.toml $(target)/wasm32-wasip2/compiled-as \
		|| cargo clean --profile plugin --target wasm32-wasip2 -p rquickjs-sys
	cargo build --profile plugin --target wasm32-wasip2 $(plugins)
	mkdir -p $(target)/plugins
	for name in $(names); do cmp -s $(target)/wasm32-wasip2/plugin/realm_plugin_$$name.wasm $(target)/plugins/$$name.wasm \
		|| cp $(target)/wasm32-wasip2/plugin/realm_plugin_$$name.wasm $(target)/plugins/$$name.wasm; done
	cp .cargo/config.toml $(target)/wasm32-wasip2/compiled-as

guests: setup
	cargo build --profile plugin --target wasm32-wasip2 -p realm-test-guests -p realm-test-editions \
		-p realm-test-next -p realm-test-released

# Compilers and renderers of others, as plugins, out of npm and PyPI; what is up to date is not built again.
third-party: plugins
	scripts/install-test-tools
	scripts/build-third-party-plugins

test: plugins guests third-party
	cargo test --workspace --no-fail-fast
	scripts/mutants
	node --test tests/runtime/*.test.mjs
	node tests/http/walk.mjs --realm-binary $(target)/debug/realm-under-test
	node tests/browser/open.mjs --realm-binary $(target)/debug/realm-under-test
	node tests/corpus/run.mjs --subset --realm-binary $(target)/debug/realm-under-test
	node tests/corpus/documents.mjs --documents 200 --realm-binary $(target)/debug/realm-under-test

# Every guard is taken away in turn, and a named test must fail.
mutants: plugins guests
	scripts/install-test-tools
	scripts/mutants

# Every fault that we can make, one after the other, and a table of what became of it.
faults: plugins guests
	scripts/install-test-tools
	cargo test -p realm-tests --test faults -- --nocapture --test-threads=1

# A hostile plugin under load beside a good one for five minutes, or for REALM_HOSTILE_SECONDS: by how much the good one is later.
hostile: plugins guests
	scripts/install-test-tools
	REALM_HOSTILE_SECONDS=$${REALM_HOSTILE_SECONDS:-300} cargo test -p realm-tests --test isolation hostile -- --nocapture

# Clients and faults for ten minutes, or for REALM_CHAOS_SECONDS; REALM_CHAOS_SEED runs one plan again.
chaos: plugins guests
	scripts/install-test-tools
	REALM_CHAOS_SECONDS=$${REALM_CHAOS_SECONDS:-600} cargo test -p realm-tests --test chaos every_read -- --nocapture

# What strangers send, a million inputs for each parser, or REALM_FUZZ_CASES; REALM_FUZZ_SEED runs one again.
fuzz: plugins
	REALM_FUZZ_CASES=$${REALM_FUZZ_CASES:-1000000} cargo test -p realm-tests --test fuzz -- --nocapture

# The writers' ratio takes the test build, in which announcements can be taken away.
bench: build guests
	scripts/install-test-tools
	scripts/install-bench-tools
	cargo build -p realm-tests --bin realm-under-test
	cargo build --release -p realm-bench-guest
	cargo build --profile plugin -p realm-bench-native
	cargo run -p realm-bench -- --realm-binary $(target)/release/realm

corpus: build
	scripts/install-test-tools
	node tests/corpus/run.mjs --realm-binary $(target)/release/realm
	node tests/corpus/documents.mjs --realm-binary $(target)/release/realm

lint: plugins guests
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo fmt --manifest-path tests/third-party/bindings/Cargo.toml --check
	cargo metadata --manifest-path fuzz/Cargo.toml --locked --format-version 1 >/dev/null
	cargo clippy --workspace --all-targets -- -D warnings

setup:
	scripts/install-toolchain
	scripts/install-wasm-target
	scripts/install-wasm-c
