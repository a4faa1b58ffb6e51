#!/bin/sh
# Writes the policies as OPA's bundles, and the configuration that names them: one a domain.
set -eu
policies=${POLICIES:-/srv/meshgate/policies}
target=${BUNDLES:-/bundles}
meshgate policy bundle "$target/current" --policies "$policies"
{
  echo "bundles:"
  for folder in "$target"/current/*/; do
    name=$(basename "$folder")
    echo "  $name: {resource: \"file://${folder%/}\"}"
  done
} > "$target/opa.yaml"
