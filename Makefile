# Every target is one line of a tool; `hack/dev.py` holds the logic.
DEV := python3 hack/dev.py

.DEFAULT_GOAL := help
.PHONY: help up down run demo helm-demo test soak bench lint fmt generate book functions image image-check

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## See the whole loop once: install, apply, fire, read the message, delete
	@$(DEV) demo

up: ## Start Kubernetes and AWS on this machine; source .dev/env to use them
	@$(DEV) up

run: ## Run the operator against what `make up` started
	@$(DEV) run

down: ## Stop what `make up` started
	@$(DEV) down

helm-demo: ## Install, upgrade and uninstall the chart, running the operator as deployed
	@$(DEV) helm-demo

test: ## Build what is needed and run every test
	@$(DEV) test

soak: ## Run the whole reliability suite, for hours
	@$(DEV) soak

bench: ## Measure, with the limits beside the results
	@python3 bench/bench.py

lint: ## Check format, lints, generated files and the chart
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@$(DEV) check

fmt: ## Format the Rust code
	cargo fmt --all

generate: ## Write crds/, the tables of docs/, docs/fields.md, the chart's schema and README anew
	@$(DEV) generate

book: ## Build the pages of docs/ as a book into target/book
	@$(DEV) book

functions: ## Build the functions' zips into target/functions
	@$(DEV) functions

image: ## Assemble the operator's image into target/image, without a daemon
	@python3 hack/image.py build

image-check: ## Run the operator of an image from the image's files alone
	@python3 hack/image.py try
