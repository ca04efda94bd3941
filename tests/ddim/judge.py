# SPDX-License-Identifier: GPL-3.0-or-later
"""What measures samples of a small grey model: a classifier of the same pictures, and two distances on its features.

The network, in numpy: convolutions 1 -> 16 -> 32 channels (3 x 3, stride 2), then 128, then 32 units, then a class.
Two sets of 32 features, few enough that the covariance of 400 pictures still has full rank: `units`, the last layer
but one before its ReLU, knows what a picture shows and overlooks grain, as a classifier should; `texture`, mean and
deviation of each of the 16 maps of the first layer, sees grain and no shapes. Each set is shifted, and scaled by one
number, so that real pictures have mean 0 and, on the average, variance 1 per feature.
Frechet distance: Heusel 2017 (1706.08500) eq. 6. Its bias falls with the number of pictures, so values of different
numbers cannot be compared; KID (Binkowski 2018, 1801.01401, section 4: cubic kernel, unbiased) has no such bias.
"""
import numpy as np

CHANNELS, UNITS, FEATURES = (1, 16, 32), 128, 32
KINDS = ("units", "texture")


# ---------------------------------------------------------------------------- pictures

def load(folder, limit=0):
    """FOLDER/<number>-<class>.png -> uint8 [N,H,W] in the order of the names, labels [N]."""
    from PIL import Image
    names = sorted(p for p in folder.iterdir() if p.suffix == ".png")
    names = names[:limit or len(names)]
    return np.stack([np.asarray(Image.open(p)) for p in names]), np.array([int(p.stem.split("-")[1]) for p in names])


def quantised(x):
    """Samples [N,1,H,W] in -1 ... 1 as the pictures that would be saved: uint8 [N,H,W]."""
    return np.rint(np.clip(x[:, 0] * 127.5 + 127.5, 0, 255)).astype(np.uint8)


def scaled(pictures):
    return pictures[..., None].astype(np.float32) / 127.5 - 1


# ---------------------------------------------------------------------------- the network

def patches(x):
    """[N,H,W,C], a border of 0, 3 x 3 patches at every second place -> [N,h,w,9 C]."""
    n, height, width, channels = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    h, w = (height + 1) // 2, (width + 1) // 2
    return np.concatenate([padded[:, dy:dy + 2 * h - 1:2, dx:dx + 2 * w - 1:2] for dy in range(3) for dx in range(3)], 3)


def patches_back(gradient, shape):
    """The adjoint of patches."""
    n, height, width, channels = shape
    h, w = gradient.shape[1:3]
    out = np.zeros((n, height + 2, width + 2, channels), np.float32)
    for i in range(9):
        dy, dx = divmod(i, 3)
        out[:, dy:dy + 2 * h - 1:2, dx:dx + 2 * w - 1:2] += gradient[..., i * channels:(i + 1) * channels]
    return out[:, 1:-1, 1:-1]


def start(side, classes, rng):
    """He's start; pairs weights, bias."""
    for _ in CHANNELS[1:]:
        side = (side + 1) // 2
    sizes = [(9 * a, b) for a, b in zip(CHANNELS, CHANNELS[1:])]
    sizes += [(side * side * CHANNELS[-1], UNITS), (UNITS, FEATURES), (FEATURES, classes)]
    out = []
    for fan, units in sizes:
        out += [rng.normal(0, (2 / fan) ** .5, (fan, units)).astype(np.float32), np.zeros(units, np.float32)]
    return out


def forward(net, x):
    """Class scores and what backward needs: (input, values before the ReLU) of every layer."""
    kept, convolutions = [], len(CHANNELS) - 1
    for layer in range(len(net) // 2):
        shape = x.shape
        x = patches(x) if layer < convolutions else x.reshape(len(x), -1)
        z = x @ net[2 * layer] + net[2 * layer + 1]
        kept.append((x, z, shape))
        x = np.maximum(z, 0)
    return z, kept


def backward(net, kept, gradient):
    """Gradients of all parameters from that of the scores."""
    out = [None] * len(net)
    for layer in reversed(range(len(kept))):
        x, z, shape = kept[layer]
        if layer < len(kept) - 1:
            gradient = gradient.reshape(z.shape) * (z > 0)
        flat = gradient.reshape(-1, z.shape[-1])
        out[2 * layer], out[2 * layer + 1] = x.reshape(len(flat), -1).T @ flat, flat.sum(0)
        if layer > 0:
            gradient = gradient @ net[2 * layer].T
            gradient = patches_back(gradient, shape) if z.ndim == 4 else gradient.reshape(shape)
    return out


def softmax(scores):
    e = np.exp(scores - scores.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def train(pictures, labels, epochs, seed, batch=128, rate=1e-3):
    """Adam with a rate that falls to 0; the parameters."""
    rng = np.random.default_rng(seed)
    net = start(pictures.shape[1], int(labels.max()) + 1, rng)
    m, v = [np.zeros_like(p) for p in net], [np.zeros_like(p) for p in net]
    steps = max(1, epochs * len(pictures) // batch)
    for step in range(steps):
        chosen = rng.integers(0, len(pictures), batch)
        scores, kept = forward(net, scaled(pictures[chosen]))
        error = softmax(scores)
        error[np.arange(batch), labels[chosen]] -= 1
        now = rate * (1 - step / steps) / (1 - .9 ** (step + 1))
        for p, g, m1, v1 in zip(net, backward(net, kept, error / batch), m, v):
            m1 += .1 * (g - m1)
            v1 += .01 * (g * g - v1)
            p -= now * m1 / (np.sqrt(v1 / (1 - .99 ** (step + 1))) + 1e-8)
    return net


class Judge:
    """The classifier on pictures: features in double, shifted and scaled by what they are in real pictures."""

    def __init__(self, net, real):
        self.net, self.frames = net, {}
        for kind, features in self.raw(real).items():
            self.frames[kind] = features.mean(0), features.var(0).mean() ** .5

    def raw(self, pictures):
        """units [N,32], texture [N,32] and scores [N,classes] as the network has them."""
        out = {"units": [], "texture": [], "scores": []}
        for i in range(0, len(pictures), 500):
            scores, kept = forward(self.net, scaled(pictures[i:i + 500]))
            maps = kept[0][1]
            out["units"].append(kept[-2][1])
            out["texture"].append(np.concatenate([maps.mean((1, 2)), maps.std((1, 2))], 1))
            out["scores"].append(scores)
        return {kind: np.concatenate(parts).astype(float) for kind, parts in out.items()}

    def __call__(self, pictures):
        """{"units", "texture", "classes" [N]: the likeliest}."""
        raw = self.raw(pictures)
        told = {kind: (raw[kind] - self.frames[kind][0]) / self.frames[kind][1] for kind in KINDS}
        return {**told, "classes": raw["scores"].argmax(1)}


# ---------------------------------------------------------------------------- distances

def frechet(a, b):
    """|m_a - m_b|^2 + tr (C_a + C_b - 2 (C_a C_b)^(1/2)); the trace of the root from the eigenvalues of a symmetric form."""
    ca, cb = np.cov(a.T), np.cov(b.T)
    values, vectors = np.linalg.eigh(ca)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ cb @ root)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca) + np.trace(cb) -
                 2 * np.sqrt(np.maximum(inner, 0)).sum())


def kid(a, b):
    """Squared maximum mean discrepancy with k(x, y) = (x.y / d + 1)^3; pairs of a picture with itself left out."""
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x):
        k = kernel(x, x)
        return (k.sum() - np.trace(k)) / (len(x) * (len(x) - 1))
    return float(within(a) + within(b) - 2 * kernel(a, b).mean())
