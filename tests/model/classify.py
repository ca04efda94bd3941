#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a class-conditional texture model make what it is asked for? A judge that learned real pictures names samples.

classify.py FILE.npz --data DATA --samples DIR [--random DIR] [-o OUT.json], each folder <class>/*.png.
Rows of the table: held-out real crops (each picture judged by the classifier that never saw it), the same blurred,
noise of the pictures' own colours, samples, samples of a network with random weights. Samples are judged by every
fold's classifier and the share of right names is averaged. Exit status 1: samples reach less than --share of the
judge's own accuracy. Samples must be at the scale the model makes, never resized.
"""
import argparse
import json
import sys

import numpy as np

import texture


class Judge:
    def __init__(self, path):
        file = np.load(path)
        self.models, self.mean, self.std = file["models"], file["mean"], file["std"]
        self.settings = json.loads(str(file["settings"]))
        self.classes = self.settings["classes"]

    def scores(self, crops, fold):
        x = np.clip((texture.features(crops) - self.mean) / self.std, -6, 6)
        return np.concatenate([x, np.ones((len(x), 1), np.float32)], 1) @ self.models[fold]


class Tally:
    """Right names by class: first guess, among three, and who is taken for whom."""

    def __init__(self, classes):
        self.classes, n = classes, len(classes)
        self.confusion, self.three = np.zeros((n, n)), np.zeros(n)

    def add(self, label, scores, weight):
        best = np.argsort(-scores, 1)[:, :3]
        np.add.at(self.confusion[label], best[:, 0], weight)
        self.three[label] += weight * (best == label).any(1).sum()

    def report(self, only):
        """Means over the classes `only`, so that a class counts once however many pictures it has."""
        count = self.confusion.sum(1)
        share = self.confusion / np.maximum(count, 1e-9)[:, None]
        return {"top1": float(share.diagonal()[only].mean()),
                "top3": float((self.three / np.maximum(count, 1e-9))[only].mean()),
                "by_class": {self.classes[i]: round(float(share[i, i]), 4) for i in only},
                "confusion": share[only].round(4).tolist()}


def noise_like(picture, rng):
    """Crops of independent pixels with the picture's own colours: the colour alone."""
    pixels = picture.reshape(-1, 3)
    return pixels[rng.integers(len(pixels), size=(1, texture.CROP, texture.CROP))]


def judge_real(judge, data, crops, seed):
    rng = np.random.default_rng(seed + 1)
    real, blurred, noise = (Tally(judge.classes) for _ in range(3))
    for name, path in texture.pictures(data):
        fold = judge.settings["fold"].get(f"{name}/{path.name}")
        if fold is None:
            sys.exit(f"{name}/{path.name} is not among the pictures that the classifier was made from.")
        picture, label = texture.read(path, judge.settings["picture_size"]), judge.classes.index(name)
        x = texture.crops(picture, crops, rng)
        real.add(label, judge.scores(x, fold), 1)
        blurred.add(label, judge.scores(texture.blurred(x), fold), 1)
        noise.add(label, judge.scores(noise_like(picture, rng), fold), 1)
    return {"real crops, held out": real, "the same, blurred (sigma 2)": blurred, "noise in their colours": noise}


def judge_samples(judge, folder, crops, seed):
    rng = np.random.default_rng(seed + 2)
    tally = Tally(judge.classes)
    for name, path in texture.pictures(folder):
        if name not in judge.classes:
            sys.exit(f"{folder}: the classifier does not know the class {name}.")
        picture = texture.read(path)
        x = texture.crops(picture, 1 if min(picture.shape[:2]) == texture.CROP else crops, rng, wrap=False)
        for fold in range(len(judge.models)):
            tally.add(judge.classes.index(name), judge.scores(x, fold), 1 / len(judge.models))
    return tally


def print_confusion(name, report, classes):
    print(f"\nwho is taken for whom, {name} (%; - below 0.5)")
    print(" " * 12 + "".join(f"{name[:5]:>6}" for name in classes))
    for name, row in zip(report["by_class"], report["confusion"]):
        print(f"{name:12}" + "".join(f"{100 * v:6.0f}" if v >= 0.005 else "     -" for v in row))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("classifier")
    parser.add_argument("--data", required=True, help="the real pictures that the classifier was made from")
    parser.add_argument("--samples", help="pictures of the model")
    parser.add_argument("--random", help="pictures of the same network with random weights")
    parser.add_argument("--crops", type=int, default=8, help="of each picture")
    parser.add_argument("--share", type=float, default=0.85, help="of the judge's accuracy that samples must reach")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", help="JSON with all figures")
    args = parser.parse_args()

    judge = Judge(args.classifier)
    tallies = judge_real(judge, args.data, args.crops, args.seed)
    for name, folder in (("samples", args.samples), ("random weights", args.random)):
        if folder:
            tallies[name] = judge_samples(judge, folder, args.crops, args.seed)
    # only classes that were sampled are compared, with the judge's own accuracy on the same classes
    only = np.flatnonzero(tallies.get("samples", tallies["real crops, held out"]).confusion.sum(1))
    reports = {name: tally.report(only) for name, tally in tallies.items()}
    own = reports["real crops, held out"]["top1"]

    print(f"{'':30}{'top 1':>8}{'top 3':>8}{'of own':>8}    ({len(only)} classes, chance {1 / len(judge.classes):.3f})")
    for name, report in reports.items():
        print(f"{name:30}{report['top1']:8.3f}{report['top3']:8.3f}{report['top1'] / own:8.2f}")
    wanted = [name for name in ("real crops, held out", "samples", "random weights") if name in reports]
    print("\n" + f"{'by class':12}" + "".join(f"{name.split()[0]:>10}" for name in wanted))
    for name in reports[wanted[0]]["by_class"]:
        print(f"{name:12}" + "".join(f"{reports[w]['by_class'][name]:10.2f}" for w in wanted))
    shown = "samples" if "samples" in reports else wanted[0]
    print_confusion(shown, reports[shown], judge.classes)
    passed = "samples" not in reports or reports["samples"]["top1"] >= args.share * own
    if args.output:
        with open(args.output, "w", encoding="utf-8") as f:
            json.dump({"classes": judge.classes, "share_wanted": args.share, "passed": passed, **reports}, f, indent=1)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
