"""Reference pieces for submissions in torch: use them or ignore them."""

from mbench.nn.attack import attack, margins
from mbench.nn.features import FourierFeatures, TaylorFeatures
from mbench.nn.networks import MLP
from mbench.nn.random_layer import RandomLayer
from mbench.nn.regularisers import WeightRules, constant_slope, lipschitz_bound, measured_slope, squared_slope
from mbench.nn.residual import ResidualAtan
from mbench.nn.schedule import (
    affordable_steps,
    fourier_orders,
    perceptron_step_ms,
    reference_learning_rate,
    reference_orders,
    reference_settings,
    reference_steps,
)
from mbench.nn.trainer import TorchRegressor
from mbench.nn.training import Step, training

__all__ = [
    "MLP",
    "FourierFeatures",
    "RandomLayer",
    "ResidualAtan",
    "Step",
    "TaylorFeatures",
    "TorchRegressor",
    "WeightRules",
    "affordable_steps",
    "attack",
    "constant_slope",
    "fourier_orders",
    "lipschitz_bound",
    "margins",
    "measured_slope",
    "perceptron_step_ms",
    "reference_learning_rate",
    "reference_orders",
    "reference_settings",
    "reference_steps",
    "squared_slope",
    "training",
]
