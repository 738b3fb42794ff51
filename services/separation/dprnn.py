"""The mask network of PixIT: a dual-path RNN (Luo et al., "Dual-path RNN: efficient long sequence modeling", 2020).

pyannote takes it from the package asteroid, which is not among our packages. This one has the same parameters under the
same names, so that published checkpoints load.

    features (N, T) ──> chunks of K frames every K/2 ──> [ LSTM within each chunk ──> LSTM across chunks ] x repeats
        ──> a map a voice ──> chunks added up ──> gate ──> masks (voices, N, T)
"""

import torch
from torch import Tensor, nn

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "linear": nn.Identity}


class Dprnn(nn.Module):
    """(B, in_chan, T) to masks (B, n_src, out_chan, T). The arguments are those of asteroid's DPRNN."""

    def __init__(
        self,
        in_chan: int,
        n_src: int,
        out_chan: int | None = None,
        bn_chan: int = 128,
        hid_size: int = 128,
        chunk_size: int = 100,
        n_repeats: int = 6,
        norm_type: str = "gLN",
        mask_act: str = "relu",
        rnn_type: str = "LSTM",
    ) -> None:
        super().__init__()
        if norm_type != "gLN" or rnn_type != "LSTM" or mask_act not in ACTIVATIONS:
            expected = f"gLN, LSTM and one of {', '.join(ACTIVATIONS)}"
            raise ValueError(f"norm_type {norm_type}, rnn_type {rnn_type}, mask_act {mask_act}: expected {expected}")
        self._voices, self._width, self._chunk = n_src, bn_chan, chunk_size
        self.bottleneck = nn.Sequential(_GlobalNorm(in_chan), nn.Conv1d(in_chan, bn_chan, 1))
        self.net = nn.Sequential(*(_Repeat(bn_chan, hid_size) for _ in range(n_repeats)))
        self.first_out = nn.Sequential(nn.PReLU(), nn.Conv2d(bn_chan, n_src * bn_chan, 1))
        self.net_out = nn.Sequential(nn.Conv1d(bn_chan, bn_chan, 1), nn.Tanh())
        self.net_gate = nn.Sequential(nn.Conv1d(bn_chan, bn_chan, 1), nn.Sigmoid())
        self.mask_net = nn.Conv1d(bn_chan, out_chan or in_chan, 1, bias=False)
        self.output_act = ACTIVATIONS[mask_act]()

    def forward(self, features: Tensor) -> Tensor:
        batch, _, frames = features.shape
        narrow = nn.functional.pad(self.bottleneck(features), (self._chunk, self._chunk))
        chunks = narrow.unfold(2, self._chunk, self._chunk // 2)
        maps = self.first_out(self.net(chunks.transpose(2, 3)))
        maps = maps.reshape(batch * self._voices, self._width, self._chunk, -1)
        whole = self._added(maps, frames + 2 * self._chunk)[..., self._chunk : self._chunk + frames]
        masks = self.output_act(self.mask_net(self.net_out(whole) * self.net_gate(whole)))
        found: Tensor = masks.view(batch, self._voices, -1, frames)
        return found

    def _added(self, maps: Tensor, length: int) -> Tensor:
        """Chunks (B, N, K, L) over each other, K/2 apart: (B, N, length)."""
        count = maps.shape[-1]
        starts = torch.arange(count, device=maps.device) * (self._chunk // 2)
        places = (torch.arange(self._chunk, device=maps.device)[:, None] + starts).flatten()
        out = maps.new_zeros(*maps.shape[:2], length)
        return out.index_add(2, places, maps.flatten(2))


class _Repeat(nn.Module):
    """One pass within the chunks and one across them, each added to what came in: (B, N, K, L) to the same."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.intra_RNN = _Lstm(width, hidden)
        self.intra_linear = nn.Linear(2 * hidden, width)
        self.intra_norm = _GlobalNorm(width)
        self.inter_RNN = _Lstm(width, hidden)
        self.inter_linear = nn.Linear(2 * hidden, width)
        self.inter_norm = _GlobalNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        batch, width, size, count = x.shape
        within = self.intra_linear(self.intra_RNN(x.permute(0, 3, 2, 1).reshape(-1, size, width)))
        x = x + self.intra_norm(within.view(batch, count, size, width).permute(0, 3, 2, 1))
        across = self.inter_linear(self.inter_RNN(x.permute(0, 2, 3, 1).reshape(-1, count, width)))
        found: Tensor = x + self.inter_norm(across.view(batch, size, count, width).permute(0, 3, 1, 2))
        return found


class _Lstm(nn.Module):
    """In both directions; a module of its own for the sake of the names."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.rnn(x)[0]
        return found


class _GlobalNorm(nn.Module):
    """Mean 0 and variance 1 over all but the batch, then a gain and an offset a channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.group_norm(x, 1, self.gamma, self.beta, eps=1e-8)
