#!/bin/sh
# Writes the image's software bill of materials from its lock file: CycloneDX 1.6 in JSON, validated against its schema.
# deploy/sbom/make.sh VERSION FILE     in the project's root, with cyclonedx-py on the PATH (deploy/sbom/requirements.lock)
set -eu
version=$1 file=$2
project=$(mktemp)
trap 'rm -f "$project"' EXIT
sed "s/^dynamic = .*/version = \"$version\"/" pyproject.toml >"$project"
PYTHONWARNINGS=ignore cyclonedx-py requirements --pyproject "$project" --mc-type application \
  --spec-version 1.6 --output-format JSON --output-reproducible --validate --output-file "$file" deploy/requirements.lock
