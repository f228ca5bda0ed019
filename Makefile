# Everything that a fresh Debian 12 with a Swift toolchain needs: `make run`, `make test`.
PREFIX   ?= /usr/local
PACKAGES := libopenblas-dev libdnnl-dev libreadline-dev zlib1g-dev
SWIFT    := swift build -c release --static-swift-stdlib --explicit-target-dependency-import-check error --product tfs
BINARY   := .build/release/tfs

.PHONY: build run test docs bench install uninstall clean packages

build: packages
	$(SWIFT)

# Trains a convolutional network on handwritten digits and ends with its accuracy on unseen ones.
run: build
	$(BINARY) run examples/digits.tfs

test: packages
	.ci/test

# The pages of docs/errors/ with their messages, from stdlib/errors/, and the outputs that the other pages show.
docs: packages
	TFS_REWRITE=1 swift test --filter 'ErrorPages|ExplainTests|DocumentTests'

# The engine beside its peers; `make bench QUICK=1` takes minutes and says little, without it half an hour and more.
bench .venv/peers: PACKAGES += gcc python3-venv
bench: build .venv/peers
	python3 bench/run.py $(if $(QUICK),--quick,--fill docs/performance.md)

# The peers, in a Python environment of their own.
.venv/peers: bench/requirements.txt | packages
	python3 -m venv .venv
	.venv/bin/pip install --quiet --requirement bench/requirements.txt
	touch $@

# The command and its standard library; it finds the library from any folder.
install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/tfs
	install -s -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/tfs
	rm -rf $(DESTDIR)$(PREFIX)/share/tfs/stdlib
	cp -R stdlib $(DESTDIR)$(PREFIX)/share/tfs/stdlib

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/tfs
	rm -rf $(DESTDIR)$(PREFIX)/share/tfs

clean:
	swift package clean

# Installs the system packages that are missing, and only those.
packages:
	@command -v swift > /dev/null || { echo "a Swift toolchain, 6.2 or later, is needed: https://swift.org/install" >&2; exit 1; }
	@command -v dpkg-query > /dev/null || exit 0; \
	missing=; for package in $(PACKAGES); do \
	    dpkg-query -W -f '$${Status}' $$package 2> /dev/null | grep -q 'install ok installed' || missing="$$missing $$package"; \
	done; \
	test -z "$$missing" && exit 0; \
	echo "installing$$missing"; \
	if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo > /dev/null; then sudo=sudo; \
	else echo "these packages are missing and this user may not install them:$$missing" >&2; exit 1; fi; \
	$$sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -yq --no-install-recommends $$missing
