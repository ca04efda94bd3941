# SPDX-License-Identifier: GPL-3.0-or-later
#
# The plug-in as a folder: what goes where it is installed, and the zip for others. Sourced by ./dev.

all_models () { dirname "$repo"/models/*/card.json; }

# What users get: all but the one for tests.
shipped_models () { all_models | grep -v '/tiny$' || true; }

# ship FOLDER MODEL…: the plug-in's folder, replaced as a whole.
ship ()
{
  local folder=$1

  shift
  rm -rf "$folder.new"
  mkdir -p "$folder.new/models" "$folder.new/locale" "$folder.new/docs"
  cp "$build/gimp-diffusion" "$folder.new/"
  ! compgen -G "$build/po/*/LC_MESSAGES" > /dev/null || cp -r "$build"/po/*/ "$folder.new/locale/"
  [ $# = 0 ] || cp -r "$@" "$folder.new/models/"
  cp -r "$repo/docs/guide" "$folder.new/docs/"
  mkdir "$folder.new/docs/screenshots"
  cp -r "$repo"/docs/screenshots/{*.png,de,zh_CN} "$folder.new/docs/screenshots/"     # those of the manuals
  rm -rf "$folder"
  mv "$folder.new" "$folder"
}

# Where the user's own GIMP ≥ 3 looks for plug-ins.
user_plug_ins ()
{
  local config=${XDG_CONFIG_HOME:-$HOME/.config}/GIMP flatpak=$HOME/.var/app/org.gimp.GIMP/config/GIMP folder=${GIMP3_DIRECTORY:-} place

  for place in "$config" "$flatpak"; do
    [ -n "$folder" ] || folder=$(find "$place" -maxdepth 1 -name '3.*' 2>/dev/null | sort -V | tail -n 1)
  done
  printf '%s/plug-ins\n' "${folder:-$config/3.0}"
}

# The oldest C library that a program runs with.
glibc_needed () { objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1 | cut -d_ -f2; }

write_requirements ()
{
  cat <<TEXT
gimp-diffusion $version

Needs Linux on $(uname -m), GIMP 3.0 or later, and glibc $(glibc_needed "$build/gimp-diffusion") or later
("ldd --version" tells yours). Nothing else: no Python, no server, no graphics card.

Unzip into the plug-ins folder of your GIMP profile; Edit > Preferences > Folders > Plug-ins in GIMP names
it, as a rule ~/.config/GIMP/3.0/plug-ins. The program must be at plug-ins/gimp-diffusion/gimp-diffusion.
Then start GIMP anew: the commands are in Filters > Diffusion.
TEXT
}

cmd_dist ()
{
  local stage=$build/dist models version zip

  cmd_build
  version=$(meson introspect --projectinfo "$build" | python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')
  ! objdump -p "$build/gimp-diffusion" | grep -q 'NEEDED.*yyjson' ||
    die "the program needs a shared yyjson; remove $build and try again with a network."
  zip=$build/gimp-diffusion-$version-linux-$(uname -m).zip
  mapfile -t models < <(shipped_models)
  [ ${#models[@]} -gt 0 ] || die 'there is no model to ship in models/.'
  rm -rf "$stage" "$zip"
  ship "$stage/gimp-diffusion" "${models[@]}"
  strip "$stage/gimp-diffusion/gimp-diffusion"
  write_requirements >"$stage/gimp-diffusion/REQUIREMENTS.txt"
  cp "$repo/README.md" "$repo/COPYING" "$stage/gimp-diffusion/"
  (cd "$stage" && zip -q -X -r "$zip" gimp-diffusion)
  say
  echo "$zip"
  echo "  $(du -h "$zip" | cut -f1)B; models: $(basename -a "${models[@]}" | paste -sd' ')"
  echo "  needs GIMP 3.0 or later and glibc $(glibc_needed "$build/gimp-diffusion") or later, on Linux $(uname -m)"
}
