"""The report's network, layer by layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrebench_cnn.options import lengths


class Network(nn.Module):
    """Maps a window of samples to one logit per genre.

    Three blocks of convolution, ReLU, batch norm and average pool, without padding; then two fully connected layers with
    ReLU and batch norm, and a last one whose softmax gives the probabilities. Dropout, where set, comes before each
    convolution and before the first two fully connected layers. With 16 genres and windows of 44,100 samples there are
    869,008 parameters.

    Parameters
    ----------
    n_genres : int
    window : int
        Samples per window, at least 14,100.
    dropout : float
        Probability that a value is dropped, in [0, 1).

    References
    ----------
    M. Büchi, "Learning to Recognize Musical Genre", ZHAW, 2018.
    """

    def __init__(self, n_genres: int, window: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.window = window
        self.n_pooled = lengths(window)[-1]
        self.dropout = nn.Dropout(dropout)
        self.conv1 = nn.Conv1d(1, 32, 5)
        self.norm1 = nn.BatchNorm1d(32)
        self.conv2 = nn.Conv1d(32, 64, 5)
        self.norm2 = nn.BatchNorm1d(64)
        self.conv3 = nn.Conv1d(64, 128, 100, stride=20)
        self.norm3 = nn.BatchNorm1d(128)
        self.full1 = nn.Linear(128 * self.n_pooled, 70)
        self.norm4 = nn.BatchNorm1d(70)
        self.full2 = nn.Linear(70, 30)
        self.norm5 = nn.BatchNorm1d(30)
        self.full3 = nn.Linear(30, n_genres)
        self.pool = nn.AvgPool1d(4)
        self.last_pool = nn.AvgPool1d(40, stride=30)

    def norms(self) -> list[nn.BatchNorm1d]:
        """The five batch norms."""
        return [self.norm1, self.norm2, self.norm3, self.norm4, self.norm5]

    def maps(self, samples: Tensor) -> Tensor:
        """Feature maps before the last pool, shape (n, 128, positions), for samples of shape (n, n_samples)."""
        x = samples[:, None]
        x = self.pool(self.norm1(torch.relu(self.conv1(self.dropout(x)))))
        x = self.pool(self.norm2(torch.relu(self.conv2(self.dropout(x)))))
        return self.norm3(torch.relu(self.conv3(self.dropout(x))))

    def features(self, windows: Tensor) -> Tensor:
        """Input of the fully connected layers, shape (n, 128 * n_pooled), for windows of shape (n, window)."""
        return self.last_pool(self.maps(windows)).flatten(1)

    def head(self, features: Tensor) -> Tensor:
        """Logits, shape (n, n_genres), for features of shape (n, 128 * n_pooled)."""
        x = self.norm4(torch.relu(self.full1(self.dropout(features))))
        x = self.norm5(torch.relu(self.full2(self.dropout(x))))
        return self.full3(x)

    def forward(self, windows: Tensor) -> Tensor:
        """Logits, shape (n, n_genres), for windows of shape (n, window)."""
        return self.head(self.features(windows))
