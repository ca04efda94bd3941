#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the judge of a class-conditional texture model on real pictures: DATA/<class>/*.png -> FILE.npz.

Logistic regression on texture.py's features. The pictures are split into folds by picture, class by class; one
classifier per fold learns from crops of the others, so each picture is held out once. A class counts the same
whether it has ten pictures or a hundred.
"""
import argparse
import json

import numpy as np

import texture


def folds_of(labels, folds, rng):
    """Fold of each picture: within a class they are dealt out like cards."""
    out = np.zeros(len(labels), int)
    for label in np.unique(labels):
        mine = rng.permutation(np.flatnonzero(labels == label))
        out[mine] = (np.arange(len(mine)) + rng.integers(folds)) % folds
    return out


def softmax(z):
    z = np.exp(z - z.max(1, keepdims=True))
    return z / z.sum(1, keepdims=True)


def fit(x, labels, weights, classes, decay, steps=400):
    """Weighted multinomial logistic regression, full-batch Adam with a falling rate; [features+1,classes]."""
    x = np.concatenate([x, np.ones((len(x), 1), np.float32)], 1)
    wanted = np.eye(classes, dtype=np.float32)[labels]
    w = np.zeros((x.shape[1], classes), np.float32)
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step in range(1, steps + 1):
        gradient = x.T @ ((softmax(x @ w) - wanted) * weights[:, None]) + decay * w
        m, v = 0.9 * m + 0.1 * gradient, 0.99 * v + 0.01 * gradient ** 2
        rate = 0.05 * (1 - step / (steps + 1))
        w -= rate * (m / (1 - 0.9 ** step)) / (np.sqrt(v / (1 - 0.99 ** step)) + 1e-8)
    return w


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("-o", "--output", default="classifier.npz")
    parser.add_argument("--picture-size", type=int, default=128, help="as in the model's training configuration")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--crops", type=int, default=24, help="of each picture, more from a small class")
    parser.add_argument("--decay", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    rng = np.random.default_rng(args.seed)
    found = texture.pictures(args.data)
    names = sorted({name for name, _ in found})
    labels = np.array([names.index(name) for name, _ in found])
    fold = folds_of(labels, args.folds, rng)
    count = np.bincount(labels)
    rows, of = [], []
    for i, (_, path) in enumerate(found):
        n = int(args.crops * min(3, max(1, 40 / count[labels[i]])))
        rows.append(texture.features(texture.crops(texture.read(path, args.picture_size), n, rng)))
        of += [i] * n
    x, of = np.concatenate(rows), np.array(of)
    mean, std = x.mean(0), x.std(0) + 1e-6
    x = np.clip((x - mean) / std, -6, 6)
    share = 1 / np.bincount(of)[of] / count[labels[of]]
    models = []
    for k in range(args.folds):
        here = fold[of] != k
        models.append(fit(x[here], labels[of][here], (share[here] / share[here].sum()).astype(np.float32), len(names),
                          args.decay))
        held = x[~here]
        guess = (np.concatenate([held, np.ones((len(held), 1), np.float32)], 1) @ models[-1]).argmax(1)
        right = guess == labels[of][~here]
        by_class = [right[labels[of][~here] == c].mean() for c in range(len(names))]
        print(f"fold {k}: held-out crops named {np.mean(by_class):.3f} (mean over classes)", flush=True)
    paths = [f"{name}/{path.name}" for name, path in found]
    np.savez_compressed(args.output, models=np.stack(models), mean=mean, std=std, settings=json.dumps({
        "classes": names, "picture_size": args.picture_size, "seed": args.seed,
        "fold": dict(zip(paths, fold.tolist()))}))


if __name__ == "__main__":
    main()
