# SPDX-License-Identifier: GPL-3.0-or-later
#
# Speed beside the peers (tests/bench). Sourced by ./dev.
#
# The peers live in a venv of their own, which is made once with the Python of the system, as the driver runs with it: our
# Debian 13 root has no venv, and pip finds a torch for the processor alone more often for an older Python. diffusion-cli
# runs where it was built, for it needs the root's C library.

# A mark is made at the end, so an interrupted making leaves nothing that looks finished.
make_venv ()
{
  local venv=$1

  say "dev: making a venv for the peers in $venv (once: some minutes, about 2 GB)"
  rm -rf "$venv"
  python3 -m venv "$venv" || die 'python3 cannot make a venv; on Debian and Ubuntu install python3-venv.'
  "$venv/bin/pip" install -q --disable-pip-version-check -r "$repo/tests/bench/requirements.txt" >&2 ||
    die 'the peers could not be installed; the messages above say why.'
  touch "$venv/complete"
}

cmd_bench ()
{
  local venv=$cache/bench/venv ours

  "$repo/dev" build >&2
  mkdir -p "$cache/bench"
  exec 8>"$cache/bench/lock"
  flock 8
  [ -e "$venv/complete" ] || make_venv "$venv"
  # what is set for old libraries would slow down a new one
  unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
  ours=$(printf '%q ' "$repo/dev" run "$build/diffusion-cli")
  "$venv/bin/python" "$repo/tests/bench/run.py" --cache "$cache/bench" --ours "$ours" "$@"
}
