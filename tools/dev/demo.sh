# SPDX-License-Identifier: GPL-3.0-or-later
#
# The two commands on a real photograph, through gimp-console. Sourced by ./dev; GIMP's part is demo.scm.

# An otter on a river bank: CC0-1.0, in a package that Debian 13 and Ubuntu 25.04 have.
photo_package=budgie-backgrounds
photo_path=./usr/share/backgrounds/budgie/oakland-zoo-otters.jpg

fetch_photo ()
{
  local photo=$1 work

  [ -e "$photo" ] && return
  command -v apt-get >/dev/null || die 'name a photograph to work on, as in: ./dev demo PHOTO.jpg'
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/photo.XXXXXX")
  (
    cd "$work"
    download=(apt-get -q -o APT::Sandbox::User="$(id -un)" download "$photo_package")
    { "${download[@]}" >/dev/null 2>&1 || { apt_update && "${download[@]}" >&2; }; } &&
      dpkg-deb --fsys-tarfile ./*.deb | tar -x -O "$photo_path" >photo && mv photo "$photo"
  ) || { rm -rf "$work"; die "apt cannot download $photo_package; name a photograph instead: ./dev demo PHOTO.jpg"; }
  rm -rf "$work"
}

# demo_choice MODEL: class to generate, class and timestep to denoise with.
demo_choice ()
{
  case $1 in
    materials-64) echo 'grass gravel 600' ;;
    tiny)         echo 'waves waves 500' ;;
  esac
}

cmd_demo ()
{
  local photo=${1:-$cache/oakland-zoo-otters.jpg} out=$repo/demo model=materials-64 made changed t began=$SECONDS
  local origin="the photograph $photo"

  [ $# -gt 0 ] || { fetch_photo "$photo"; origin="a photograph (CC0-1.0, from the package $photo_package)"; }
  [ -e "$photo" ] || die "there is no photograph $photo"
  cmd_build
  [ -e "$repo/models/$model/model_index.json" ] || model=tiny
  read -r made changed t < <(demo_choice "$model")
  mkdir -p "$out"
  rm -f "$out"/*.png
  python3 -c 'import sys; from PIL import Image, ImageOps
picture = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGB")
ImageOps.fit(picture, (768, 432), Image.Resampling.LANCZOS).save(sys.argv[2])' "$photo" "$out/before.png"
  "$build/diffusion-cli" noise "$repo/models/$model" -i "$out/before.png" --t "$t" --seed 7 -o "$out/noise.png"

  (
    cd "$out"
    GIMP3_DIRECTORY=$profile gimp-console -idf --batch-interpreter plug-in-script-fu-eval -b "(begin
      (define demo-model \"$model\") (define demo-made \"$made\") (define demo-changed \"$changed\")
      (define demo-t $t) (load \"$repo/tools/dev/demo.scm\"))" --quit >gimp.log 2>&1
  ) || { cat "$out/gimp.log" >&2; die 'GIMP could not run the demo; its messages are above.'; }
  rm "$out/noise.png"
  sed -n 's/.*demo: //p' "$out/gimp.log"
  cat <<TEXT

demo/generated.png  256 × 256, "$made", seamless, made from noise alone by Generate Image (model $model)
demo/before.png     $origin
demo/noised.png     its selection (the river bank, with a soft edge) at noise level t = $t: what the network starts from
demo/after.png      the same selection denoised as "$changed" by Partially Denoise Selection; elsewhere every pixel is as before
$((SECONDS - began)) s in all.
TEXT
}
