#!/usr/bin/env bash
# Bring the real parts the tests need into a cache outside the checkout. Versions and checksums
# are pinned here and nowhere else. What is already there and right is left alone; a second run
# at the same time waits for the first.
set -euo pipefail
cache=${MESHGATE_CACHE:-$HOME/.cache/meshgate}
mkdir -p "$cache"
exec 9>"$cache/.fetch.lock"
flock 9

OPA_VERSION=1.22.0
TRINO=io.trino
ICEBERG=org.apache.iceberg

# group, artifact, version, ":type:classifier" as Maven takes it, end of the file's name, SHA-256
JARS=(
  "$TRINO trino-jdbc 400 :jar .jar 9635df851f1228168915dd3fe4ec0710691331034f33afade9896ad85748360f"
  "$TRINO trino-jdbc 435 :jar .jar 75fd7373cd5d7d7d1fe272d936d436e4dca024ab3d901382277fcdfc46cad476"
  "$TRINO trino-jdbc 461 :jar .jar d9ac3705930db958cc86bf4f509b7dec792d53c67f3e7f6817040068cae3ee3d"
  "$TRINO trino-jdbc 476 :jar .jar a3736d21609a5a317d2ce88b3835e312e9b6f41393c1d4b09f2ad6e7aeb3bb90"
  "$TRINO trino-jdbc 483 :jar .jar 518062369fdfa937b35f11aa45276daa31cccaaad3c8c05eb51e674e23a419e3"
  "$TRINO trino-cli 476 :jar:executable -executable.jar fe4e9c7fb569cd67673afa1622945f6308e1e59bdb825419352b80887661757b"
  # Trino's parser and what it needs, of the versions in Trino's own lib folder: the SQL judge.
  "$TRINO trino-parser 476 :jar .jar b8552c903083834d194491854103535034e49cee97e918263307c9533faba0cc"
  "$TRINO trino-grammar 476 :jar .jar 5b66eb27be12fb76e324588d13f8c51e00b5c31fa2fd2a955bce295dd15088aa"
  "org.antlr antlr4-runtime 4.13.2 :jar .jar dd3e8a13a2d669bf84fb8d834de35ce4875f27157698d206241ec8488aadcaf7"
  "com.google.guava guava 33.4.8-jre :jar .jar f3d7f57f67fd622f4d468dfdd692b3a5e3909246c28017ac3263405f0fe617ed"
  "com.google.guava failureaccess 1.0.3 :jar .jar cbfc3906b19b8f55dd7cfd6dfe0aa4532e834250d7f080bd8d211a3e246b59cb"
  # Iceberg's own REST servlet; the version is the one inside Trino's Iceberg plugin.
  "$ICEBERG iceberg-core 1.9.1 :jar:tests -tests.jar 6e739ae0e7716f9a7e11e4c59bab4bec1ee6872683cb9eeedf5964ba144ae423"
)
# The last version whose server is published there.
SERVER_VERSION=476
SERVER_SHA256=cfd5accde17e8ebd251eeeb78aed1f490e77bb3a164d95a0f454bf8a7c1cbd3f

right() { echo "$2  $1" | sha256sum --check --status 2>/dev/null; } # file, checksum

from_maven() { # group, artifact, version, type, end of the name, checksum: prints where it is
  local name=$2-$3$5
  local found=${MAVEN_REPO:-$HOME/.m2/repository}/${1//.//}/$2/$3/$name
  if ! right "$found" "$6"; then
    mvn -q -B dependency:get "-Dartifact=$1:$2:$3$4" -Dtransitive=false >&2
    right "$found" "$6" || { echo "$name: wrong checksum" >&2; return 1; }
  fi
  echo "$found"
}

jars() {
  local group artifact version type end sha target found
  for jar in "${JARS[@]}"; do
    read -r group artifact version type end sha <<<"$jar"
    target=$cache/$artifact-$version$end
    if right "$target" "$sha"; then continue; fi
    found=$(from_maven "$group" "$artifact" "$version" "$type" "$end" "$sha")
    cp "$found" "$target.new" && mv "$target.new" "$target"
  done
}

server() {
  local target=$cache/trino-server-$SERVER_VERSION new tarball
  if [ -d "$target" ]; then return; fi # it is moved here when complete
  tarball=$(from_maven "$TRINO" trino-server "$SERVER_VERSION" :tar.gz .tar.gz "$SERVER_SHA256")
  new=$(mktemp -d "$cache/.unpack.XXXXXX")
  tar -xzf "$tarball" -C "$new"
  mv "$new/trino-server-$SERVER_VERSION" "$target"
  rmdir "$new"
}

opa() {
  if [ -x "$cache/opa" ] && "$cache/opa" version | grep -q "^Version: $OPA_VERSION"; then return; fi
  # The Go module proxy verifies the sources against the public checksum database.
  GOBIN=$cache GOFLAGS=-trimpath go install "github.com/open-policy-agent/opa@v$OPA_VERSION"
  "$cache/opa" version | grep -q "^Version: $OPA_VERSION"
}

missing=0
if command -v mvn >/dev/null; then jars; server; else
  echo "not fetched: Trino, its JDBC drivers and CLI (Maven is missing)"; missing=1
fi
if command -v go >/dev/null; then opa; else echo "not fetched: OPA (Go is missing)"; missing=1; fi
echo "the real parts are in $cache"
exit $missing
