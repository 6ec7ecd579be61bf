"""Make README's film: three networks learn the Mandelbrot set from the same 10,000 points, side by side.

python docs/learning.py    (half a minute; writes docs/learning.webp)
"""

from pathlib import Path

import numpy as np
import torch

import mbench
from mbench.nn import MLP, FourierFeatures, training

HEIGHT, WIDTH, GAP = 150, 236, 4
STEPS, FRAMES = 700, 26
ORDERS = 256


def make_network(features=None):
    """Return the reference network on the points themselves, or on features of them."""
    torch.manual_seed(0)
    network = MLP(n_inputs=2 if features is None else features.n_features, n_outputs=1, width=128, depth=4)
    return network if features is None else torch.nn.Sequential(features, network)


def learn():
    """Train in lockstep; yield (step, picture) at moments that are closer together early on."""
    X, y = (torch.tensor(values, dtype=torch.float32) for values in mbench.load_sample("mandelbrot", 10_000))
    rows, columns = torch.meshgrid(torch.linspace(1, -1, HEIGHT), torch.linspace(-1, 1, WIDTH), indexing="ij")
    pixels = torch.stack([columns.ravel(), rows.ravel()], dim=1)
    features = (None, FourierFeatures(2, ORDERS), FourierFeatures(2, ORDERS, falloff=1.0))
    networks = [make_network(each) for each in features]
    loops = [training(network, X, y, learning_rate=3e-3, batch_size=256) for network in networks]
    moments = set(np.round(STEPS * np.linspace(0, 1, FRAMES) ** 2).astype(int))
    gap = np.zeros((HEIGHT, GAP))
    for steps in zip(*loops, strict=True):
        number = steps[0].number
        if number in moments:
            with torch.no_grad():
                left, middle, right = (network(pixels).reshape(HEIGHT, WIDTH).numpy() for network in networks)
            yield number, np.concatenate([left, gap, middle, gap, right], axis=1)
        if number == STEPS:
            return
        if number == int(STEPS * 0.6):
            for step in steps:
                step.learning_rate = 3e-4


if __name__ == "__main__":
    torch.set_num_threads(1)
    title = "no features | 256 Fourier orders | 256 orders that fall"
    mbench.write_film(Path(__file__).with_suffix(".webp"), learn(), fps=4, title=title)
