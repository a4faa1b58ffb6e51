#!/usr/bin/env bash
# Bring the real parts the tests need into a cache outside the checkout. Versions and checksums
# are pinned here and nowhere else. What is already there and right is left alone.
set -euo pipefail
cache=${MESHGATE_CACHE:-$HOME/.cache/meshgate}
mkdir -p "$cache"

OPA_VERSION=1.22.0
TRINO_VERSION=476
JDBC_SHA256=a3736d21609a5a317d2ce88b3835e312e9b6f41393c1d4b09f2ad6e7aeb3bb90
CLI_SHA256=fe4e9c7fb569cd67673afa1622945f6308e1e59bdb825419352b80887661757b

jar() { # artifact, classifier-and-type, file, checksum
  local target=$cache/$3
  if [ -f "$target" ] && echo "$4  $target" | sha256sum --check --status; then return; fi
  mvn -q -B dependency:get -Dartifact="io.trino:$1:$TRINO_VERSION$2" -Dtransitive=false
  cp "${MAVEN_REPO:-$HOME/.m2/repository}/io/trino/$1/$TRINO_VERSION/$3" "$target"
  echo "$4  $target" | sha256sum --check --quiet
}

opa() {
  if [ -x "$cache/opa" ] && "$cache/opa" version | grep -q "^Version: $OPA_VERSION"; then return; fi
  # The Go module proxy verifies the sources against the public checksum database.
  GOBIN=$cache GOFLAGS=-trimpath go install "github.com/open-policy-agent/opa@v$OPA_VERSION"
  "$cache/opa" version | grep -q "^Version: $OPA_VERSION"
}

missing=0
if command -v mvn >/dev/null; then
  jar trino-jdbc "" "trino-jdbc-$TRINO_VERSION.jar" "$JDBC_SHA256"
  jar trino-cli ":jar:executable" "trino-cli-$TRINO_VERSION-executable.jar" "$CLI_SHA256"
else
  echo "not fetched: JDBC driver and CLI (Maven is missing)"; missing=1
fi
if command -v go >/dev/null; then opa; else echo "not fetched: OPA (Go is missing)"; missing=1; fi
echo "the real parts are in $cache"
exit $missing
