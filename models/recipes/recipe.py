# SPDX-License-Identifier: GPL-3.0-or-later
"""What the recipes' fetch scripts share: tables, packages of Debian checked by SHA-256, and pictures put in place whole.

Packages are asked from apt as it is set up on this machine and read as streams; nothing is unpacked beside the pictures.
A row of sources.tsv: package, version, pool (place in the archive), bytes, sha256.
"""
import csv
import hashlib
import os
import struct
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path


def read_table(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f, delimiter="\t"))


def checksum(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def put(picture, path):
    """Saves a PNG so that a name ending in .png is always a whole picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    picture.save(part, "PNG")
    os.replace(part, path)


def check(source, path):
    if checksum(path) != source["sha256"]:
        sys.exit(f"{path} is not the file of sources.tsv (SHA-256 differs). Remove it and run again.")
    return path


# root's apt would hand the work to a user who may not write here
APT = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download"]


def package(source, folder, any_version=False):
    """The .deb of a row of sources.tsv: from `folder`, else downloaded into it by apt."""
    name = Path(source["pool"]).name
    path = folder / name
    if not path.exists():
        wanted = source["package"] + ("" if any_version else "=" + source["version"])
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{source['package']}: downloading {int(source['bytes']) / 1e6:.0f} MB", flush=True)
        if subprocess.run([*APT, wanted], cwd=folder).returncode:
            sys.exit(f"apt has no {wanted}. On Debian 13: apt-get update, then again. Elsewhere: put {name} into "
                     f"{folder}" + (", or take what apt has with --any-version." if "archive" in source else "."))
        if any_version:
            path = max(folder.glob(source["package"] + "_*.deb"), key=lambda p: p.stat().st_mtime)
    return path if any_version else check(source, path)


def source_archive(source, folder):
    """The upstream archive of a source package: it lies in the pool beside the binary package of the row, of which apt
    knows the address, also where it is not told of source packages."""
    name = Path(source["pool"]).name
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        asked = subprocess.run([*APT, "--print-uris", source["package"]], cwd=folder, stdout=subprocess.PIPE, text=True)
        beside = next((line.split("'")[1] for line in asked.stdout.splitlines() if "/pool/" in line), None)
        if beside is None:
            sys.exit(f"apt does not know {source['package']}: apt-get update, then again; or put {name} into {folder}.")
        print(f"{name}: downloading {int(source['bytes']) / 1e6:.0f} MB", flush=True)
        address = beside.split("/pool/")[0] + "/" + source["pool"]
        if subprocess.run(["/usr/lib/apt/apt-helper", "-o", "APT::Sandbox::User=root", "download-file", address, path,
                           "SHA256:" + source["sha256"]]).returncode:
            sys.exit(f"{name} cannot be had from apt's mirror: put it into {folder}.")
    return check(source, path)


def zip_members(f):
    """(name, function that gives the bytes) of a zip read once from front to back, by its local headers (APPNOTE 4.3)."""
    while True:
        header = f.read(30)
        if header[:4] != b"PK\x03\x04":    # the central directory begins: no more members
            return
        flags, method, packed, name_length, extra_length = struct.unpack("<6xHH8xI4xHH", header)
        name = f.read(name_length).decode("utf-8", "replace")
        f.read(extra_length)
        if flags & 8 or packed == 0xFFFFFFFF or method not in (0, 8):
            sys.exit(f"{name}: packed in a way that cannot be read as a stream.")
        data = f.read(packed)
        yield name, (lambda: zlib.decompress(data, -15) if method == 8 else data)


def tar_members(tar):
    for member in tar:
        if member.isfile():
            yield member.name.removeprefix("./"), (lambda: tar.extractfile(member).read())


def members(deb, archive=None):
    """The files of a package, or those of a zip within it, in the order in which they come: (name, function that gives
    the bytes, good until the next)."""
    process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    try:
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            if not archive:
                yield from tar_members(tar)
                return
            for member in tar:
                if member.name.removeprefix("./") == archive:
                    yield from zip_members(tar.extractfile(member))
                    return
    finally:
        process.kill()                 # all that was wanted may have been in the first half
        process.wait()
