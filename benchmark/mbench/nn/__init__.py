"""Reference pieces for submissions: use them or ignore them."""

from mbench.nn.attack import attack, margins
from mbench.nn.constant_slope_regressor import ConstantSlopeRegressor
from mbench.nn.features import FourierFeatures, TaylorFeatures
from mbench.nn.neighbourhoods import Neighbourhoods, Surroundings
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
from mbench.nn.stacking import weigh_answers
from mbench.nn.terrain import Terrain, describe_neighbourhoods
from mbench.nn.trainer import TorchRegressor
from mbench.nn.training import Step, training

__all__ = [
    "MLP",
    "ConstantSlopeRegressor",
    "FourierFeatures",
    "Neighbourhoods",
    "RandomLayer",
    "ResidualAtan",
    "Step",
    "Surroundings",
    "TaylorFeatures",
    "Terrain",
    "TorchRegressor",
    "WeightRules",
    "affordable_steps",
    "attack",
    "constant_slope",
    "describe_neighbourhoods",
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
    "weigh_answers",
]
