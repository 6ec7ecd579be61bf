"""Reference pieces for submissions: use them or ignore them."""

from mbench.nn.features import FourierFeatures, TaylorFeatures
from mbench.nn.neighbourhoods import Neighbourhoods, Surroundings
from mbench.nn.networks import MLP
from mbench.nn.regularisers import WeightRules, lipschitz_bound, squared_slope
from mbench.nn.schedule import (
    affordable_steps,
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
    "FourierFeatures",
    "Neighbourhoods",
    "Step",
    "Surroundings",
    "TaylorFeatures",
    "Terrain",
    "TorchRegressor",
    "WeightRules",
    "affordable_steps",
    "describe_neighbourhoods",
    "lipschitz_bound",
    "reference_learning_rate",
    "reference_orders",
    "reference_settings",
    "reference_steps",
    "squared_slope",
    "training",
    "weigh_answers",
]
