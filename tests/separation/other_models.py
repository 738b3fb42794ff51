"""Small untrained checkpoints in the formats of SpeechBrain and pyannote."""

from pathlib import Path
from typing import Any

SEPFORMER = """
sample_rate: 8000
num_spks: {voices}
Encoder: !new:speechbrain.lobes.models.dual_path.Encoder
    kernel_size: 16
    out_channels: 16
Block: !new:speechbrain.lobes.models.dual_path.SBTransformerBlock
    num_layers: 1
    d_model: 16
    nhead: 2
    d_ffn: 32
    dropout: 0
    use_positional_encoding: true
    norm_before: true
MaskNet: !new:speechbrain.lobes.models.dual_path.Dual_Path_Model
    num_spks: !ref <num_spks>
    in_channels: 16
    out_channels: 16
    num_layers: 1
    K: 50
    intra_model: !ref <Block>
    inter_model: !ref <Block>
    norm: ln
    linear_layer_after_inter_intra: false
    skip_around_intra: true
Decoder: !new:speechbrain.lobes.models.dual_path.Decoder
    in_channels: 16
    out_channels: 1
    kernel_size: 16
    stride: 8
    bias: false
modules:
    encoder: !ref <Encoder>
    decoder: !ref <Decoder>
    masknet: !ref <MaskNet>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        encoder: !ref <Encoder>
        masknet: !ref <MaskNet>
        decoder: !ref <Decoder>
"""


def make_sepformer(folder: Path, voices: int = 2) -> Path:
    """hyperparams.yaml and three .ckpt files, as SpeechBrain publishes them."""
    import torch
    from hyperpyyaml import load_hyperpyyaml

    torch.manual_seed(0)
    text = SEPFORMER.format(voices=voices)
    (folder / "hyperparams.yaml").write_text(text, "utf-8")
    for name, module in load_hyperpyyaml(text)["modules"].items():
        torch.save(module.state_dict(), folder / f"{name}.ckpt")
    return folder


def make_pixit(folder: Path, kind: str = "ToTaToNet") -> Path:
    """pytorch_model.bin of pyannote's own class, without WavLM, which only the network can give."""
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications

    torch.manual_seed(0)
    options: dict[str, Any]
    if kind == "ToTaToNet":
        from pyannote.audio.models.separation import ToTaToNet

        from speakerline.services.separation.pixit import load_parts

        load_parts()
        options = {
            "encoder_decoder": {"fb_name": "free", "kernel_size": 32, "n_filters": 16, "stride": 16},
            "dprnn": {"n_repeats": 1, "bn_chan": 8, "hid_size": 8, "chunk_size": 20},
            "use_wavlm": False,
        }
        model: Any = ToTaToNet(**options)
        problems = (Problem.MULTI_LABEL_CLASSIFICATION, Problem.MONO_LABEL_CLASSIFICATION)
        model.specifications = tuple(
            Specifications(problem, Resolution.FRAME, duration=5.0, min_duration=5.0, classes=["a", "b", "c"])
            for problem in problems
        )
    else:
        from pyannote.audio.models.segmentation import PyanNet

        options = {"sincnet": {"stride": 10}, "lstm": {"hidden_size": 8, "num_layers": 1}}
        model = PyanNet(**options)
        model.specifications = Specifications(
            Problem.MULTI_LABEL_CLASSIFICATION, Resolution.FRAME, duration=5.0, classes=["a", "b", "c"]
        )
    model.build()
    content = {
        "state_dict": model.state_dict(),
        "hyper_parameters": {**model.hparams, **options},
        "pytorch-lightning_version": "2.0.0",
    }
    model.on_save_checkpoint(content)
    torch.save(content, folder / "pytorch_model.bin")
    return folder
