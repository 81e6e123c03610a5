"""The article's workshop: layers, and a classifier made of them.

Layers have **examples as columns**, Z = W X + b with X (n_in, m); `BinaryClassifier`, which speaks scikit-learn, takes rows.
"""

from cgraph.nn import functional
from cgraph.nn.classifier import BinaryClassifier
from cgraph.nn.layers import Linear, ReLU, Sequential, Sigmoid, Tanh
from cgraph.nn.progress import Progress
from cgraph.nn.training import ClassifierGraph, Training, classifier_graph

__all__ = [
    "BinaryClassifier",
    "ClassifierGraph",
    "Linear",
    "Progress",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "Training",
    "classifier_graph",
    "functional",
]
