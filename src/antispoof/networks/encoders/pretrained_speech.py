"""A speech network that others trained on thousands of hours: wav2vec 2.0, WavLM, HuBERT.

A. Baevski et al., "wav2vec 2.0", NeurIPS 2020; W. Hsu et al., "HuBERT", IEEE/ACM TASLP 2021; S. Chen et al.,
"WavLM", IEEE JSTSP 2022. The weights come from a folder or a hub through the package transformers, under the
licence that their publishers state.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from antispoof.errors import InputError, MissingExtraError
from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.tokens import Levels

__all__ = ["PretrainedSpeech"]


@encoders.register("pretrained_speech")
class PretrainedSpeech(Encoder):
    """Hidden states of three depths, each narrowed by a linear layer.

    Args:
        channels: 1.
        source: folder, or name on a hub, that ``transformers.AutoModel`` can load.
        width: features of the tokens that leave.
        frozen: whether the pretrained part stays as it is.
    """

    takes = "waveform"

    def __init__(self, channels: int, *, source: str = "", width: int = 64, frozen: bool = True) -> None:
        super().__init__()
        if channels != 1:
            raise InputError(f"channels must be 1 for a waveform, got {channels}")
        if not source:
            raise InputError("source must name a folder or a model on a hub, got an empty text")
        try:
            from transformers import AutoModel
        except ModuleNotFoundError:
            raise MissingExtraError("pretrained speech encoders", "train") from None
        try:
            model: Any = AutoModel.from_pretrained(source, use_safetensors=True)
        except (OSError, ValueError) as error:
            raise InputError(f"source {source!r} cannot be loaded: {error}") from None
        if not hasattr(model, "feature_extractor"):
            raise InputError(f"source {source!r} holds {type(model).__name__}, which does not take waveforms")
        model.masked_spec_embed = None  # hides parts of the input in pretraining; of no use here
        if frozen:
            model.requires_grad_(False)
        self.frozen = frozen
        self.model = model
        layers = model.config.num_hidden_layers
        self.depths = (layers // 4, layers // 2, layers)
        self.dims = (width, width, width)
        hidden = model.config.hidden_size
        self.narrow = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, width)) for _ in self.depths
        )
        self.stages = {
            "pretrained": self.model,
            "shallow": self.narrow[0],
            "middle": self.narrow[1],
            "deep": self.narrow[2],
        }

    def train(self, mode: bool = True) -> PretrainedSpeech:
        """Switch modes; a frozen part stays as in use, without dropout."""
        super().train(mode)
        if self.frozen:
            self.model.eval()
        return self

    def forward(self, x: Tensor) -> Levels:
        """Map (B, N) to tokens every 20 ms, all depths alike."""
        # What these networks were trained on has zero mean and unit variance.
        x = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, correction=0) + 1e-7).sqrt()
        states = self.model(x, output_hidden_states=True).hidden_states
        shallow, middle, deep = (
            part(states[depth]) for part, depth in zip(self.narrow, self.depths, strict=True)
        )
        return shallow, middle, deep
