"""The separator's network: a mask for each voice, from a band-split spectrogram through a dual path of LSTMs.

    spectrum (frames, 128 bins) ──> 16 bands of 8 bins, each its own projection ──> features (frames, bands, N)
        ──> [ LSTM along the bands of a frame ──> LSTM along the frames of a band ] x blocks ──> a complex mask a voice

A frame is 32 ms, every 16 ms. With `causal` the LSTM along time runs forwards only and levels are known up to the frame
at hand, so that frames can be separated one by one with the state carried on.

Source: band splitting of Luo and Yu, "Music source separation with band-split RNN" (2023), dual path of Luo et al.,
"Dual-path RNN" (2020). docs/separation.md compares it with Conv-TasNet.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speakerline.services.separation.spectrum import BINS, HOP, WINDOW


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """bands divides 128; features: of a band in a frame; hidden: LSTM units in one direction."""

    bands: int = 16
    features: int = 64
    hidden: int = 64
    blocks: int = 4
    voices: int = 2
    causal: bool = False

    def __post_init__(self) -> None:
        if BINS % self.bands:
            raise ValueError(f"bands {self.bands}: expected a divisor of {BINS}")


class DualPath(nn.Module):
    """Looks across the bands of each frame, then across the frames of each band. (B, T, K, N) to the same."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        features, hidden = settings.features, settings.hidden
        self.band_norm = nn.LayerNorm(features)
        self.band_path = nn.LSTM(features, hidden, batch_first=True, bidirectional=True)
        self.band_out = nn.Linear(2 * hidden, features)
        self.time_norm = nn.LayerNorm(features)
        self.time_path = nn.LSTM(features, hidden, batch_first=True, bidirectional=not settings.causal)
        self.time_out = nn.Linear(hidden if settings.causal else 2 * hidden, features)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """`state`: of the LSTM along time, each (directions, B * K, hidden); None = a new beginning."""
        batch, frames, bands, features = x.shape
        across = self.band_path(self.band_norm(x).reshape(batch * frames, bands, features))[0]
        x = x + self.band_out(across).view(batch, frames, bands, features)
        along = self.time_norm(x).transpose(1, 2).reshape(batch * bands, frames, features)
        along, state = self.time_path(along, state)
        return x + self.time_out(along).view(batch, bands, frames, features).transpose(1, 2), state


class MaskNetwork(nn.Module):
    """Spectra of the voices from the spectrum of their mixture."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        bands, features, width = settings.bands, settings.features, BINS // settings.bands
        outputs = settings.voices * 2 * width
        self.split = nn.Parameter(torch.randn(bands, 3 * width, features) * (3 * width) ** -0.5)
        self.place = nn.Parameter(torch.zeros(bands, features))
        self.blocks = nn.ModuleList(DualPath(settings) for _ in range(settings.blocks))
        self.norm = nn.LayerNorm(features)
        self.widen = nn.Parameter(torch.randn(bands, features, 2 * features) * features**-0.5)
        self.mask = nn.Parameter(torch.randn(bands, 2 * features, outputs) * 0.3 * (2 * features) ** -0.5)
        self.bias = nn.Parameter(torch.zeros(bands, outputs))

    def forward(
        self, spectrum: Tensor, level: Tensor, states: list[tuple[Tensor, Tensor]] | None = None
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """spectrum: (B, T, 128, 2) real and imaginary; level: (B, T or 1, 1, 1), the RMS by which features are divided.

        Returns the voices' spectra (B, voices, T, 128, 2) and the states after the last frame, one a block."""
        batch, frames = spectrum.shape[:2]
        x = torch.einsum("btkq,kqn->btkn", self._features(spectrum / level), self.split) + self.place
        after = []
        for number, block in enumerate(self.blocks):
            x, state = block(x, states[number] if states else None)
            after.append(state)
        x = torch.tanh(torch.einsum("btkn,knm->btkm", self.norm(x), self.widen))
        x = torch.einsum("btkm,kmo->btko", x, self.mask) + self.bias
        masks = x.float().view(batch, frames, self.settings.bands, self.settings.voices, -1, 2)
        masks = masks.permute(0, 3, 1, 2, 4, 5).reshape(batch, self.settings.voices, frames, BINS, 2)
        real, imaginary = masks[..., 0] + 0.5, masks[..., 1]
        mixed = spectrum[:, None]
        voices = (
            mixed[..., 0] * real - mixed[..., 1] * imaginary,
            mixed[..., 0] * imaginary + mixed[..., 1] * real,
        )
        return torch.stack(voices, -1), after

    def _features(self, spectrum: Tensor) -> Tensor:
        """Compressed real and imaginary part and log magnitude, by band: (B, T, bands, 3 * bins of a band)."""
        batch, frames = spectrum.shape[:2]
        magnitude = (spectrum.square().sum(-1) + 1e-8).sqrt()
        compressed = spectrum / magnitude.sqrt()[..., None]
        stacked = torch.cat([compressed, torch.log(magnitude)[..., None] / 3], -1)
        return stacked.view(batch, frames, self.settings.bands, -1)


class Separator(nn.Module):
    """Samples in, samples out: the network between a Fourier transform and its inverse."""

    window: Tensor

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.network = MaskNetwork(settings)
        self.register_buffer("window", torch.hann_window(WINDOW).sqrt(), persistent=False)

    def forward(self, mixture: Tensor) -> Tensor:
        """(B, samples) at 8 kHz to (B, voices, samples)."""
        spectrum = torch.stft(mixture, WINDOW, HOP, window=self.window, return_complex=True)
        parts = torch.view_as_real(spectrum[:, :BINS]).transpose(1, 2)
        voices = self.network(parts, level_of(parts, self.network.settings.causal))[0]
        batch, count = voices.shape[:2]
        full = nn.functional.pad(torch.view_as_complex(voices.contiguous()).transpose(2, 3), (0, 0, 0, 1))
        samples = torch.istft(full.flatten(0, 1), WINDOW, HOP, window=self.window, length=mixture.shape[-1])
        return samples.view(batch, count, -1)


def level_of(spectrum: Tensor, causal: bool) -> Tensor:
    """The RMS of a spectrum (B, T, 128, 2): of the whole (B, 1, 1, 1), or causal, up to each frame (B, T, 1, 1)."""
    power = spectrum.square().sum(-1).mean(-1, keepdim=True)[..., None]
    if causal:
        power = power.cumsum(1) / torch.arange(1, power.shape[1] + 1, device=power.device).view(1, -1, 1, 1)
    else:
        power = power.mean(1, keepdim=True)
    return torch.sqrt(power + 1e-8)
