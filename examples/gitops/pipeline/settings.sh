# What the steps of the pipelines share. Sourced by them, in the repository's root.
# shellcheck shell=sh disable=SC2034
set -eu
# This project, as a submodule at the version that the team has reviewed.
tool=multicast-swarm
terraform=${TERRAFORM_BINARY_NAME:-terraform}
stack=$(echo cdktf.out/stacks/*)
# Atlantis says where plans are kept.
planfile=${PLANFILE:-$PWD/plan.tfplan}
