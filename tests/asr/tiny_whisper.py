"""A Whisper of a few thousand weights, by chance, in CTranslate2's own format: says nonsense, but in every detail as a
real one does, from the tokenizer to word times."""

import json
from pathlib import Path

LANGUAGES = 99
TIMESTAMPS = 1501
SIZE = 32
SAID = ("a", "b", "c", "d", "Ġa", "Ġb", "Ġc", "<|endoftext|>")
"""What it says: a few letters, some at the beginning of a word."""


def write(folder: Path, scratch: Path, inner: int = SIZE) -> Path:
    """The converted model in `folder`; `scratch` holds the one of transformers that it comes from. `inner`: the width
    of the encoder inside a block, which makes a model large that is otherwise the same."""
    import ctranslate2
    import torch
    from transformers import PreTrainedTokenizerFast, WhisperConfig, WhisperForConditionalGeneration

    tokenizer = make_tokenizer()
    ids = {name: tokenizer.token_to_id(f"<|{name}|>") for name in ("endoftext", "startoftranscript", "notimestamps")}
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(),
        d_model=SIZE,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=inner,
        decoder_ffn_dim=SIZE,
        max_target_positions=448,
        pad_token_id=ids["endoftext"],
        bos_token_id=ids["endoftext"],
        eos_token_id=ids["endoftext"],
        decoder_start_token_id=ids["startoftranscript"],
        suppress_tokens=[],
        begin_suppress_tokens=[ids["endoftext"]],
    )
    torch.manual_seed(4)
    model = WhisperForConditionalGeneration(config)
    with torch.no_grad():
        said = [tokenizer.token_to_id(token) for token in SAID]
        loud = torch.randn(len(said), SIZE) * 0.02
        model.model.decoder.embed_tokens.weight *= 0.01
        model.model.decoder.embed_tokens.weight[said] = 50 * loud
        model.model.decoder.embed_positions.weight *= 1000
    model.save_pretrained(scratch)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(scratch)
    ctranslate2.converters.TransformersConverter(str(scratch)).convert(str(folder), force=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    _tell_languages(folder / "config.json", tokenizer)
    return folder


def make_tokenizer():
    """Bytes, the empty token by which CTranslate2 knows a multilingual model, and Whisper's special tokens in order."""
    import tokenizers
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    languages = [f"<|{code}|>" for code in _LANGUAGE_CODES[:LANGUAGES]]
    rest = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    special = ["<|endoftext|>", "<|startoftranscript|>", *languages, *(f"<|{name}|>" for name in rest)]
    special += [f"<|{number * 0.02:.2f}|>" for number in range(TIMESTAMPS)]
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*alphabet, *SAID[4:7], ""])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    return tokenizer


def _tell_languages(config: Path, tokenizer) -> None:
    told = json.loads(config.read_text())
    first = tokenizer.token_to_id("<|startoftranscript|>") + 1
    told["lang_ids"] = list(range(first, first + LANGUAGES))
    config.write_text(json.dumps(told))
